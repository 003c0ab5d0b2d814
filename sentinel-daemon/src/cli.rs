//! What can be typed. The flags and environment names of the predecessor mean what they meant.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use instrument_core::CatalogueFormat;
use thunes_scheduler::log::LogArgs;

use crate::counterpart::prices::StepLength;
use crate::prediction::HubProtocol;

/// A trading loop over hourly bars, with metrics that tell the truth.
///
/// Without flags it trades on paper, on a replay of real EUR/USD prices, with everything it needs inside.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `run` if none is given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `run`.
    #[command(flatten)]
    pub run: RunArgs,
    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trade (the default).
    Run(Box<RunArgs>),
    /// Serve the replayed prices in the vendor's format.
    ServePrices {
        /// Where to listen.
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5002")]
        bind: String,
    },
    /// Serve the model over `POST /invocations`.
    ServeModel {
        /// Where to listen.
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8001")]
        bind: String,
    },
    /// Serve a gateway that trades on paper.
    PaperGateway(PaperArgs),
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
    /// Train the model anew from the shipped bars, and write its two files.
    Train {
        /// The folder to write to.
        #[arg(long, value_name = "DIR", default_value = "sentinel-daemon/model")]
        out: PathBuf,
    },
}

/// The flags of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Host of the model server; embedded if neither host nor port is given.
    #[arg(long, env = "HUB_HOST", value_name = "HOST")]
    pub hub_host: Option<String>,
    /// Port of the model server [default: 5001 with a host].
    #[arg(long, env = "HUB_PORT", value_name = "PORT")]
    pub hub_port: Option<u16>,
    /// Which protocol the model server speaks.
    #[arg(long, value_enum, default_value_t)]
    pub hub_protocol: HubProtocol,
    /// Name of the model at the server; only the Open Inference Protocol asks for one.
    #[arg(long, value_name = "NAME", default_value = crate::counterpart::model::open_inference::MODEL, value_parser = model_name)]
    pub hub_model: String,
    /// Host of the gateway; embedded if neither host nor port is given.
    #[arg(long, env = "GTW_HOST", value_name = "HOST")]
    pub gtw_host: Option<String>,
    /// Port of the gateway [default: 5555 with a host].
    #[arg(long, env = "GTW_PORT", value_name = "PORT")]
    pub gtw_port: Option<u16>,
    /// Base URL of the price vendor; embedded if it is not given. Its token is read from `EODHD_API_TOKEN`.
    #[arg(long, env = "VENDOR_URL", value_name = "URL", value_parser = url)]
    pub vendor_url: Option<String>,
    /// What to trade.
    #[arg(long, default_value = "EURUSD", value_parser = symbol)]
    pub symbol: String,
    /// How sure the model must be, above which it trades [default: the shipped model's own; 0.6 for another].
    #[arg(long, value_name = "0..1", value_parser = threshold)]
    pub threshold: Option<f64>,
    /// Send no orders, and open no socket for them.
    #[arg(long, conflicts_with = "live")]
    pub dry_run: bool,
    /// Trade with money. Needs a vendor token, a model server and a gateway.
    #[arg(long)]
    pub live: bool,
    /// Port of the metrics endpoint; 0 picks a free one.
    #[arg(
        long,
        env = "METRICS_PORT",
        value_name = "PORT",
        default_value_t = 8000
    )]
    pub metrics_port: u16,
    /// Address of the metrics endpoint [default: loopback, IPv4 and IPv6].
    #[arg(long, env = "METRICS_HOST", value_name = "HOST")]
    pub metrics_host: Option<String>,
    /// Seconds between cycles of a replay; 0 for as fast as it goes.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = pace, allow_negative_numbers = true)]
    pub pace: Duration,
    /// How much of the market's time passes from one cycle of a replay to the next.
    #[arg(long, value_enum, default_value_t, conflicts_with = "live")]
    pub replay_step: StepLength,
    /// Second of each minute at which a cycle starts when prices are the market's own.
    #[arg(long, value_name = "0..59", default_value_t = crate::schedule::SECOND, value_parser = clap::value_parser!(u8).range(0..=59))]
    pub second: u8,
    /// End after so many cycles, with a summary.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub cycles: Option<u64>,
    /// Write the metrics page there at the end.
    #[arg(long, value_name = "FILE")]
    pub page_file: Option<PathBuf>,
    /// Lots of each order.
    #[arg(long, value_name = "LOTS", default_value = "0.1", value_parser = volume, allow_negative_numbers = true)]
    pub volume: f64,
    /// The most positions open at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub max_positions: usize,
    /// File with the key that signs orders; the gateway must have the same.
    #[arg(long, env = "SENTINEL_RISK_KEY_FILE", value_name = "FILE")]
    pub risk_key_file: Option<PathBuf>,
    /// Check a LAB beside the trading, as thunes-scheduler does: its configuration, TOML with a table `[lab]`. Nothing
    /// that happens there holds up a cycle.
    #[arg(long, env = "LAB_CONFIG", value_name = "FILE")]
    pub lab_config: Option<PathBuf>,
    /// Where state outlives the process [default: below `XDG_STATE_HOME`, by the gateway's address; in memory if the
    /// gateway is embedded].
    #[arg(long, env = "STATE_DIRECTORY", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// The flags of `paper-gateway`.
#[derive(Debug, Clone, Args)]
pub struct PaperArgs {
    /// Where to listen, as a `ZeroMQ` endpoint or HOST:PORT.
    #[arg(long, value_name = "ENDPOINT", default_value = "tcp://127.0.0.1:5555")]
    pub bind: String,
    /// Port of its metrics endpoint, on loopback; 0 picks a free one [default: 8002, if that is free].
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
    /// Ask minus bid, in price units.
    #[arg(long, value_name = "PRICE", default_value_t = 0.0001)]
    pub spread: f64,
    /// Money in a new account.
    #[arg(long, value_name = "USD", default_value_t = 10_000.0)]
    pub balance: f64,
    /// File with the key that orders are signed with; without it signatures are not verified.
    #[arg(long, env = "SENTINEL_RISK_KEY_FILE", value_name = "FILE")]
    pub risk_key_file: Option<PathBuf>,
    /// Where the account outlives the process [default: below `XDG_STATE_HOME`, by its address; in memory on port 0].
    #[arg(long, env = "STATE_DIRECTORY", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

fn number(text: &str, accepted: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|&number: &f64| number.is_finite() && fits(number));
    number.ok_or_else(|| format!("accepted: {accepted}"))
}

fn threshold(text: &str) -> Result<f64, String> {
    number(text, "a number between 0 and 1", |number| {
        (0.0..=1.0).contains(&number)
    })
}

fn volume(text: &str) -> Result<f64, String> {
    number(text, "lots above zero", |number| number > 0.0)
}

fn pace(text: &str) -> Result<Duration, String> {
    let accepted = "seconds, zero or more, up to a day";
    let seconds = number(text, accepted, |number| (0.0..=86_400.0).contains(&number))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// The symbol stands in a URL's path, so it is kept to what symbols are made of.
fn symbol(text: &str) -> Result<String, String> {
    let plain =
        !text.is_empty() && text.len() <= 16 && text.chars().all(|c| c.is_ascii_alphanumeric());
    if plain {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("accepted: up to 16 letters and digits".to_owned())
    }
}

/// The name stands in a URL's path.
fn model_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !text.is_empty() && text.len() <= 128 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("accepted: up to 128 letters, digits, dots, dashes and underscores".to_owned())
    }
}

fn url(text: &str) -> Result<String, String> {
    let known = text.starts_with("http://") || text.starts_with("https://");
    match reqwest::Url::parse(text) {
        Ok(url) if known && url.has_host() && url.query().is_none() => Ok(text.to_owned()),
        _ => Err("accepted: http://HOST[:PORT] or https://HOST[:PORT], without a query".to_owned()),
    }
}
