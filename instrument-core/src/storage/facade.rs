//! The `metrics` facade in front of the registry: crates that know nothing of us record here too. Warm: known keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Key, KeyName, Metadata, SharedString, Unit};

use super::arena::Place;
use super::family::Value;
use super::registry::Registry;
use crate::metric::Kind;

/// Our implementation of the facade's recorder. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Recorder {
    registry: Arc<Registry>,
    counters: Arc<Index<metrics::Counter>>,
    gauges: Arc<Index<metrics::Gauge>>,
    histograms: Arc<Index<metrics::Histogram>>,
}

impl Recorder {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            counters: Arc::default(),
            gauges: Arc::default(),
            histograms: Arc::default(),
        }
    }

    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Where the samples of a key are, for call sites that need no facade between; `None` if they are not in the arena,
    /// or the key was refused.
    pub(crate) fn place(&self, kind: Kind, key: &Key) -> Option<Place> {
        match self.registry.register(kind, key)? {
            Value::Counter(counter) => Some(counter.place()),
            Value::Histogram(histogram) => Some(histogram.place()),
            Value::Gauge(_) | Value::Summary(_) => None,
        }
    }
}

const SHARDS: usize = 16;

/// Handles by key. A key that was refused has one that does nothing.
struct Index<H> {
    shards: [RwLock<HashMap<Key, H, BuildHasherDefault<Hashed>>>; SHARDS],
}

impl<H> Default for Index<H> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

/// A key is hashed when it is made.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<H: Clone> Index<H> {
    /// The shard comes from other bits than a map's slots, or each map would use a sixteenth of its own.
    fn shard(&self, key: &Key) -> &RwLock<HashMap<Key, H, BuildHasherDefault<Hashed>>> {
        &self.shards[(key.get_hash() >> 40) as usize % SHARDS]
    }

    fn get_or(&self, key: &Key, make: impl FnOnce() -> H) -> H {
        let shard = self.shard(key);
        let known = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = known.get(key) {
            return handle.clone();
        }
        drop(known);
        let mut known = shard.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(key.clone()).or_insert_with(make).clone()
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.registry.describe(name.as_str(), unit, &help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.registry.describe(name.as_str(), unit, &help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.registry.describe(name.as_str(), unit, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        self.counters
            .get_or(key, || match self.registry.register(Kind::Counter, key) {
                Some(Value::Counter(counter)) => metrics::Counter::from_arc(counter),
                _ => metrics::Counter::noop(),
            })
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        self.gauges
            .get_or(key, || match self.registry.register(Kind::Gauge, key) {
                Some(Value::Gauge(gauge)) => metrics::Gauge::from_arc(gauge),
                _ => metrics::Gauge::noop(),
            })
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        self.histograms
            .get_or(key, || match self.registry.register(Kind::Histogram, key) {
                Some(Value::Histogram(histogram)) => metrics::Histogram::from_arc(histogram),
                Some(Value::Summary(summary)) => metrics::Histogram::from_arc(summary),
                _ => metrics::Histogram::noop(),
            })
    }
}
