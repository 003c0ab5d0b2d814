//! Where the samples of a family's slots are in our own storage, so that a call needs no handle. Hot: `at`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::arena::Place;
use super::histogram::Bounds;

/// A word for each slot: its place, or 0. Those of labels with free text fill up as their series are registered.
pub(crate) struct Places {
    each: Box<[AtomicU64]>,
    bounds: Option<Arc<Bounds>>,
}

impl Places {
    pub(super) fn new(
        each: impl Iterator<Item = Option<Place>>,
        bounds: Option<Arc<Bounds>>,
    ) -> Self {
        let each = each.map(|place| AtomicU64::new(place.map_or(0, Place::to_bits)));
        Self {
            each: each.collect(),
            bounds,
        }
    }

    /// One word a slot, for [`at`].
    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.each
    }

    /// The bounds of a histogram's buckets.
    pub(crate) fn bounds(&self) -> Option<&Bounds> {
        self.bounds.as_deref()
    }

    /// Fills in a slot whose series has been registered now.
    pub(crate) fn put(&self, slot: usize, place: Place) {
        if let Some(word) = self.each.get(slot) {
            word.store(place.to_bits(), Ordering::Relaxed);
        }
    }
}

/// Where the samples of a slot are, if its series is registered in our own storage.
#[inline]
pub(crate) fn at(words: &[AtomicU64], slot: usize) -> Option<Place> {
    of(words.get(slot)?)
}

/// The place that a word holds.
#[inline]
pub(crate) fn of(word: &AtomicU64) -> Option<Place> {
    match word.load(Ordering::Relaxed) {
        0 => None,
        bits => Some(Place::from_bits(bits)),
    }
}
