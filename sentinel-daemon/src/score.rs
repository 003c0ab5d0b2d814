//! The health score: the share of the five parts of the loop that are well, from 0 to 1, as known at the scrape.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use instrument_core::LabelValue;

use crate::metrics;

/// What must be well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Part {
    /// The last good cycle is not older than readiness allows.
    Cycle,
    /// The last answer of the vendor was good, and its last closed bar is not stale.
    Data,
    /// The last prediction was good.
    Prediction,
    /// The gateway answers pings, or there is none.
    Gateway,
    /// No order's outcome is unknown.
    Orders,
}

const PARTS: [Part; 5] = [
    Part::Cycle,
    Part::Data,
    Part::Prediction,
    Part::Gateway,
    Part::Orders,
];

/// What was seen last of each part; nothing is well before it was seen to be. The cycle's is computed.
static WELL: [AtomicBool; 5] = [const { AtomicBool::new(false) }; 5];

/// The oldest a good cycle may be, in milliseconds.
static LIMIT_MS: AtomicU64 = AtomicU64::new(0);

/// Notes what was seen of a part.
pub(crate) fn note(part: Part, well: bool) {
    WELL[part as usize].store(well, Ordering::Relaxed);
}

/// Notes how old the last good cycle may be.
pub(crate) fn allow(limit: Duration) {
    let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    LIMIT_MS.store(limit, Ordering::Relaxed);
}

/// The score, computed at each scrape. It sets the gauges of the parts, so that a page's score is their mean.
pub(crate) fn compute() -> f64 {
    let limit = LIMIT_MS.load(Ordering::Relaxed) as f64 / 1e3;
    note(Part::Cycle, metrics::last_success_age() <= limit);
    let mut well = 0.0;
    for part in PARTS {
        let part_is_well = f64::from(u8::from(WELL[part as usize].load(Ordering::Relaxed)));
        metrics::HEALTH_PART.set(part, part_is_well);
        well += part_is_well;
    }
    well / PARTS.len() as f64
}
