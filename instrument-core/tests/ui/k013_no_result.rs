use instrument_core::{counted, timed};

#[counted("orders", on = error)]
fn cannot_fail() {}

#[timed("orders", error_label)]
fn has_no_error() -> Option<u32> {
    None
}

#[counted("orders", labels(many = *ok > 3))]
async fn has_no_ok() -> u32 {
    1
}

fn main() {
    cannot_fail();
    has_no_error();
    let _ = has_no_ok();
}
