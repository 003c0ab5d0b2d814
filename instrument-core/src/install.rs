//! From a collected catalogue to a running recorder, and the handle that renders and serves it. Cold.

use std::net::ToSocketAddrs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::catalogue::{Catalogue, Conflict};
use crate::computed;
use crate::configured;
use crate::endpoint::{self, ServeError, Server};
use crate::exposition::{Format, Samples};
use crate::health::{Health, Heartbeat};
use crate::observe::{Chosen, Observer};
use crate::rows;
use crate::site::Site;
use crate::storage::{self, Bounds, matches_pattern};

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// What was installed, for tests that did not do it themselves.
static CURRENT: OnceLock<Exporter> = OnceLock::new();

pub(crate) fn current() -> Option<Exporter> {
    CURRENT.get().cloned()
}

/// Why `install()` refused.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It has been called before in this process.
    #[error("metrics are installed already; call install() once, at the start of main")]
    AlreadyInstalled,
    /// Places of the program contradict each other.
    #[error("the metrics of this program contradict each other:{}", list(.0))]
    Conflicts(Vec<Conflict>),
    /// Bounds given to the builder are not finite and rising, or there are none.
    #[error("the buckets of `{pattern}` must be finite and rise: {bounds:?}")]
    Buckets {
        /// The names they were given for.
        pattern: String,
        /// The bounds as they were given.
        bounds: Vec<f64>,
    },
    /// The thread that keeps summaries small could not be started.
    #[error("cannot start the upkeep thread")]
    Upkeep(#[source] std::io::Error),
}

fn list(conflicts: &[Conflict]) -> String {
    conflicts.iter().fold(String::new(), |list, conflict| {
        list + "\n  " + &conflict.to_string()
    })
}

/// Sets everything up with defaults: collects the catalogue, checks it, installs the recorder and binds every site.
///
/// Call it once, first thing in `main`. A function that runs before it records nothing.
///
/// # Errors
/// [`InstallError`]; after one, nothing is recorded.
pub fn install() -> Result<Exporter, InstallError> {
    Builder::new().install()
}

/// `install()` with choices.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) program: Program,
    pub(crate) global_labels: Vec<(String, String)>,
    pub(crate) buckets: Vec<(String, Vec<f64>)>,
    pub(crate) summaries: Vec<String>,
    pub(crate) left_out: Vec<String>,
    pub(crate) created: bool,
    pub(crate) process_metrics: bool,
    #[cfg(feature = "tokio-metrics")]
    runtime: Option<tokio::runtime::RuntimeMetrics>,
}

/// What the landing page and `/health` say of the program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) healthy: String,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The defaults of [`install`].
    #[must_use]
    pub fn new() -> Self {
        let program = Program {
            name: "metrics".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            healthy: r#"{"status":"ok"}"#.to_owned(),
        };
        Self {
            program,
            global_labels: Vec::new(),
            buckets: Vec::new(),
            summaries: Vec::new(),
            left_out: Vec::new(),
            created: true,
            process_metrics: true,
            #[cfg(feature = "tokio-metrics")]
            runtime: None,
        }
    }

    /// The program's name and version, for the landing page.
    #[must_use]
    pub fn program(mut self, name: &str, version: &str) -> Self {
        self.program.name = name.to_owned();
        self.program.version = version.to_owned();
        self
    }

    /// The JSON body of `/health` while the program is ready; `{"status":"ok"}` by default.
    #[must_use]
    pub fn healthy_body(mut self, json: &str) -> Self {
        json.clone_into(&mut self.program.healthy);
        self
    }

    /// A label that every series carries.
    #[must_use]
    pub fn global_label(mut self, key: &str, value: &str) -> Self {
        self.global_labels.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The upper bounds of the buckets, without `+Inf`, of other crates' histograms whose name is `pattern`, or starts
    /// with it if it ends in `*`; of several calls that match, the first holds. A metric of the program has the buckets
    /// that it declares, and a histogram that nothing matches those of a duration in seconds, from 1e-6 to 10.
    #[must_use]
    pub fn buckets(mut self, pattern: &str, bounds: &[f64]) -> Self {
        self.buckets.push((pattern.to_owned(), bounds.to_vec()));
        self
    }

    /// Makes summaries (quantiles, and no buckets) of the histograms whose name is `pattern`, or starts with it if it
    /// ends in `*`. They are kept by metrics-exporter-prometheus, which holds each sample for up to five seconds;
    /// quantiles of several processes cannot be added up. May be called again for more names.
    #[must_use]
    pub fn summaries(mut self, pattern: &str) -> Self {
        self.summaries.push(pattern.to_owned());
        self
    }

    /// Leaves out the families whose name is `pattern`, or starts with it if it ends in `*`: what a library that the
    /// program uses in part would put on its page at zero. They are not in the catalogue, and recording to them does
    /// nothing; contradictions among them are found all the same. May be called again for more names.
    ///
    /// ```
    /// instrument_core::metrics! {
    ///     /// Jobs that were run.
    ///     static RUNS: Counter = "docs_jobs_total";
    ///     /// Orders that were sent.
    ///     static ORDERS: Counter = "docs_orders_total";
    /// }
    ///
    /// let exporter = instrument_core::Builder::new().leave_out("docs_jobs_*").install()?;
    /// RUNS.inc();
    /// ORDERS.inc();
    /// let page = exporter.render();
    /// assert!(page.contains("docs_orders_total 1\n") && !page.contains("docs_jobs"));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    #[must_use]
    pub fn leave_out(mut self, pattern: &str) -> Self {
        self.left_out.push(pattern.to_owned());
        self
    }

    /// Whether `OpenMetrics` pages say when each series began, in a line `…_created`; they do by default. Prometheus
    /// keeps such a line as one more series, unless told to use it as the start of the counter.
    #[must_use]
    pub const fn created_timestamps(mut self, on: bool) -> Self {
        self.created = on;
        self
    }

    /// Whether the page has the `process_*` families; it has by default, where there is a `/proc`.
    #[must_use]
    pub const fn process_metrics(mut self, on: bool) -> Self {
        self.process_metrics = on;
        self
    }

    /// Puts the `tokio_*` families of a runtime on the page: tasks, queue, and how busy its workers are.
    #[cfg(feature = "tokio-metrics")]
    #[must_use]
    pub fn tokio_runtime(mut self, runtime: &tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime.metrics());
        self
    }

    pub(crate) fn chosen(&self) -> Chosen {
        Chosen {
            process: self.process_metrics,
            #[cfg(feature = "tokio-metrics")]
            runtime: self.runtime.is_some(),
        }
    }

    fn check_buckets(&self) -> Result<(), InstallError> {
        let right = |bounds: &[f64]| {
            let finite = bounds.iter().all(|bound| bound.is_finite());
            !bounds.is_empty() && finite && bounds.is_sorted_by(|one, next| one < next)
        };
        match self.buckets.iter().find(|(_, bounds)| !right(bounds)) {
            None => Ok(()),
            Some((pattern, bounds)) => Err(InstallError::Buckets {
                pattern: pattern.clone(),
                bounds: bounds.clone(),
            }),
        }
    }

    pub(crate) fn storage(&self) -> storage::Options {
        storage::Options {
            global_labels: self.global_labels.clone(),
            patterns: (self.buckets.iter())
                .map(|(pattern, bounds)| (pattern.clone(), Arc::new(Bounds::new(bounds))))
                .collect(),
            summaries: self.summaries.clone(),
            created: self.created,
            ..storage::Options::default()
        }
    }

    /// Installs. If another crate has set a global recorder before, the sites are bound to that one, and
    /// this exporter's page stays empty.
    ///
    /// # Errors
    /// As [`install`].
    pub fn install(self) -> Result<Exporter, InstallError> {
        let mut catalogue = Catalogue::collect(&self.left_out).map_err(InstallError::Conflicts)?;
        self.check_buckets()?;
        if INSTALLED.swap(true, Ordering::AcqRel) {
            return Err(InstallError::AlreadyInstalled);
        }
        let recorder = storage::build(&catalogue, self.storage()).map_err(InstallError::Upkeep)?;
        if metrics::set_global_recorder(recorder.clone()).is_ok() {
            storage::set_global(recorder.clone());
        } else {
            tracing::warn!("another recorder was installed before; this page will stay empty");
        }
        storage::bind(&catalogue);
        rows::bind(&catalogue);
        configured::bind(&catalogue);
        catalogue.sites().for_each(Site::bind);
        let chosen = self.chosen();
        let observer = Observer::new(&self.program, &catalogue, chosen);
        catalogue.add_computed(chosen);
        #[cfg(feature = "tokio-metrics")]
        let observer = observer.with_runtime(self.runtime);
        let exporter = Exporter(Arc::new(Inner {
            program: self.program,
            catalogue,
            recorder,
            observer,
            health: Health::default(),
        }));
        Ok(CURRENT.get_or_init(|| exporter).clone())
    }
}

/// The installed metrics: renders them, serves them, and knows the program's health. Cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    program: Program,
    catalogue: Catalogue,
    recorder: storage::Recorder,
    observer: Observer,
    health: Health,
}

impl Exporter {
    /// The page in the Prometheus text format 0.0.4, families and series in a fixed order.
    #[must_use]
    pub fn render(&self) -> String {
        self.page(Format::Text)
    }

    /// The page as `OpenMetrics` 1.0.0.
    #[must_use]
    pub fn render_openmetrics(&self) -> String {
        self.page(Format::OpenMetrics)
    }

    pub(crate) fn page(&self, format: Format) -> String {
        computed::compute(&self.0.catalogue);
        self.0.observer.page(self.0.recorder.registry(), format)
    }

    /// The samples of the page, to read the program's own numbers.
    #[must_use]
    pub fn samples(&self) -> Samples {
        Samples::parse(&self.render())
    }

    /// Serves `/metrics`, `/health`, `/health/live`, `/health/ready` and a landing page, on a thread of its own.
    /// Every address that `addr` resolves to is bound; port 0 picks one port for all of them.
    ///
    /// # Errors
    /// [`ServeError`] if an address is wrong or taken; nothing is left bound then.
    pub fn serve(&self, addr: impl ToSocketAddrs) -> Result<Server, ServeError> {
        endpoint::serve(self.clone(), addr)
    }

    /// Everything that this program can emit.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Switches families and functions on or off: families by their name, functions by their path with or without
    /// the module (`Binance::submit`, `app::feed::Binance::submit`). A pattern that ends in `*` is a prefix.
    /// Returns how many families and functions there are. Gauges of running calls go on, or they would never be right again.
    #[allow(
        clippy::must_use_candidate,
        reason = "the count is for those who doubt the pattern"
    )]
    pub fn set_enabled(&self, pattern: &str, enabled: bool) -> usize {
        let chosen = |name: &str| matches_pattern(pattern, name);
        let catalogue = &self.0.catalogue;
        let families = catalogue.families().filter(|family| chosen(family.name));
        let families = families.inspect(|family| {
            family
                .metrics
                .iter()
                .for_each(|metric| metric.set_enabled(enabled));
            configured::set_enabled(family.name, enabled);
        });
        let sites = catalogue
            .sites()
            .filter(|site| site.paths().iter().any(|path| chosen(path)));
        let count = families.count() + sites.inspect(|site| site.plan.set_enabled(enabled)).count();
        catalogue.sites().for_each(Site::refresh);
        count
    }

    /// Makes the program unready whenever the returned heartbeat has not beaten for `limit`.
    #[must_use]
    pub fn require_heartbeat(&self, name: &str, limit: Duration) -> Heartbeat {
        self.0.health.require(name, limit)
    }

    pub(crate) fn program(&self) -> &Program {
        &self.0.program
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }
}
