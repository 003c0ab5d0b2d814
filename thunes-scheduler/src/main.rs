//! The program: reads what was typed, starts the right thing, and turns its end into an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use instrument_core::{Builder, loopback, shutdown};
use thunes_scheduler::HEALTHY;
use thunes_scheduler::cli::{Cli, Command, LabCommand, RunArgs, TEST_DURATION};
use thunes_scheduler::config::{ConfigError, Settings};
use thunes_scheduler::crew::{CrewConfig, CrewError};
use thunes_scheduler::demo::Demo;
use thunes_scheduler::engine::StoreError;
use thunes_scheduler::guard::{self, Guard};
use thunes_scheduler::log::{self, LogLevelError};
use thunes_scheduler::once::{self, OnceError};
use thunes_scheduler::run::{self, Config, RunError, state_folder};

/// Exit code for a wrong flag, a wrong setting or a taken port; clap's own is the same.
const USAGE: u8 = 2;

/// Default ports of the metrics endpoint: of the scheduler, and of the LAB alone.
const PORTS: (u16, u16) = (8010, 8011);

fn main() -> ExitCode {
    if let Some(code) = guard::asked() {
        return code;
    }
    match start(Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<u8> {
    if let Some(Command::Metrics { format }) = cli.command {
        announce(&program().describe(format).context("metrics")?);
        return Ok(0);
    }
    log::start(&cli.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let ended = runtime.block_on(act(cli));
    // What is left over, such as a file system that hangs, must not hold up the exit.
    runtime.shutdown_background();
    ended
}

async fn act(cli: Cli) -> anyhow::Result<u8> {
    let settings = match &cli.run.config {
        Some(file) => Settings::read(file)?,
        None => Settings::without_file(),
    };
    match cli.command {
        None => schedule(cli.run, settings, false).await,
        Some(Command::LabExporter) => schedule(cli.run, settings, true).await,
        Some(Command::Demo) => {
            let demo = Demo::new().context("cannot lay out the LAB to look at")?;
            let mut args = cli.run;
            args.config = Some(demo.config());
            let settings = demo.settings()?;
            schedule(args, settings, false).await
        }
        Some(Command::Jobs) => {
            let state = state_folder(cli.run.state_dir, cli.run.config.as_deref());
            announce(&once::list(&settings, state.as_deref())?);
            Ok(0)
        }
        Some(Command::RunJob { name }) => {
            let ended = once::run_job(&settings, &name, Guard::default()).await?;
            announce(&ended.map_err(|error| anyhow::anyhow!(error).context(name))?);
            Ok(0)
        }
        Some(Command::Lab {
            command: LabCommand::Check { name, json },
        }) => check(&settings, name.as_deref(), json).await,
        // Answered above, as nothing needs to run for it.
        Some(Command::Metrics { .. }) => Ok(0),
    }
}

fn program() -> Builder {
    Builder::new()
        .program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .healthy_body(HEALTHY)
}

async fn schedule(args: RunArgs, settings: Settings, lab_only: bool) -> anyhow::Result<u8> {
    let stop = shutdown::on_signals().context("cannot handle signals")?;
    let exporter = program().install().context("metrics")?;
    let port = if lab_only { PORTS.1 } else { PORTS.0 };
    let timed = args.test_mode || args.duration.is_some();
    let config = Config {
        metrics: loopback(args.metrics_port.unwrap_or(port)).to_vec(),
        duration: timed.then(|| args.duration.unwrap_or(TEST_DURATION)),
        crew: CrewConfig {
            settings,
            state: state_folder(args.state_dir, args.config.as_deref()),
            file: args.config,
            lab_only,
            required: true,
            guard: Guard::default(),
        },
    };
    run::run(config, &exporter, stop, announce).await?;
    Ok(0)
}

async fn check(settings: &Settings, name: Option<&str>, json: bool) -> anyhow::Result<u8> {
    let report = once::check(settings, name, Guard::default()).await?;
    if json {
        announce(&(serde_json::to_string_pretty(&report)? + "\n"));
    } else {
        announce(&once::told(&report));
    }
    Ok(report.exit_code())
}

/// Prints for a person; a closed terminal is no reason to end.
fn announce(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Wrong flags, settings and ports are the caller's to mend; everything else is ours.
fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<LogLevelError>()
            || cause.is::<OnceError>()
            || matches!(
                cause.downcast_ref(),
                Some(RunError::Serve(_) | RunError::Crew(CrewError::NoLab))
            )
            || matches!(cause.downcast_ref(), Some(StoreError::InUse(_)))
    });
    if usage { USAGE } else { 1 }
}
