use instrument_core::{counted, metrics, timed};

#[timed("orders", labels(symbol = %symbol))]
fn without_a_limit(symbol: &str) {
    let _ = symbol;
}

#[timed("orders", labels(buy), limit = 3)]
fn nothing_to_limit(buy: bool) {
    let _ = buy;
}

#[timed("orders", labels(symbol: &str = %symbol), limit = 3)]
fn typed(symbol: &str) {
    let _ = symbol;
}

metrics! {
    /// Signals.
    static SIGNALS: Counter<(buy: bool)> = "signals_total";
}

#[counted(SIGNALS, labels(buy = %buy))]
fn of_a_declared_metric(buy: bool) {
    let _ = buy;
}

fn main() {
    without_a_limit("");
    nothing_to_limit(true);
    typed("");
    of_a_declared_metric(true);
}
