use instrument_core::{counted, metrics, timed};

#[timed("order-submit")]
fn hyphen() {}

#[timed("orders_total")]
fn total() {}

#[counted("orders_count")]
fn reserved() {}

#[counted(7)]
fn number() {}

metrics! {
    /// Signals.
    static SIGNALS: Counter = "signals";
    /// A level.
    static LEVEL: Gauge = "level_total";
    static UNDOCUMENTED: Gauge = "undocumented";
}

fn main() {
    hyphen();
    total();
    reserved();
    number();
}
