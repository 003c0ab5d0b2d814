use instrument_core::{counted, timed};

#[timed("order_latency_ms")]
fn milliseconds() {}

#[timed("order_duration")]
fn duration() {}

#[counted("orders_total_total")]
fn two_totals() {}

#[counted("orders_counter")]
fn counter() {}

fn main() {
    milliseconds();
    duration();
    two_totals();
    counter();
}
