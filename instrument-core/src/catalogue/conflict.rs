//! Places of a program that contradict each other.

use crate::metric::{Kind, Place};

/// Two places of one program that cannot both be true.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// One name, two shapes.
    #[error("`{name}` has two kinds: {first_kind} at {first}, {second_kind} at {second}; rename one", first_kind = first_kind.name(), second_kind = second_kind.name())]
    Kind {
        /// The family.
        name: &'static str,
        /// The kind that was met first.
        first_kind: Kind,
        /// Its place.
        first: Place,
        /// The other kind.
        second_kind: Kind,
        /// Its place.
        second: Place,
    },
    /// One name, two sets of labels.
    #[error(
        "`{name}` has two sets of labels: {first_keys:?} at {first}, {second_keys:?} at {second}; give both the same keys or rename one"
    )]
    Labels {
        /// The family.
        name: &'static str,
        /// The keys that were met first.
        first_keys: Vec<&'static str>,
        /// Their place.
        first: Place,
        /// The other keys.
        second_keys: Vec<&'static str>,
        /// Their place.
        second: Place,
    },
    /// One name, two lists of buckets.
    #[error(
        "`{name}` has two lists of buckets: {first_buckets:?} at {first}, {second_buckets:?} at {second}; give both the same or rename one"
    )]
    Buckets {
        /// The family.
        name: &'static str,
        /// The bounds that were met first.
        first_buckets: &'static [f64],
        /// Their place.
        first: Place,
        /// The other bounds.
        second_buckets: &'static [f64],
        /// Their place.
        second: Place,
    },
    /// One name, two explicit help texts.
    #[error(
        "`{name}` has two help texts: {first_help:?} at {first}, {second_help:?} at {second}; keep one"
    )]
    Help {
        /// The family.
        name: &'static str,
        /// The text that was met first.
        first_help: &'static str,
        /// Its place.
        first: Place,
        /// The other text.
        second_help: &'static str,
        /// Its place.
        second: Place,
    },
    /// More series from one place than anyone can read.
    #[error(
        "`{name}` at {place} has {series} series; at most {limit} are accepted: drop a label or some of its values"
    )]
    TooManySeries {
        /// The family.
        name: &'static str,
        /// The place.
        place: Place,
        /// How many it has.
        series: usize,
        /// How many are accepted.
        limit: usize,
    },
}
