//! Jobs on time, and the health of a workspace beside a trading system.
//!
//! For now it is the frame: the metrics endpoint, logging and an orderly end. No job is built in yet, and it says so.

use std::net::SocketAddr;

use instrument_core::{Exporter, ServeError};
use tokio_util::sync::CancellationToken;

pub mod log;

/// The JSON body of `/health` while the program is ready; the predecessor's.
pub const HEALTHY: &str = r#"{"service":"thunes-metrics","status":"ok"}"#;

/// What the scheduler runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the metrics endpoint listens.
    pub metrics: Vec<SocketAddr>,
}

/// Runs the scheduler until `stop`. `tell` is given the lines for a person, once everything is up.
///
/// # Errors
/// The endpoint could not be served.
pub async fn run(
    config: Config,
    exporter: &Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let endpoint = exporter.serve(&config.metrics[..])?;
    let port = endpoint.local_addr().port();
    tell(&format!(
        "thunes-scheduler {}\n  jobs     none is built in yet\n  metrics  http://localhost:{port}/metrics\n  \
         health   http://localhost:{port}/health\n  stop     Ctrl-C, or SIGTERM\n",
        env!("CARGO_PKG_VERSION")
    ));
    stop.cancelled().await;
    endpoint.stop();
    Ok(())
}
