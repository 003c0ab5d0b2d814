//! Starts everything in order, runs jobs until told to stop, and ends everything in order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use instrument_core::{Exporter, ServeError};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, LAB_JOB, Settings};
use crate::engine::{Engine, Job, Store, StoreError, SystemClock};
use crate::guard::Guard;
use crate::jobs::{SharedLab, jobs};
use crate::lab::Lab;
use crate::metrics;
use crate::reload::Reload;

/// How long jobs that run have to end by themselves at a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What the scheduler runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the metrics endpoint listens.
    pub metrics: Vec<SocketAddr>,
    /// What the configuration file says.
    pub settings: Settings,
    /// The configuration file, which is watched for changes.
    pub file: Option<PathBuf>,
    /// The folder for what must survive a restart.
    pub state: Option<PathBuf>,
    /// Run for this long and end.
    pub duration: Option<Duration>,
    /// Sweep the LAB, and run no other job.
    pub lab_only: bool,
    /// The program that guards children.
    pub guard: Guard,
}

/// Why the scheduler did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The metrics endpoint could not be served.
    #[error("choose another port with --metrics-port")]
    Serve(#[from] ServeError),
    /// The configuration cannot be used.
    #[error("configuration")]
    Config(#[from] ConfigError),
    /// The state of jobs cannot be used.
    #[error("state of jobs")]
    Store(#[from] StoreError),
    /// The exporter of the LAB was asked for, and there is no LAB.
    #[error("there is no LAB: name a file with a table [lab] by --config")]
    NoLab,
    /// The signal that asks for a reload cannot be handled.
    #[error("cannot handle SIGHUP")]
    Signal(#[from] std::io::Error),
}

/// The folder for state: as given, or beside the configuration.
#[must_use]
pub fn state_folder(given: Option<PathBuf>, config: Option<&Path>) -> Option<PathBuf> {
    given.or_else(|| config.map(|config| config.with_extension("state")))
}

/// Runs the scheduler until `stop`. `exporter` is the process's own; `tell` is given the lines for a person, once
/// everything is up.
///
/// # Errors
/// [`RunError`] if it could not start; once it runs, it ends only as told.
pub async fn run(
    config: Config,
    exporter: &Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> Result<(), RunError> {
    if config.lab_only && config.settings.lab.is_none() {
        return Err(RunError::NoLab);
    }
    let store = match config.state.as_deref().filter(|_| !config.lab_only) {
        Some(folder) => Store::open(folder)?,
        None => Store::in_memory(),
    };
    let mut reload = Reload::new(config.file.clone())?;
    let endpoint = exporter.serve(&config.metrics[..])?;
    let lab = config.settings.lab.clone();
    let lab = SharedLab::new(lab.map(|lab| Lab::new(lab, config.guard.clone())));
    let mut crew = Crew {
        engine: Engine::new(Arc::new(SystemClock), store),
        lab,
        exporter: exporter.clone(),
        config,
        jobs: Vec::new(),
    };
    crew.take_over(crew.config.settings.clone())?;
    tell(&crew.banner(endpoint.local_addr().port()));

    let end = crew.config.duration;
    let over = async {
        match end {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let mut over = std::pin::pin!(over);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = &mut over => break,
            settings = reload.next() => {
                let taken = crew.reload(settings).await;
                metrics::reloaded(taken);
            }
        }
    }
    crew.engine.drain(DRAIN).await;
    crew.lab.close().await;
    endpoint.stop();
    Ok(())
}

/// Everything that a reload changes.
struct Crew {
    engine: Engine,
    lab: SharedLab,
    exporter: Exporter,
    config: Config,
    jobs: Vec<Job>,
}

impl Crew {
    /// Starts the jobs that these settings ask for and that do not run like that already, and retires all others.
    fn take_over(&mut self, settings: Settings) -> Result<(), StoreError> {
        let mut wanted = jobs(&settings, &self.lab, &self.engine.board());
        if self.config.lab_only {
            wanted.retain(|job| job.name == LAB_JOB);
        }
        for old in &self.jobs {
            if !wanted.iter().any(|job| job.name == old.name) {
                self.engine.retire(&old.name);
            }
        }
        for job in &wanted {
            if !self.jobs.iter().any(|old| same(old, job)) {
                self.engine.start(self.with_heart(job.clone()))?;
            }
        }
        (self.jobs, self.config.settings) = (wanted, settings);
        Ok(())
    }

    /// The program is ready while each job succeeds in time. Source of the limit: the design.
    fn with_heart(&self, mut job: Job) -> Job {
        let limit = 2 * job.trigger.period() + job.timeout;
        job.heart = Some(self.exporter.require_heartbeat(&job.name, limit));
        job
    }

    /// Goes on with new settings; with the old ones, and `false`, if they cannot be used.
    async fn reload(&mut self, settings: Result<Settings, ConfigError>) -> bool {
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(
                    "the old configuration runs on: {}",
                    crate::engine::chain(&error)
                );
                return false;
            }
        };
        self.lab
            .reconfigure(settings.lab.clone(), &self.config.guard)
            .await;
        if let Err(error) = self.take_over(settings) {
            tracing::error!(
                "not all jobs were taken over: {}",
                crate::engine::chain(&error)
            );
            return false;
        }
        tracing::info!("the new configuration runs");
        true
    }

    fn banner(&self, port: u16) -> String {
        let jobs: Vec<String> = self
            .jobs
            .iter()
            .map(|job| format!("{} {}", job.name, job.trigger))
            .collect();
        let lab = self.config.settings.lab.as_ref();
        let lab = lab.map_or_else(
            || "none; name a file with a table [lab] by --config".to_owned(),
            |lab| lab.root.display().to_string(),
        );
        let state = self.config.state.as_ref().filter(|_| !self.config.lab_only);
        let state = state.map_or_else(
            || "in memory: a restart forgets when jobs ran".to_owned(),
            |folder| folder.display().to_string(),
        );
        format!(
            "thunes-scheduler {}\n  jobs     {}\n  lab      {lab}\n  state    {state}\n  \
             metrics  http://localhost:{port}/metrics\n  health   http://localhost:{port}/health\n  \
             stop     Ctrl-C, or SIGTERM\n",
            env!("CARGO_PKG_VERSION"),
            jobs.join(", ")
        )
    }
}

fn same(a: &Job, b: &Job) -> bool {
    (&a.name, &a.trigger, a.timeout, a.jitter) == (&b.name, &b.trigger, b.timeout, b.jitter)
}
