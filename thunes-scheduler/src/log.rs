//! How both programs log: to standard error, for people or as JSON.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The flags for logging.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// For people, or a JSON object a line.
    #[arg(
        long,
        env = "LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "human",
        global = true
    )]
    pub log_format: LogFormat,
    /// error, warn, info, debug or trace, or directives such as `sentinel_daemon=debug`.
    #[arg(
        long,
        env = "LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        global = true
    )]
    pub log_level: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Human,
    /// A JSON object a line.
    Json,
}

/// A level that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "--log-level {0}: accepted are error, warn, info, debug, trace, or directives such as `sentinel_daemon=debug`"
)]
pub struct LogLevelError(String, #[source] ParseError);

/// Starts logging, once for the process.
///
/// # Errors
/// The level is none.
pub fn start(args: &LogArgs) -> Result<(), LogLevelError> {
    let filter = EnvFilter::try_new(&args.log_level);
    let filter = filter.map_err(|error| LogLevelError(args.log_level.clone(), error))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match args.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Human => {
            let terminal = io::IsTerminal::is_terminal(&io::stderr());
            let colours = terminal && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).with_target(false).init();
        }
    }
    Ok(())
}
