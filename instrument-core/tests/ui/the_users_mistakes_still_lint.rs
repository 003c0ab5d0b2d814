#![deny(warnings)]

use instrument_core::timed;

#[timed]
fn unused_argument(lots: u32, side: bool) -> Result<u32, String> {
    let extra = 1;
    Ok(lots)
}

#[timed]
async fn unused_in_async(lots: u32, mut side: bool) -> Result<u32, String> {
    Ok(lots)
}

#[timed]
fn never_called() -> u32 {
    1
}

#[timed]
#[must_use]
fn must_be_used() -> u32 {
    1
}

#[timed]
fn ignores_a_result() -> Result<(), String> {
    Err::<(), ()>(());
    return Ok(());
    Ok(())
}

fn main() {
    let _ = unused_argument(1, true);
    let _ = unused_in_async(1, true);
    must_be_used();
    let _ = ignores_a_result();
}
