use instrument_core::{LabelValue, counted, metrics, timed};

#[timed("orders", lables(side), helpp = "Orders.")]
fn misspelled(side: bool) {
    let _ = side;
}

#[counted("orders", buckets = [1.0], xyzzy)]
fn of_the_other_attribute() {}

metrics! {
    /// Signals.
    static SIGNALS: Counter = "signals_total", buckets = [1.0];
}

#[derive(LabelValue)]
#[label(rename_all = "Snake")]
enum Side {
    Buy,
}

fn main() {
    misspelled(true);
    of_the_other_attribute();
}
