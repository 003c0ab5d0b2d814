//! The program: reads what was typed, starts the right thing, and turns its end into an exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use instrument_core::Builder;
use instrument_core::shutdown::Signals;
use sentinel_daemon::cli::{Cli, Command, LogArgs, LogFormat, RunArgs};
use sentinel_daemon::config::{Config, ConfigError};
use sentinel_daemon::counterpart::gateway;
use sentinel_daemon::gateway::signature::KeyError;
use sentinel_daemon::run::{self, RunError};
use sentinel_daemon::{counterpart, history, model};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Exit code for a wrong flag, a wrong setting or a taken port; clap's own is the same.
const USAGE: u8 = 2;

fn main() -> ExitCode {
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
    log(&cli.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let ended = runtime.block_on(async {
        let stop = stop_on_signals()?;
        match cli.command {
            None => trade(cli.run, stop).await,
            Some(Command::Run(args)) => trade(*args, stop).await,
            Some(Command::ServePrices { bind }) => {
                counterpart::serve_prices(&bind, stop, announce).await
            }
            Some(Command::ServeModel { bind }) => {
                counterpart::serve_model(&bind, stop, announce).await
            }
            Some(Command::PaperGateway(args)) => {
                counterpart::serve_gateway(args, stop, announce).await
            }
            Some(Command::Train { out }) => train(&out),
        }
    });
    // What is left over, such as a connection that does not end, must not hold up the exit.
    runtime.shutdown_background();
    ended
}

async fn trade(args: RunArgs, stop: CancellationToken) -> anyhow::Result<()> {
    let config = Config::resolve(args)?;
    let program = Builder::new().program(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let exporter = program.install().context("metrics")?;
    let summary = run::run(config, &exporter, stop, announce).await?;
    announce(&summary.to_string());
    Ok(())
}

fn train(out: &std::path::Path) -> anyhow::Result<()> {
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

/// A token that the first SIGINT or SIGTERM cancels; a second one ends the process at once.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut signals = Signals::take().context("cannot handle signals")?;
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        let (name, _) = signals.next().await;
        tracing::info!("{name}: stopping; once more to stop at once");
        cancel.cancel();
        let (_, code) = signals.next().await;
        #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
        std::process::exit(code);
    });
    Ok(stop)
}

fn log(args: &LogArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).with_context(|| {
        format!(
            "--log-level {}: accepted are error, warn, info, debug, trace",
            args.log_level
        )
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match args.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Human => {
            let colours = io::IsTerminal::is_terminal(&io::stderr())
                && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).with_target(false).init();
        }
    }
    Ok(())
}

/// Wrong flags, settings and addresses are the caller's to mend; everything else is ours.
fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<KeyError>()
            || cause.is::<ParseError>()
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
