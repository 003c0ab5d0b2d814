//! Places that contradict each other are refused at install (K010), all of them, each with both places: word for word as
//! in `conflicts.txt`. `CONFLICTS=overwrite` writes it anew.

use instrument_core::{InstallError, counted, metrics, timed};

metrics! {
    /// One text.
    static FIRST: Counter = "clash_help_total";
    /// Another text.
    static SECOND: Counter = "clash_help_total";
    /// Wanted with labels.
    static LABELLED: Counter<(side: bool)> = "clash_keys_total";
    /// Far too many.
    static MANY: Gauge<(a: Many, b: Many)> = "clash_many";
}

/// Forty values.
#[derive(Clone, Copy)]
struct Many;

impl instrument_core::LabelValue for Many {
    const VALUES: &'static [&'static str] = &["x"; 40];

    fn index(&self) -> usize {
        0
    }
}

#[timed("clash_kind_seconds")]
fn a_histogram() {}

metrics! {
    /// A gauge of the same name.
    static KIND: Gauge = "clash_kind_seconds";
}

#[timed("clash_buckets", buckets = [0.1])]
#[timed("clash_buckets", buckets = [0.2])]
fn two_ladders() {}

#[counted(LABELLED, labels(sides = side))]
fn wrong_key(side: bool) {
    let _ = side;
}

#[test]
fn every_conflict_is_told_with_both_places() {
    a_histogram();
    two_ladders();
    wrong_key(true);
    let _ = (
        FIRST.metric(),
        SECOND.metric(),
        MANY.metric(),
        KIND.metric(),
    );
    let Err(error @ InstallError::Conflicts(_)) = instrument_core::install() else {
        panic!("it must be refused");
    };
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conflicts.txt");
    let text = format!("{error}\n");
    if std::env::var_os("CONFLICTS").is_some_and(|wanted| wanted == "overwrite") {
        std::fs::write(golden, &text).expect("the file can be written");
    }
    assert_eq!(
        text,
        std::fs::read_to_string(golden).unwrap_or_default(),
        "{golden}"
    );
}
