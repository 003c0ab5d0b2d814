use instrument_core::{metrics, timed};

metrics! {
    /// Fetches.
    static FETCH: Histogram = "fetch_seconds";
}

#[timed(FETCH, help = "Mine.", buckets = [1.0], in_flight, sample = 1/2)]
fn fetch() {}

fn main() {
    fetch();
}
