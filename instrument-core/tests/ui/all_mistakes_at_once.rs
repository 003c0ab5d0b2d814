use instrument_core::{counted, timed};

/// Every one of these is told in one go, and the function is there all the same.
#[timed("order-submit", labels(sides, le = "x"), bucket = [1.0])]
#[counted("orders_count", on = sometimes, labels(why = err.len()), limit)]
fn submit(side: bool) -> Result<u32, String> {
    if side { Ok(1) } else { Err(String::new()) }
}

fn main() {
    let placed: Result<u32, String> = submit(true);
    drop(placed);
}
