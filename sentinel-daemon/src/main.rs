//! The program: reads what was typed, starts the right thing, and turns its end into an exit code.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use instrument_core::{Builder, Exporter, shutdown};
use sentinel_daemon::cli::{Cli, Command, RunArgs};
use sentinel_daemon::config::{Config, ConfigError};
use sentinel_daemon::counterpart::gateway;
use sentinel_daemon::gateway::signature::KeyError;
use sentinel_daemon::run::{self, RunError};
use sentinel_daemon::state::FolderError;
use sentinel_daemon::{counterpart, history, model};
use thunes_scheduler::guard;
use thunes_scheduler::log::{self, LogLevelError};
use tokio_util::sync::CancellationToken;

/// Exit code for a wrong flag, a wrong setting or a taken port; clap's own is the same.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = guard::asked() {
        return code;
    }
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<()> {
    if let Some(Command::Metrics { format }) = cli.command {
        announce(&program().describe(format).context("metrics")?);
        return Ok(());
    }
    log::start(&cli.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let ended = runtime.block_on(async {
        let stop = shutdown::on_signals().context("cannot handle signals")?;
        match cli.command {
            None => trade(cli.run, stop).await,
            Some(Command::Run(args)) => trade(*args, stop).await,
            Some(Command::ServePrices { bind }) => {
                counterpart::serve_prices(&bind, counterpart_metrics()?, stop, announce).await
            }
            Some(Command::ServeModel { bind }) => {
                counterpart::serve_model(&bind, counterpart_metrics()?, stop, announce).await
            }
            Some(Command::PaperGateway(args)) => {
                counterpart::serve_gateway(args, &counterpart_metrics()?, stop, announce).await
            }
            Some(Command::Train { out }) => train(&out),
            // Answered above, as nothing needs to run for it.
            Some(Command::Metrics { .. }) => Ok(()),
        }
    });
    // What is left over, such as a connection that does not end, must not hold up the exit.
    runtime.shutdown_background();
    ended
}

fn program() -> Builder {
    Builder::new().program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
}

/// Of a counterpart that is a program of its own: what the trading loop would count is not on its page.
fn counterpart_metrics() -> anyhow::Result<Exporter> {
    let program = program().leave_out("sentinel_*");
    let left_out = thunes_scheduler::FAMILIES.iter();
    let program = left_out.fold(program, |program, family| program.leave_out(family));
    program.install().context("metrics")
}

async fn trade(args: RunArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let page = args.page_file.as_deref().map(PageFile::create);
    let page = page.transpose()?;
    let config = Config::resolve(args)?;
    let mut program = program();
    if config.lab.is_none() {
        for family in thunes_scheduler::FAMILIES {
            program = program.leave_out(family);
        }
    }
    let exporter = program.install().context("metrics")?;
    let summary = run::run(config, &exporter, stop, announce).await?;
    announce(&summary.to_string());
    page.map_or(Ok(()), |page| page.write(&summary.page))
}

/// Where the last page goes; made at the start, as a mistake in its name should not show at the end.
struct PageFile {
    path: PathBuf,
    file: File,
}

/// A file for the page that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}; give another file with --page-file", path.display())]
struct PageFileError {
    path: PathBuf,
    source: io::Error,
}

impl PageFile {
    fn create(path: &Path) -> Result<Self, PageFileError> {
        let file = File::create(path).map_err(|source| PageFileError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn write(mut self, page: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(page.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn train(out: &Path) -> anyhow::Result<()> {
    let (model, evaluation) = model::train::train(history::eurusd())?;
    model::train::write(out, &model, &evaluation)?;
    announce(&format!(
        "wrote eurusd_h1.json and evaluation.json to {}\n",
        out.display()
    ));
    Ok(())
}

/// Prints for a person; a closed terminal is no reason to end.
fn announce(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Wrong flags, settings and addresses are the caller's to mend; everything else is ours.
fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<KeyError>()
            || cause.is::<FolderError>()
            || cause.is::<LogLevelError>()
            || cause.is::<PageFileError>()
            || cause.is::<counterpart::BindError>()
            || matches!(
                cause.downcast_ref(),
                Some(RunError::PortInUse(_) | RunError::Endpoint(_) | RunError::Gateway(_))
            )
            || matches!(
                cause.downcast_ref(),
                Some(gateway::ServeError::Bind { .. } | gateway::ServeError::Paper(_))
            )
    });
    if usage { USAGE } else { 1 }
}
