use instrument_core::timed;

#[timed("orders", buckets = "micro")]
fn in_quotes() {}

#[timed("orders", buckets = 0.1)]
fn one_number() {}

fn main() {
    in_quotes();
    one_number();
}
