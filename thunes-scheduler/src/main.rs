//! The program: reads what was typed, runs the scheduler, and turns its end into an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use instrument_core::{Builder, ServeError, loopback, shutdown};
use thunes_scheduler::log::{self, LogArgs, LogLevelError};
use thunes_scheduler::{Config, HEALTHY};

/// Jobs on time, and the health of a workspace beside a trading system.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Port of the metrics endpoint on loopback; 0 picks a free one.
    #[arg(
        long,
        env = "METRICS_PORT",
        value_name = "PORT",
        default_value_t = 8010
    )]
    metrics_port: u16,
    #[command(flatten)]
    log: LogArgs,
}

fn main() -> ExitCode {
    match start(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            let usage = error
                .chain()
                .any(|cause| cause.is::<ServeError>() || cause.is::<LogLevelError>());
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    log::start(&cli.log)?;
    let program = Builder::new().program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let exporter = program.healthy_body(HEALTHY).install().context("metrics")?;
    let config = Config {
        metrics: loopback(cli.metrics_port).to_vec(),
    };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    runtime.block_on(async {
        let stop = shutdown::on_signals().context("cannot handle signals")?;
        let tell = |text: &str| {
            // A closed terminal is no reason to end.
            let _ = io::stdout().write_all(text.as_bytes());
        };
        thunes_scheduler::run(config, &exporter, stop, tell)
            .await
            .context("choose another port with --metrics-port")
    })
}
