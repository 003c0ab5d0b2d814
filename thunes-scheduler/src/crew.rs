//! The engine with the jobs that a configuration asks for, and the configuration file they follow. Either program may
//! run one: the scheduler all jobs, the trading daemon the LAB's alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use instrument_core::Exporter;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, LAB_JOB, Settings};
use crate::engine::{Engine, Job, Store, StoreError, SystemClock, chain};
use crate::guard::Guard;
use crate::jobs::jobs;
use crate::lab::SharedLab;
use crate::metrics;
use crate::reload::Reload;

/// How long the start waits for the LAB's folders to be read; they may be on a file system that hangs.
const READ: Duration = Duration::from_secs(2);

/// What a crew works with.
#[derive(Debug, Clone)]
pub struct CrewConfig {
    /// What the configuration file says.
    pub settings: Settings,
    /// The configuration file, which is watched for changes.
    pub file: Option<PathBuf>,
    /// The folder for what must survive a restart.
    pub state: Option<PathBuf>,
    /// Sweep the LAB, and run no other job. A sweep has nothing that must survive, so there is no state then.
    pub lab_only: bool,
    /// The program is ready only while its jobs succeed in time.
    pub required: bool,
    /// The program that guards children.
    pub guard: Guard,
}

impl CrewConfig {
    /// The LAB of a file, beside the other work of a program: none of the other jobs, and not required for readiness.
    ///
    /// # Errors
    /// The file cannot be used, or names no LAB.
    pub fn lab_beside(file: PathBuf) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Settings::read_with_lab(&file)?,
            file: Some(file),
            state: None,
            lab_only: true,
            required: false,
            guard: Guard::default(),
        })
    }

    /// How the file is read again.
    fn reader(&self) -> fn(&Path) -> Result<Settings, ConfigError> {
        if self.lab_only {
            Settings::read_with_lab
        } else {
            Settings::read
        }
    }
}

/// Why a crew did not start.
#[derive(Debug, thiserror::Error)]
pub enum CrewError {
    /// The state of jobs cannot be used.
    #[error("state of jobs")]
    Store(#[from] StoreError),
    /// The LAB alone was asked for, and there is none.
    #[error("there is no LAB: name a file with a table [lab] by --config")]
    NoLab,
    /// The threads for the LAB could not be started, or the signal that asks for a reload cannot be handled.
    #[error("cannot start")]
    Start(#[from] std::io::Error),
}

/// The jobs at work.
pub struct Crew {
    engine: Engine,
    lab: SharedLab,
    exporter: Exporter,
    config: CrewConfig,
    reload: Reload,
    jobs: Vec<Job>,
}

impl Crew {
    /// Starts the jobs. `exporter` is the process's own.
    ///
    /// # Errors
    /// [`CrewError`].
    pub async fn start(config: CrewConfig, exporter: &Exporter) -> Result<Self, CrewError> {
        if config.lab_only && config.settings.lab.is_none() {
            return Err(CrewError::NoLab);
        }
        let store = match config.state.as_deref().filter(|_| !config.lab_only) {
            Some(folder) => Store::open(folder)?,
            None => Store::in_memory(),
        };
        let lab = SharedLab::new()?;
        let configured = lab.configure(config.settings.lab.clone(), &config.guard);
        if timeout(READ, configured).await.is_err() {
            tracing::warn!("the LAB's folders cannot be read within {READ:?}");
        }
        let mut crew = Self {
            engine: Engine::new(Arc::new(SystemClock), store),
            lab,
            exporter: exporter.clone(),
            reload: Reload::new(config.file.clone(), config.reader())?,
            config,
            jobs: Vec::new(),
        };
        crew.take_over(crew.config.settings.clone())?;
        Ok(crew)
    }

    /// The jobs that run.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Follows the configuration file until `stop`, and then ends the jobs and every child.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                let settings = self.reload.next().await;
                metrics::reloaded(self.follow(settings).await);
            }
        })
        .await;
        self.engine.drain().await;
        self.lab.close().await;
    }

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
        // A changed LAB is swept at once, and not when the next sweep is due.
        let changed = |job: &Job| job.name == LAB_JOB && settings.lab != self.config.settings.lab;
        for job in &wanted {
            if changed(job) || !self.jobs.iter().any(|old| same(old, job)) {
                self.engine.start(self.with_heart(job.clone()))?;
            }
        }
        (self.jobs, self.config.settings) = (wanted, settings);
        Ok(())
    }

    /// The program is ready while each job succeeds in time. Source of the limit: the design.
    fn with_heart(&self, mut job: Job) -> Job {
        if self.config.required {
            let limit = 2 * job.trigger.period() + job.timeout;
            job.heart = Some(self.exporter.require_heartbeat(&job.name, limit));
        }
        job
    }

    /// Goes on with new settings; with the old ones, and `false`, if they cannot be used.
    async fn follow(&mut self, settings: Result<Settings, ConfigError>) -> bool {
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!("the old configuration runs on: {}", chain(&error));
                return false;
            }
        };
        self.lab
            .configure(settings.lab.clone(), &self.config.guard)
            .await;
        if let Err(error) = self.take_over(settings) {
            tracing::error!("not all jobs were taken over: {}", chain(&error));
            return false;
        }
        tracing::info!("the new configuration runs");
        true
    }
}

fn same(a: &Job, b: &Job) -> bool {
    (&a.name, &a.trigger, a.timeout, a.jitter) == (&b.name, &b.trigger, b.timeout, b.jitter)
}
