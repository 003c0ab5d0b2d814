use instrument_core::timed;

#[timed("orders", labels(sides))]
fn misspelled(side: bool, lots: u32) {
    let _ = (side, lots);
}

#[timed("orders", labels(side))]
fn without_arguments() {}

fn main() {
    misspelled(true, 1);
    without_arguments();
}
