use instrument_core::{counted, metrics};

metrics! {
    /// Orders.
    static ORDERS: Summary = "orders";
}

metrics! {
    /// Fetches.
    static FETCH: Histogram = "fetch_seconds";
}

#[counted(FETCH)]
fn counts_a_histogram() {}

fn main() {
    counts_a_histogram();
}
