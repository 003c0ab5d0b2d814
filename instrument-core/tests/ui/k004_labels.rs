use instrument_core::{metrics, timed};

#[timed("orders", labels(le = "x"))]
fn reserved() {}

#[timed("orders", labels(__side = "x"))]
fn underscores() {}

#[timed("orders", labels(side = "x", side = "y"))]
fn twice() {}

metrics! {
    /// Whether it is up.
    static UP: Gauge<(ready: bool, server: configured)> = "up_now";
}

fn main() {
    reserved();
    underscores();
    twice();
}
