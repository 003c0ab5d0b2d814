use instrument_core::{metrics, timed};

#[timed("a", buckets = [0.1, 0.05])]
fn falling() {}

#[timed("b", buckets = [])]
fn empty() {}

#[timed("c", buckets = [1, 2])]
fn integers() {}

#[timed("d", buckets = mikro)]
fn no_preset() {}

#[timed("e", buckets = exp(0.0, 2.0, 5))]
fn from_zero() {}

#[timed("f", buckets = linear(1.0, 2.0))]
fn two_numbers() {}

const LADDER: [f64; 2] = [2.0, 1.0];

#[timed("g", buckets = LADDER)]
fn falling_constant() {}

metrics! {
    /// Lots.
    static LOTS: Histogram = "lots", buckets = exp(1.0, 1.0, 5);
}

fn main() {
    falling();
    empty();
    integers();
    no_preset();
    from_zero();
    two_numbers();
    falling_constant();
}
