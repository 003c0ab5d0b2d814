//! The scheduler: a crew, and the page that tells of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use instrument_core::{Exporter, ServeError};
use tokio_util::sync::CancellationToken;

use crate::crew::{Crew, CrewConfig, CrewError};

/// What the scheduler runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the metrics endpoint listens.
    pub metrics: Vec<SocketAddr>,
    /// Run for this long and end.
    pub duration: Option<Duration>,
    /// The jobs and the LAB.
    pub crew: CrewConfig,
}

/// Why the scheduler did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The metrics endpoint could not be served.
    #[error("choose another port with --metrics-port")]
    Serve(#[from] ServeError),
    /// The jobs could not be started.
    #[error(transparent)]
    Crew(#[from] CrewError),
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
    // The endpoint comes first: a taken port must leave nothing half started.
    let endpoint = exporter.serve(&config.metrics[..])?;
    let crew = Crew::start(config.crew.clone(), exporter).await?;
    tell(&banner(&crew, &config.crew, endpoint.local_addr().port()));
    if let Some(duration) = config.duration {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(duration).await;
            stop.cancel();
        });
    }
    crew.run(stop).await;
    endpoint.stop();
    Ok(())
}

fn banner(crew: &Crew, config: &CrewConfig, port: u16) -> String {
    let jobs: Vec<String> = crew
        .jobs()
        .iter()
        .map(|job| format!("{} {}", job.name, job.trigger))
        .collect();
    let lab = config.settings.lab.as_ref().map_or_else(
        || "none; name a file with a table [lab] by --config".to_owned(),
        |lab| lab.root.display().to_string(),
    );
    let state = config.state.as_ref().filter(|_| !config.lab_only);
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
