//! Summaries: quantiles of chosen names, by metrics-exporter-prometheus, which keeps samples until an upkeep folds them.
//! Only for who asks for them; a histogram can be added up over processes, a summary cannot.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use metrics::{HistogramFn, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::exposition::Samples;

/// The quantiles of that crate's default.
pub(crate) const QUANTILES: [f64; 7] = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];
/// That crate's own listener folds samples at this pace.
const UPKEEP: Duration = Duration::from_secs(5);
/// The one family of that crate's page. Its series are numbered, so that nothing depends on how it writes labels.
const NAME: &str = "summary";

/// The summaries of a storage, and who is chosen to be one.
pub(super) struct Summaries {
    patterns: Vec<String>,
    stock: Arc<PrometheusRecorder>,
    next: AtomicUsize,
}

impl Summaries {
    /// Families whose name is one of `patterns`, or starts with one that ends in `*`.
    ///
    /// # Errors
    /// The upkeep thread cannot be started; it ends with the storage.
    pub(super) fn start(patterns: Vec<String>) -> std::io::Result<Self> {
        let stock = Arc::new(PrometheusBuilder::new().build_recorder());
        let upkept = Arc::downgrade(&stock);
        thread::Builder::new()
            .name("metrics-upkeep".to_owned())
            .spawn(move || upkeep(&upkept))?;
        Ok(Self {
            patterns,
            stock,
            next: AtomicUsize::new(0),
        })
    }

    pub(super) fn chooses(&self, name: &str) -> bool {
        self.patterns
            .iter()
            .any(|pattern| matches_pattern(pattern, name))
    }

    pub(super) fn register(&self) -> Summary {
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let key = Key::from_parts(NAME, vec![Label::new("id", id.clone())]);
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        Summary {
            id,
            samples: self.stock.register_histogram(&key, &metadata),
            page: self.stock.handle(),
            nan: AtomicU64::new(0),
            infinite: AtomicU64::new(0),
        }
    }
}

fn upkeep(stock: &Weak<PrometheusRecorder>) {
    loop {
        thread::sleep(UPKEEP);
        match stock.upgrade() {
            Some(stock) => stock.handle().run_upkeep(),
            None => return,
        }
    }
}

/// Whether `name` is `pattern`, or starts with it if it ends in `*`.
pub(crate) fn matches_pattern(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}

/// One summary.
pub(crate) struct Summary {
    id: String,
    samples: metrics::Histogram,
    page: PrometheusHandle,
    nan: AtomicU64,
    infinite: AtomicU64,
}

/// The values of a summary.
pub(crate) struct Read {
    pub(crate) quantiles: Vec<(f64, f64)>,
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Summary {
    /// How many observations were NaN, and how many infinite.
    pub(crate) fn invalid(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.nan), read(&self.infinite))
    }

    /// The values of all summaries, for [`Summary::read`].
    pub(crate) fn all(&self) -> Samples {
        Samples::parse(&self.page.render())
    }

    /// Its own of all.
    pub(crate) fn read(&self, page: &Samples) -> Read {
        let get =
            |suffix: &str, labels: &[(&str, &str)]| page.get(&format!("{NAME}{suffix}"), labels);
        let id = ("id", self.id.as_str());
        let count = get("_count", &[id]).unwrap_or(0.0);
        let quantile = |quantile: f64| {
            let value = get("", &[id, ("quantile", &quantile.to_string())]);
            // That crate says 0 where there is nothing to say anything of.
            let value = value.filter(|_| count > 0.0).unwrap_or(f64::NAN);
            (quantile, value)
        };
        Read {
            quantiles: QUANTILES.map(quantile).to_vec(),
            sum: get("_sum", &[id]).unwrap_or(0.0),
            count: count as u64,
        }
    }
}

impl HistogramFn for Summary {
    /// NaN and infinities would stay in the sum for ever; they are counted apart.
    fn record(&self, value: f64) {
        if value.is_finite() {
            self.samples.record(value);
        } else if value.is_nan() {
            self.nan.fetch_add(1, Ordering::Relaxed);
        } else {
            self.infinite.fetch_add(1, Ordering::Relaxed);
        }
    }
}
