//! Starts everything in order, runs cycles until told to stop, and ends everything in order.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use instrument_core::{Exporter, Heartbeat, Samples, ServeError, limit_for};
use thunes_scheduler::crew::{Crew, CrewError};
use tokio_util::sync::CancellationToken;

use crate::banner::banner;
use crate::config::{Config, Mode};
use crate::cycle::{CycleError, Tally, Trader, Verdict};
use crate::desk::Desk;
use crate::desk::journal::{Journal, JournalError};
use crate::embedded::{Counterparts, EmbeddedError};
use crate::gateway::{Gateway, GatewayError, Timeouts};
use crate::http::chain;
use crate::market::MarketClock;
use crate::metrics::{self, SymbolSeries};
use crate::prediction::Predictor;
use crate::schedule::Schedule;
use crate::score::{self, Part};
use crate::state::{FolderError, HeldFile, ORDERS};
use crate::vendor::Vendor;

/// Time between pings of the gateway. Source: the predecessor's.
const PING: Duration = Duration::from_secs(5);

/// How long to wait for the account at start and end, which only a summary needs.
const ACCOUNT: Duration = Duration::from_secs(2);

/// Why the daemon did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The port of the metrics endpoint is taken.
    #[error("port {} of {} is in use: stop the program that holds it, or choose another with --metrics-port", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The metrics endpoint cannot be served there for another reason.
    #[error("metrics endpoint")]
    Endpoint(#[source] ServeError),
    /// An embedded counterpart.
    #[error("embedded counterpart")]
    Embedded(#[from] EmbeddedError),
    /// TLS, for a client of an HTTP service.
    #[error("HTTP client")]
    Http(#[source] reqwest::Error),
    /// The journal of orders.
    #[error("journal of orders")]
    Journal(#[from] JournalError),
    /// The folder for state.
    #[error("state")]
    State(#[from] FolderError),
    /// The LAB could not be started.
    #[error("LAB")]
    Lab(#[source] CrewError),
    /// The gateway's endpoint is none.
    #[error("gateway client")]
    Gateway(#[source] GatewayError),
}

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    /// Cycles, signals, orders, fills.
    pub tally: Tally,
    /// Change of the account's equity, in its currency; `None` without an account, or if it did not answer.
    pub profit: Option<f64>,
    /// The stage with the longest mean time, and that time in seconds.
    pub slowest: Option<(&'static str, f64)>,
    /// The last metrics page.
    pub page: String,
}

/// Runs the daemon until `stop`, or until the configured number of cycles. `exporter` is the process's own;
/// `tell` is given the lines for a person, once everything is up.
///
/// # Errors
/// [`RunError`] if it could not start; once it runs, it ends only as told.
pub async fn run(
    config: Config,
    exporter: &Exporter,
    stop: CancellationToken,
    tell: impl FnOnce(&str),
) -> Result<Summary, RunError> {
    // The endpoint comes first: a taken port must leave nothing half started.
    let endpoint = exporter
        .serve(&config.metrics[..])
        .map_err(|error| match error {
            ServeError::InUse(addr) => RunError::PortInUse(addr),
            other => RunError::Endpoint(other),
        })?;
    let counterparts = Counterparts::start(&config).await?;
    let mut trader = trader(&config, &counterparts, stop.clone())?;
    metrics::MODE.set(config.mode);
    metrics::BUILD_INFO.set(metrics::Version);
    metrics::REPLAY.set(f64::from(u8::from(config.vendor.is_none())));
    let lab = match config.lab.clone() {
        Some(lab) => Some(Crew::start(lab, exporter).await.map_err(RunError::Lab)?),
        None => None,
    };
    tell(&banner(
        &config,
        &counterparts,
        endpoint.local_addr().port(),
    ));
    let lab = lab.map(|lab| tokio::spawn(lab.run(stop.clone())));

    let pings = trader
        .desk
        .clone()
        .map(|desk| tokio::spawn(ping(desk, exporter.clone(), stop.clone())));
    let start = equity(trader.desk.as_ref()).await;
    if config.mode == Mode::Live {
        reconcile(trader.desk.as_ref()).await;
    }
    trade(&mut trader, &config, exporter).await;
    let end = equity(trader.desk.as_ref()).await;
    stop.cancel();

    let slowest = slowest(&exporter.samples());
    if let Some(pings) = pings {
        pings.abort();
    }
    if let Some(desk) = &trader.desk {
        desk.stop().await;
    }
    counterparts.stop().await;
    if let Some(lab) = lab {
        // A panic there was told by itself, and the guards end the children.
        let _ = lab.await;
    }
    endpoint.stop();
    let profit = start.zip(end).map(|(start, end)| end - start);
    Ok(Summary {
        tally: trader.tally,
        profit,
        slowest,
        // The symbol's series are on it for as long as there is a trader.
        page: exporter.render(),
    })
}

fn trader(
    config: &Config,
    counterparts: &Counterparts,
    stop: CancellationToken,
) -> Result<Trader, RunError> {
    let series = Arc::new(SymbolSeries::new(&config.symbol));
    let desk = match &counterparts.gateway {
        Some(endpoint) => {
            let gateway =
                Gateway::connect(endpoint, Timeouts::default()).map_err(RunError::Gateway)?;
            let folder = config.state_dir.as_deref();
            let file = folder.map(|folder| HeldFile::take(folder, ORDERS));
            let journal = Journal::open(file.transpose()?)?;
            let (key, symbol) = (counterparts.risk_key.clone(), config.symbol.clone());
            Some(Desk::new(
                gateway,
                key,
                symbol,
                Arc::clone(&series),
                journal,
            ))
        }
        None => {
            score::note(Part::Gateway, true);
            score::note(Part::Orders, true);
            None
        }
    };
    let live = config.mode == Mode::Live;
    let judged = desk.as_ref().and_then(Desk::traded_bar);
    Ok(Trader {
        symbol: config.symbol.clone(),
        threshold: config.threshold,
        limits: config.limits,
        live,
        vendor: Vendor::new(
            &counterparts.vendor,
            config.token.clone(),
            config.replay_step,
        )
        .map_err(RunError::Http)?,
        predictor: Predictor::new(&counterparts.hub, config.hub_protocol, &config.hub_model)
            .map_err(RunError::Http)?,
        desk,
        series,
        // A vendor out in the world has the present, until it says otherwise; one nearby may replay.
        clock: if live || counterparts.vendor.starts_with("https:") {
            MarketClock::Wall
        } else {
            MarketClock::Unknown
        },
        tally: Tally::default(),
        stop,
        kept: None,
        judged,
        price: 0.0,
    })
}

/// Cycles until told to stop: the first at once, the next when the schedule says.
async fn trade(trader: &mut Trader, config: &Config, exporter: &Exporter) {
    let mut schedule = schedule(trader.clock, config);
    let mut heart = heart(exporter, &schedule);
    while !trader.stop.is_cancelled() {
        let by_the_wall = trader.clock == MarketClock::Wall;
        let good = one_cycle(trader).await;
        if by_the_wall != (trader.clock == MarketClock::Wall) {
            schedule = self::schedule(trader.clock, config);
            heart = self::heart(exporter, &schedule);
        }
        if good {
            heart.beat();
            metrics::succeeded();
        }
        if config
            .cycles
            .is_some_and(|cycles| trader.tally.cycles >= cycles)
        {
            return;
        }
        let stop = trader.stop.clone();
        stop.run_until_cancelled(schedule.wait()).await;
    }
}

fn schedule(clock: MarketClock, config: &Config) -> Schedule {
    if clock == MarketClock::Wall {
        Schedule::minutes(config.second)
    } else {
        Schedule::paced(config.pace)
    }
}

fn heart(exporter: &Exporter, schedule: &Schedule) -> Heartbeat {
    let limit = limit_for(schedule.period());
    score::allow(limit);
    exporter.require_heartbeat("cycle", limit)
}

/// Runs one cycle and tells how it ended, in a line; `true` if it did its work.
async fn one_cycle(trader: &mut Trader) -> bool {
    let number = trader.tally.cycles + 1;
    let ended = contain(trader.cycle()).await;
    trader.tally.cycles = number;
    metrics::LAST_CYCLE.set_to_now();
    let symbol = trader.symbol.as_str();
    match ended {
        Ok(Ok(verdict)) => {
            tracing::info!("cycle {number}: {symbol} {verdict}");
            return !matches!(verdict, Verdict::Stopped);
        }
        Ok(Err(CycleError::Order(error))) if error.is_unknown() => {
            tracing::error!(
                "cycle {number}: {symbol} the order's outcome is unknown: {}",
                chain(&error)
            );
        }
        Ok(Err(error)) => tracing::warn!("cycle {number}: {symbol} {}", chain(&error)),
        Err(Panicked) => tracing::error!("cycle {number}: {symbol} panicked"),
    }
    trader.tally.failed += 1;
    false
}

/// A future that panicked.
struct Panicked;

/// Contains a panic: a cycle that goes wrong in the worst way must not end the daemon.
async fn contain<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // What a cycle leaves half done, the next one reads again from the outside.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(std::task::Poll::Ready(Err(Panicked)), |poll| poll.map(Ok))
    })
    .await
}

/// Asks the gateway for a sign of life every few seconds; it is required for readiness.
async fn ping(desk: Desk, exporter: Exporter, stop: CancellationToken) {
    let heartbeat = exporter.require_heartbeat("gateway", limit_for(PING));
    let mut ticks = tokio::time::interval(PING);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        desk.check(&heartbeat).await;
    }
}

/// Tells what is held before the first cycle. An order without an answer is settled by that cycle, before all else.
async fn reconcile(desk: Option<&Desk>) {
    let Some(desk) = desk else { return };
    match desk.positions().await {
        Ok(held) => {
            let tickets: Vec<_> = held.iter().map(|position| position.ticket).collect();
            tracing::info!(positions = held.len(), ?tickets, "held at the start");
        }
        Err(error) => tracing::warn!("cannot tell what is held at the start: {}", chain(&error)),
    }
}

async fn equity(desk: Option<&Desk>) -> Option<f64> {
    match tokio::time::timeout(ACCOUNT, desk?.equity()).await {
        Ok(Ok(equity)) => Some(equity),
        Ok(Err(error)) => {
            tracing::warn!("cannot read the account: {}", chain(&error));
            None
        }
        Err(_) => {
            tracing::warn!("cannot read the account within {ACCOUNT:?}");
            None
        }
    }
}

/// The slowest stage by its mean, read from the run's own metrics.
fn slowest(samples: &Samples) -> Option<(&'static str, f64)> {
    let stages = [
        ("fetch", "sentinel_data_fetch_duration_seconds"),
        ("features", "sentinel_feature_build_duration_seconds"),
        ("predict", "sentinel_prediction_latency_seconds"),
        ("send", "sentinel_zmq_send_latency_seconds"),
    ];
    let mean = |family: &str| {
        let [sum, count] =
            ["sum", "count"].map(|part| samples.get(&format!("{family}_{part}"), &[]));
        sum.zip(count)
            .filter(|&(_, count)| count > 0.0)
            .map(|(sum, count)| sum / count)
    };
    let means = stages
        .into_iter()
        .filter_map(|(stage, family)| Some((stage, mean(family)?)));
    means.max_by(|(_, a), (_, b)| a.total_cmp(b))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            cycles,
            failed,
            signals,
            orders,
            fills,
        } = self.tally;
        writeln!(f, "cycles   {cycles}, of which {failed} failed")?;
        writeln!(f, "signals  {signals}")?;
        writeln!(f, "orders   {orders}")?;
        writeln!(f, "fills    {fills}")?;
        match self.profit {
            Some(profit) => writeln!(f, "PnL      {profit:+.2}, open positions included")?,
            None => writeln!(f, "PnL      unknown: no account")?,
        }
        match self.slowest {
            Some((stage, mean)) => writeln!(f, "slowest  {stage}, {:.3} ms on average", mean * 1e3),
            None => writeln!(f, "slowest  no stage was completed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_cycle_is_contained() {
        let panics = async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        };
        assert!(contain(panics).await.is_err());
        assert!(matches!(contain(async { 7 }).await, Ok(7)));
    }

    #[test]
    fn the_slowest_stage_is_the_one_with_the_longest_mean() {
        let samples = Samples::parse(
            "sentinel_data_fetch_duration_seconds_sum 4\nsentinel_data_fetch_duration_seconds_count 8\n\
             sentinel_prediction_latency_seconds_sum 2\nsentinel_prediction_latency_seconds_count 2\n\
             sentinel_zmq_send_latency_seconds_sum 0\nsentinel_zmq_send_latency_seconds_count 0\n",
        );
        assert_eq!(slowest(&samples), Some(("predict", 1.0)));
        assert_eq!(slowest(&Samples::default()), None);
    }
}
