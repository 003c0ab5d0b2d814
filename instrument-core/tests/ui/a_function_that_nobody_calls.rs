#![deny(dead_code, unused_must_use)]

use instrument_core::{counted, timed};

#[timed]
fn never_called() -> Result<u32, String> {
    Ok(1)
}

struct Desk;

#[timed]
impl Desk {
    #[counted]
    fn never_called_either(&self) {}

    fn called(&self) -> Result<u32, String> {
        Ok(1)
    }
}

#[timed]
#[must_use]
async fn a_future() -> u32 {
    1
}

fn main() {
    Desk.called();
    a_future();
}
