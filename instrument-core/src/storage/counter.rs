//! A counter: one cell in every row. Hot: `add`.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use metrics::CounterFn;

use super::arena::{self, Cells, Place, Span, bump, mine};

/// A number of events that only rises, and wraps at 2^64.
#[derive(Debug)]
pub(crate) struct Counter {
    span: Span,
}

/// `absolute` reads before it adds; two at once would both add.
static ABSOLUTE: Mutex<()> = Mutex::new(());

impl Counter {
    pub(super) fn new() -> Self {
        Self { span: Span::new(1) }
    }

    /// Adds `by`.
    #[inline]
    pub(crate) fn add(&self, by: u64) {
        add(self.span.place(), by);
    }

    pub(crate) const fn place(&self) -> Place {
        self.span.place()
    }

    /// What all threads have added.
    pub(crate) fn value(&self) -> u64 {
        self.span.all().fold(0, |sum, cells| {
            sum.wrapping_add(cells[0].load(Ordering::Relaxed))
        })
    }
}

/// Adds to the counter at a place.
#[inline]
pub(crate) fn add(place: Place, by: u64) {
    match mine(place).get(place.start()) {
        Some(cell) => bump(cell, by),
        None => add_first(place, by),
    }
}

/// As [`add`], for a thread that has not been there before, or has no row.
#[cold]
#[inline(never)]
fn add_first(place: Place, by: u64) {
    match arena::open(place, 1) {
        Cells::Own(cells) => bump(&cells[0], by),
        Cells::Shared(cells) => {
            cells[0].fetch_add(by, Ordering::Relaxed);
        }
    }
}

impl CounterFn for Counter {
    #[inline]
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        let _one = ABSOLUTE.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = value.saturating_sub(self.value());
        self.span.shared()[0].fetch_add(missing, Ordering::Relaxed);
    }
}
