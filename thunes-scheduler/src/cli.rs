//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use instrument_core::CatalogueFormat;
use jiff::SignedDuration;

use crate::log::LogArgs;

/// How long `--test-mode` runs without `--duration`. Source: the predecessor's.
pub const TEST_DURATION: Duration = Duration::from_hours(1);

/// Jobs on time, and the health of a workspace beside a trading system.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do; without one, the jobs are run until stopped.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to run with.
    #[command(flatten)]
    pub run: RunArgs,
    /// Logging.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What to run with.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The configuration, TOML; without one there are the signal check and the summary, and no LAB.
    #[arg(long, env = "THUNES_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Port of the metrics endpoint on loopback; 0 picks a free one [default: 8010, for lab-exporter 8011].
    #[arg(long, env = "METRICS_PORT", value_name = "PORT", global = true)]
    pub metrics_port: Option<u16>,
    /// Folder for what must survive a restart [default: beside the configuration, its name with `.state`; none without
    /// one].
    #[arg(long, env = "STATE_DIRECTORY", value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
    /// End by itself after --duration.
    #[arg(long)]
    pub test_mode: bool,
    /// How long --test-mode runs: seconds, or a time such as `90s` or `1h` [default: 3600].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the jobs: when they ran, how that ended, when they are due.
    Jobs,
    /// Run a job by hand, now, and tell everything about it. No schedule knows of it.
    RunJob {
        /// The job's name.
        name: String,
    },
    /// Look at the LAB once.
    Lab {
        /// What to do with it.
        #[command(subcommand)]
        command: LabCommand,
    },
    /// Sweep the LAB and serve its metrics, without other jobs.
    LabExporter,
    /// Print everything that this program can emit, without starting it.
    Metrics {
        /// For tools, for people, as a page at zero, or as a `metric_relabel_configs` for Prometheus.
        #[arg(
            long,
            value_name = "FORMAT",
            default_value = "markdown",
            value_parser = PossibleValuesParser::new(CatalogueFormat::NAMES).try_map(|name| name.parse::<CatalogueFormat>())
        )]
        format: CatalogueFormat,
    },
    /// Run with a LAB of its own to look at: 18 servers, some slow, hung or dead, and 5 worktrees.
    Demo,
}

/// What to do with the LAB.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Check all servers and worktrees, or one server. Exit code: 0 up, 1 down, 2 not configured.
    Check {
        /// The server's name.
        name: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Seconds as a bare number, as the predecessor took them, or a time with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let time = || {
        let time: SignedDuration = text.parse().ok()?;
        Duration::try_from(time).ok()
    };
    seconds
        .or_else(time)
        .ok_or_else(|| "accepted are seconds, or a time such as 90s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        assert!(duration("-1s").is_err() && duration("soon").is_err());
    }
}
