use instrument_core::{counted, timed};

#[timed]
struct Order;

#[counted]
mod feed {}

fn main() {
    let _ = Order;
}
