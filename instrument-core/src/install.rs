//! From a collected catalogue to a running recorder, and the handle that renders and serves it. Cold.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use crate::catalogue::{Catalogue, Conflict};
use crate::clock;
use crate::computed;
use crate::configured;
use crate::endpoint::{self, ServeError, Server};
use crate::exposition::{self, Samples};
use crate::health::{Health, Heartbeat};
use crate::rows;
use crate::storage;

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Why `install()` refused.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// It has been called before in this process.
    #[error("metrics are installed already; call install() once, at the start of main")]
    AlreadyInstalled,
    /// Places of the program contradict each other.
    #[error("the metrics of this program contradict each other:{}", list(.0))]
    Conflicts(Vec<Conflict>),
    /// The storage refused the buckets of a family.
    #[error("the storage refused a histogram's buckets")]
    Buckets(#[source] metrics_exporter_prometheus::BuildError),
    /// The thread that keeps the storage small could not be started.
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
    program: Program,
    global_labels: Vec<(String, String)>,
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

    /// Installs. If another crate has set a global recorder before, the sites are bound to that one, and
    /// this exporter's page stays empty.
    ///
    /// # Errors
    /// As [`install`].
    pub fn install(self) -> Result<Exporter, InstallError> {
        let catalogue = Catalogue::collect().map_err(InstallError::Conflicts)?;
        let (recorder, handle) =
            storage::build(&catalogue, &self.global_labels).map_err(InstallError::Buckets)?;
        if INSTALLED.swap(true, Ordering::AcqRel) {
            return Err(InstallError::AlreadyInstalled);
        }
        clock::start();
        let recorder: &'static _ = Box::leak(Box::new(recorder));
        if metrics::set_global_recorder(recorder).is_ok() {
            rows::register_with(recorder);
        } else {
            tracing::warn!("another recorder was installed before; this page will stay empty");
        }
        storage::start_upkeep(handle.clone()).map_err(InstallError::Upkeep)?;
        metrics::with_recorder(|recorder| storage::bind(&catalogue, recorder));
        rows::bind(&catalogue);
        configured::bind(&catalogue);
        catalogue.sites().for_each(|site| site.set_enabled(true));
        let (program, health) = (self.program, Health::default());
        Ok(Exporter(Arc::new(Inner {
            program,
            catalogue,
            handle,
            health,
        })))
    }
}

/// The installed metrics: renders them, serves them, and knows the program's health. Cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    program: Program,
    catalogue: Catalogue,
    handle: PrometheusHandle,
    health: Health,
}

impl Exporter {
    /// The page in the Prometheus text format 0.0.4, families and series in a fixed order.
    #[must_use]
    pub fn render(&self) -> String {
        computed::compute(&self.0.catalogue);
        configured::without_closed(exposition::sorted(&self.0.handle.render()))
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
        let chosen = |name: &str| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
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
        families.count() + sites.inspect(|site| site.set_enabled(enabled)).count()
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
