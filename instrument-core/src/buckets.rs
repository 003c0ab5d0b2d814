//! Upper bounds of buckets that a constant gives; those in brackets are checked by the macro.

/// Checks them while the program is built.
///
/// # Panics
/// At compile time, if there are none or they do not rise.
#[must_use]
pub const fn rising(bounds: &'static [f64]) -> &'static [f64] {
    assert!(
        !bounds.is_empty(),
        "K008: a histogram needs at least one bucket"
    );
    let mut last = f64::NEG_INFINITY;
    let mut at = 0;
    while at < bounds.len() {
        assert!(bounds[at] > last, "K008: buckets rise, and none is NaN");
        assert!(
            bounds[at] < f64::INFINITY,
            "K008: the bucket +Inf is there anyway"
        );
        last = bounds[at];
        at += 1;
    }
    bounds
}
