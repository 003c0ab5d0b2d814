use instrument_core::timed;

#[timed("orders", labels("side" = true))]
fn a_key_in_quotes() {}

#[timed("orders", labels(urgent: bool))]
fn a_type_without_a_value(urgent: bool) {
    let _ = urgent;
}

#[timed("orders", labels(symbol = %symbol), limit = 0)]
fn no_values_at_all(symbol: &str) {
    let _ = symbol;
}

#[timed("orders", labels(symbol = %symbol), limit = "many")]
fn a_limit_in_words(symbol: &str) {
    let _ = symbol;
}

#[timed("orders", labels(urgent = late))]
fn no_such_argument(urgent: bool) {
    let _ = urgent;
}

fn main() {
    a_key_in_quotes();
    a_type_without_a_value(true);
    no_values_at_all("");
    a_limit_in_words("");
    no_such_argument(true);
}
