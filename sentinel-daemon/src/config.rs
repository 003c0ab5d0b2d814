//! What the daemon runs with, resolved and checked. Nothing else reads the environment.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use instrument_core::{LabelValue, loopback};
use thunes_scheduler::crew::CrewConfig;

use crate::cli::RunArgs;
use crate::counterpart::prices::StepLength;
use crate::gateway::signature::{KeyError, RiskKey};
use crate::model::Model;
use crate::prediction::HubProtocol;
use crate::risk::Limits;
use crate::state::{self, FolderError};

/// The vendor of live prices, unless another is given.
const LIVE_VENDOR: &str = "https://eodhistoricaldata.com";
/// The predecessors' port of a model server.
const HUB_PORT: u16 = 5001;
/// The predecessors' port of a gateway.
const GATEWAY_PORT: u16 = 5555;
/// How sure a model must be that says nothing of itself. Source: the predecessor's.
const THRESHOLD: f64 = 0.6;
/// The one symbol that is embedded.
const EMBEDDED_SYMBOL: &str = "EURUSD";

/// What orders do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Mode {
    /// They go to a gateway, by default one that trades on paper.
    Paper,
    /// There are none, and no socket for them.
    DryRun,
    /// They move money.
    Live,
}

impl Mode {
    /// For a person, with what it means.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Paper => "paper: orders go to a paper gateway, no money moves",
            Self::DryRun => "dry run: no orders, and no socket for them",
            Self::Live => "LIVE: orders move money",
        }
    }
}

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one request that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "***")
    }
}

/// Why the daemon does not start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Live mode lacks something.
    #[error("live mode needs {}", .0.join(", "))]
    LiveNeeds(Vec<&'static str>),
    /// The embedded prices are of another symbol.
    #[error(
        "the embedded prices are of {EMBEDDED_SYMBOL}, not of {0}; give --vendor-url for other symbols"
    )]
    NoEmbeddedPrices(String),
    /// The address of the endpoint.
    #[error("--metrics-host {0}: no such address")]
    MetricsHost(String),
    /// The risk key.
    #[error("SENTINEL_RISK_KEY_FILE")]
    RiskKey(#[source] KeyError),
    /// The folder for state.
    #[error("state")]
    State(#[from] FolderError),
    /// The configuration of the LAB.
    #[error("--lab-config")]
    Lab(#[from] thunes_scheduler::config::ConfigError),
}

/// What the daemon runs with. A missing endpoint means its embedded counterpart.
#[derive(Debug, Clone)]
pub struct Config {
    /// What orders do.
    pub mode: Mode,
    /// What is traded.
    pub symbol: String,
    /// How sure the model must be.
    pub threshold: f64,
    /// What risk allows.
    pub limits: Limits,
    /// Time between cycles of a replay.
    pub pace: Duration,
    /// How much market time lies between two cycles of a replay.
    pub replay_step: StepLength,
    /// Second of the minute at which a cycle on the wall clock starts.
    pub second: u8,
    /// After how many cycles to end; `None` for never.
    pub cycles: Option<u64>,
    /// Where the endpoint listens.
    pub metrics: Vec<SocketAddr>,
    /// Base URL of the price vendor.
    pub vendor: Option<String>,
    /// The vendor's token.
    pub token: Option<Secret>,
    /// Base URL of the model server.
    pub hub: Option<String>,
    /// What the model server speaks.
    pub hub_protocol: HubProtocol,
    /// Name of the model there.
    pub hub_model: String,
    /// `ZeroMQ` endpoint of the gateway.
    pub gateway: Option<String>,
    /// Signs orders; the embedded pair makes up one.
    pub risk_key: Option<RiskKey>,
    /// Where state outlives the process; `None` for in memory.
    pub state_dir: Option<PathBuf>,
    /// The LAB that is checked beside.
    pub lab: Option<CrewConfig>,
}

impl Config {
    /// Resolves what was typed.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve(args: RunArgs) -> Result<Self, ConfigError> {
        let mode = match (args.live, args.dry_run) {
            (true, _) => Mode::Live,
            (false, true) => Mode::DryRun,
            (false, false) => Mode::Paper,
        };
        let hub = address(args.hub_host.as_deref(), args.hub_port, HUB_PORT)
            .map(|at| format!("http://{at}"));
        let gateway = address(args.gtw_host.as_deref(), args.gtw_port, GATEWAY_PORT)
            .map(|at| format!("tcp://{at}"));
        let token = std::env::var("EODHD_API_TOKEN")
            .ok()
            .filter(|token| !token.is_empty())
            .map(Secret::new);
        if mode == Mode::Live {
            live_needs(token.as_ref(), hub.as_ref(), gateway.as_ref())?;
        }
        let vendor = args
            .vendor_url
            .or_else(|| (mode == Mode::Live).then(|| LIVE_VENDOR.to_owned()));
        if vendor.is_none() && args.symbol != EMBEDDED_SYMBOL {
            return Err(ConfigError::NoEmbeddedPrices(args.symbol));
        }
        let own_model = hub.is_none() || mode == Mode::Paper;
        let threshold = args.threshold.unwrap_or_else(|| {
            if own_model {
                Model::shipped().threshold()
            } else {
                THRESHOLD
            }
        });
        let risk_key = args
            .risk_key_file
            .as_deref()
            .map(RiskKey::from_file)
            .transpose();
        let state_dir = match (args.state_dir, mode, &gateway) {
            (Some(folder), _, _) => Some(folder),
            // No orders, or an account that ends with the process.
            (None, Mode::DryRun, _) | (None, _, None) => None,
            (None, _, Some(endpoint)) => Some(state::folder_of(endpoint)?),
        };
        Ok(Self {
            mode,
            symbol: args.symbol,
            threshold,
            limits: Limits {
                volume: args.volume,
                positions: args.max_positions,
            },
            pace: args.pace,
            replay_step: args.replay_step,
            second: args.second,
            cycles: args.cycles,
            metrics: metrics_addresses(args.metrics_host, args.metrics_port)?,
            vendor,
            token,
            hub,
            hub_protocol: args.hub_protocol,
            hub_model: args.hub_model,
            gateway,
            risk_key: risk_key.map_err(ConfigError::RiskKey)?,
            state_dir,
            lab: args.lab_config.map(CrewConfig::lab_beside).transpose()?,
        })
    }
}

/// Host and port, if one of them is given.
fn address(host: Option<&str>, port: Option<u16>, default_port: u16) -> Option<String> {
    if host.is_none() && port.is_none() {
        return None;
    }
    let host = host.unwrap_or("127.0.0.1");
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    let host = if bare_ipv6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Some(format!("{host}:{}", port.unwrap_or(default_port)))
}

fn live_needs(
    token: Option<&Secret>,
    hub: Option<&String>,
    gateway: Option<&String>,
) -> Result<(), ConfigError> {
    let needed = [
        (token.is_none(), "a vendor token (EODHD_API_TOKEN)"),
        (hub.is_none(), "a model server (--hub-host or HUB_HOST)"),
        (gateway.is_none(), "a gateway (--gtw-host or GTW_HOST)"),
    ];
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|(missing, _)| *missing)
        .map(|(_, what)| what)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::LiveNeeds(missing))
    }
}

fn metrics_addresses(host: Option<String>, port: u16) -> Result<Vec<SocketAddr>, ConfigError> {
    let Some(host) = host else {
        return Ok(loopback(port).to_vec());
    };
    match (host.trim_matches(['[', ']']), port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(_) => Err(ConfigError::MetricsHost(host)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn resolve(args: &[&str]) -> Result<Config, String> {
        let cli = Cli::try_parse_from([&["sentinel-daemon"], args].concat())
            .map_err(|error| error.to_string())?;
        Config::resolve(cli.run).map_err(|error| error.to_string())
    }

    #[test]
    fn without_flags_everything_is_embedded() {
        let config = resolve(&[]).unwrap();
        assert_eq!(config.mode, Mode::Paper);
        assert_eq!(
            (config.vendor, config.hub, config.gateway),
            (None, None, None)
        );
        assert_eq!(
            config.threshold.to_bits(),
            Model::shipped().threshold().to_bits()
        );
        assert!(
            config
                .metrics
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 8000)
        );
    }

    #[test]
    fn a_given_endpoint_replaces_its_counterpart() {
        let config = resolve(&[
            "--hub-port",
            "81",
            "--gtw-host",
            "::1",
            "--vendor-url",
            "http://x",
        ])
        .unwrap();
        assert_eq!(config.hub.as_deref(), Some("http://127.0.0.1:81"));
        assert_eq!(config.gateway.as_deref(), Some("tcp://[::1]:5555"));
        assert_eq!(config.vendor.as_deref(), Some("http://x"));
    }

    #[test]
    fn live_says_what_it_lacks() {
        let error = resolve(&["--live", "--hub-host", "h"]).unwrap_err();
        assert!(
            error.contains("EODHD_API_TOKEN") && error.contains("--gtw-host"),
            "{error}"
        );
        assert!(!error.contains("--hub-host"), "{error}");
        assert!(
            resolve(&["--live", "--dry-run"])
                .unwrap_err()
                .contains("cannot be used with")
        );
    }

    #[test]
    fn bad_values_are_refused_with_what_is_accepted() {
        for (args, part) in [
            (["--pace", "-1"], "seconds, zero or more"),
            (["--pace", "NaN"], "seconds, zero or more"),
            (["--threshold", "1.5"], "between 0 and 1"),
            (["--symbol", "EUR/USD"], "letters and digits"),
            (["--volume", "0"], "lots above zero"),
            (["--symbol", "GBPUSD"], "--vendor-url"),
            (["--metrics-port", "70000"], "70000"),
            (["--cycles", "0"], "0"),
        ] {
            let error = resolve(&args).unwrap_err();
            assert!(error.contains(part), "{args:?}: {error}");
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Some(Secret::new("token"))), "Some(***)");
    }
}
