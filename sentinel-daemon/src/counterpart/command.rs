//! The counterparts as programs of their own: bind, say where, serve until told to stop.

use std::io;

use anyhow::Context;
use instrument_core::{Exporter, ServeError, Server, loopback};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::gateway::{self, PaperConfig, Rules};
use super::model as model_server;
use super::prices::{self, Prices};
use super::traffic;
use crate::cli::PaperArgs;
use crate::gateway::signature::RiskKey;
use crate::model::Model;
use crate::run::RunError;
use crate::state::{self, HeldFile, PAPER_ACCOUNT};

/// Port of the paper gateway's metrics.
const METRICS_PORT: u16 = 8002;

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {bind}; give another address with --bind")]
pub struct BindError {
    bind: String,
    source: io::Error,
}

/// `serve-prices`: the replayed prices, in the vendor's format.
///
/// # Errors
/// [`BindError`], and what the listener reports.
pub async fn serve_prices(
    bind: &str,
    exporter: Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let (listener, url) = listen(bind).await?;
    tell(&format!(
        "prices   {url}/api/intraday/EURUSD.FOREX (a replay)\nmetrics  {url}/metrics\nstop     Ctrl-C, or SIGTERM\n"
    ));
    prices::serve_beside(traffic::page(exporter), listener, Prices::shipped(), stop)
        .await
        .context("the price server ended badly")
}

/// `serve-model`: the shipped model, over `POST /invocations`.
///
/// # Errors
/// [`BindError`], and what the listener reports.
pub async fn serve_model(
    bind: &str,
    exporter: Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let (listener, url) = listen(bind).await?;
    tell(&format!(
        "model    {url}/invocations\nmetrics  {url}/metrics\nstop     Ctrl-C, or SIGTERM\n"
    ));
    model_server::serve_beside(traffic::page(exporter), listener, Model::shipped(), stop)
        .await
        .context("the model server ended badly")
}

/// `paper-gateway`: a gateway that trades on paper.
///
/// # Errors
/// The key, the state or the endpoint cannot be used, or the socket broke.
pub async fn serve_gateway(
    args: PaperArgs,
    exporter: &Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let endpoint = if args.bind.contains("://") {
        args.bind
    } else {
        format!("tcp://{}", args.bind)
    };
    // A port picked by the system is another one next time: nobody comes back to its account.
    let folder = match args.state_dir {
        Some(folder) => Some(folder),
        None if endpoint.ends_with(":0") || endpoint.ends_with(":*") => None,
        None => Some(state::folder_of(&endpoint)?),
    };
    let account = folder
        .as_deref()
        .map(|folder| HeldFile::take(folder, PAPER_ACCOUNT));
    let config = PaperConfig {
        rules: Rules {
            spread: args.spread,
            ..Rules::default()
        },
        balance: args.balance,
        risk_key: args
            .risk_key_file
            .as_deref()
            .map(RiskKey::from_file)
            .transpose()?,
        state_file: account.transpose()?,
        ..PaperConfig::default()
    };
    let page = page(exporter, args.metrics_port)?;
    let server = gateway::serve(&endpoint, config, stop)?;
    let metrics = page.as_ref().map_or_else(
        || format!("none, as port {METRICS_PORT} is in use"),
        |page| format!("http://localhost:{}/metrics", page.local_addr().port()),
    );
    tell(&format!(
        "gateway  {} (on paper)\nmetrics  {metrics}\naccount  {}\nstop     Ctrl-C, or SIGTERM\n",
        server.endpoint(),
        folder.map_or_else(
            || "in memory".to_owned(),
            |folder| format!("kept in {}", folder.display())
        ),
    ));
    Ok(server.finished().await?)
}

/// The gateway's page. Several may run on one machine, so that only a port that was asked for must be free.
fn page(exporter: &Exporter, port: Option<u16>) -> Result<Option<Server>, RunError> {
    match exporter.serve(&loopback(port.unwrap_or(METRICS_PORT))[..]) {
        Ok(page) => Ok(Some(page)),
        Err(ServeError::InUse(_)) if port.is_none() => Ok(None),
        Err(ServeError::InUse(addr)) => Err(RunError::PortInUse(addr)),
        Err(other) => Err(RunError::Endpoint(other)),
    }
}

async fn listen(bind: &str) -> Result<(TcpListener, String), BindError> {
    let refused = |source| BindError {
        bind: bind.to_owned(),
        source,
    };
    let listener = TcpListener::bind(bind).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, format!("http://{addr}")))
}
