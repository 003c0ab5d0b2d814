use instrument_core::{counted, timed};

#[timed("orders", help = "One.", help = "Two.")]
fn twice() {}

#[timed(labels(side), buckets = [1.0], help = "Orders.", outcome = false, on = ok, sample = 1/2)]
fn without_a_name(side: bool) {
    let _ = side;
}

#[timed("orders", ok_if = Option::is_some, err_if = Option::is_none)]
fn two_classifiers() -> Option<u32> {
    None
}

#[timed("orders", ok_if = Option::is_some)]
#[counted("orders", err_if = Option::is_none)]
fn two_classifiers_on_two_attributes() -> Option<u32> {
    None
}

#[timed("orders", on = enter)]
fn a_duration_at_entry() {}

#[counted("orders", on = eror, outcome = maybe)]
fn unknown_words() {}

#[timed("orders", sample = 2/3)]
fn not_a_sample() {}

#[timed("orders", sample = 1/2)]
#[timed("fills", sample = 1/3)]
fn two_samples() {}

#[timed(in_flight)]
#[counted(in_flight)]
fn one_gauge_twice() {}

#[timed(skip)]
fn skipped_without_an_impl() {}

struct Desk;

#[timed("desk")]
impl Desk {
    fn one_name_for_all(&self) {}
}

fn main() {
    twice();
    without_a_name(true);
    two_classifiers();
    two_classifiers_on_two_attributes();
    a_duration_at_entry();
    unknown_words();
    not_a_sample();
    two_samples();
    one_gauge_twice();
    skipped_without_an_impl();
    Desk.one_name_for_all();
}
