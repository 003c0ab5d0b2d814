//! A gauge: one cell for all threads, as the last write wins.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::GaugeFn;

/// A value that rises and falls.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    bits: AtomicU64,
}

impl Gauge {
    /// Sets the value.
    #[inline]
    pub(crate) fn set(&self, to: f64) {
        self.bits.store(to.to_bits(), Ordering::Relaxed);
    }

    /// Adds `by`, which may be negative.
    #[inline]
    pub(crate) fn add(&self, by: f64) {
        let add = |bits| Some((f64::from_bits(bits) + by).to_bits());
        // The closure never gives up, so neither does the update.
        let _ = self
            .bits
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// The value.
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

impl GaugeFn for Gauge {
    #[inline]
    fn increment(&self, value: f64) {
        self.add(value);
    }

    #[inline]
    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    #[inline]
    fn set(&self, value: f64) {
        self.set(value);
    }
}
