use instrument_core::{ErrorLabel, LabelValue, metrics, timed};

#[timed("orders", labels(symbol))]
fn free_text(symbol: String) {
    let _ = symbol;
}

struct Desk<V>(V);

impl<V> Desk<V> {
    #[timed("desk", labels(venue = self.0))]
    fn of_self(&self) {}
}

#[timed("generic", labels(side))]
fn generic<T: LabelValue>(side: T) {
    let _ = side;
}

#[derive(LabelValue)]
enum Refusal {
    Closed,
    Lots(u32),
}

#[derive(LabelValue)]
struct Order;

#[derive(ErrorLabel)]
enum Nothing {}

#[derive(LabelValue)]
enum Same {
    #[label("one")]
    One,
    #[label("one")]
    Other,
}

#[timed("unlabelled", error_label)]
fn unlabelled() -> Result<(), String> {
    Ok(())
}

metrics! {
    /// Signals.
    static SIGNALS: Counter<(lots: u32)> = "signals_total";
}

fn main() {
    free_text(String::new());
    Desk(1).of_self();
    generic(true);
    unlabelled().unwrap();
}
