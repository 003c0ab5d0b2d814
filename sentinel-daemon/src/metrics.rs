//! Everything the daemon emits that is declared; the first eighteen are the predecessor's, name for name.
//!
//! Buckets below and above the predecessor's were added where its were too coarse to show a local call, or
//! ended below a timeout.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use instrument_core::{Counter, Gauge, Histogram, LabelValue, Series, metrics, uptime_seconds};

use crate::bar::Side;
use crate::config::Mode;
use crate::cycle::{SkipReason, Suppression};
use crate::desk::OrderStatus;
use crate::desk::settle::Settlement;
use crate::gateway::ReplyStatus;
use crate::model::Class;
use crate::prediction::Invalid;
use crate::regime::Regime;
use crate::risk::Refusal;
use crate::score::{self, Part};

/// Which of the two HTTP services an API metric is about.
#[derive(Debug, Clone, Copy, LabelValue)]
pub enum Endpoint {
    /// The price vendor.
    Eodhd,
    /// The model server.
    Hub,
}

/// Why a call to an HTTP service failed; closed, so that every series is there at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum ErrorCode {
    /// No token is set, so no call was made.
    NoApiKey,
    /// The answer held no data.
    EmptyResponse,
    /// No complete answer within the time limit.
    Timeout,
    /// No connection.
    Connect,
    /// The connection is not secure.
    Tls,
    /// The answer is not what the protocol says.
    BadJson,
    /// The answer is larger than is accepted.
    TooLarge,
    /// Anything else.
    Exception,
    /// The request was wrong.
    #[label("400")]
    Http400,
    /// The token is missing or wrong.
    #[label("401")]
    Http401,
    /// The plan is used up.
    #[label("402")]
    Http402,
    /// The token is not allowed to do this.
    #[label("403")]
    Http403,
    /// There is no such thing.
    #[label("404")]
    Http404,
    /// Too many calls.
    #[label("429")]
    Http429,
    /// The server failed.
    #[label("500")]
    Http500,
    /// A gateway before the server failed.
    #[label("502")]
    Http502,
    /// The server is down for a while.
    #[label("503")]
    Http503,
    /// A gateway before the server gave up waiting.
    #[label("504")]
    Http504,
    /// Any other status.
    HttpOther,
}

impl ErrorCode {
    /// The code of an HTTP status that is no success.
    #[must_use]
    pub const fn of_status(status: u16) -> Self {
        match status {
            400 => Self::Http400,
            401 => Self::Http401,
            402 => Self::Http402,
            403 => Self::Http403,
            404 => Self::Http404,
            429 => Self::Http429,
            500 => Self::Http500,
            502 => Self::Http502,
            503 => Self::Http503,
            504 => Self::Http504,
            _ => Self::HttpOther,
        }
    }
}

/// The version of this program, as a label of one value.
#[derive(Debug, Clone, Copy)]
pub struct Version;

impl LabelValue for Version {
    const VALUES: &'static [&'static str] = &[env!("CARGO_PKG_VERSION")];

    fn index(&self) -> usize {
        0
    }
}

/// Uptime at the end of the last good cycle, in milliseconds.
static SUCCEEDED_MS: AtomicU64 = AtomicU64::new(0);

/// Says that a cycle has done its work, just now.
pub(crate) fn succeeded() {
    LAST_SUCCESS.set_to_now();
    SUCCEEDED_MS.store((uptime_seconds() * 1e3) as u64, Ordering::Relaxed);
}

pub(crate) fn last_success_age() -> f64 {
    let succeeded = SUCCEEDED_MS.load(Ordering::Relaxed) as f64 / 1e3;
    (uptime_seconds() - succeeded).max(0.0)
}

/// The series of the symbol that is traded: on the page, at zero from the start, for as long as this lives.
pub struct SymbolSeries {
    pub(crate) orders: Series<Counter<(Side, OrderStatus)>>,
    pub(crate) order_volume: Series<Histogram<(Side,)>>,
    pub(crate) position_lots: Series<Gauge<(Side,)>>,
    regime: Series<Gauge<(Regime,)>>,
}

impl SymbolSeries {
    /// The series of `symbol`.
    #[must_use]
    pub fn new(symbol: &str) -> Self {
        Self {
            orders: ORDERS.series(symbol),
            order_volume: ORDER_VOLUME.series(symbol),
            position_lots: POSITION_LOTS.series(symbol),
            regime: MARKET_REGIME.series(symbol),
        }
    }

    /// Shows what the market is like.
    pub(crate) fn show(&self, now: Regime) {
        for regime in Regime::ALL {
            self.regime.set(regime, f64::from(u8::from(regime == now)));
        }
    }
}

impl fmt::Debug for SymbolSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymbolSeries").finish_non_exhaustive()
    }
}

metrics! {
    /// Trading cycles, failed and skipped ones included.
    pub static CYCLES: Counter = "sentinel_trading_cycles_total";
    /// Trading cycles that ended in an error.
    pub static CYCLES_FAILED: Counter = "sentinel_trading_cycles_failed_total";
    /// Seconds of a whole trading cycle.
    pub static CYCLE_DURATION: Histogram = "sentinel_trading_cycle_duration_seconds",
        buckets = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];
    /// Unix time of the end of the last trading cycle, failed ones included.
    pub static LAST_CYCLE: Gauge = "sentinel_last_cycle_timestamp_unix";
    /// Seconds to fetch bars from the price vendor, failures included.
    pub static DATA_FETCH: Histogram = "sentinel_data_fetch_duration_seconds",
        buckets = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0];
    /// Fetches of bars that failed.
    pub static DATA_FETCH_FAILED: Counter = "sentinel_data_fetch_failed_total";
    /// Seconds to build the features of a cycle.
    pub static FEATURE_BUILD: Histogram = "sentinel_feature_build_duration_seconds",
        buckets = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.01, 0.1, 0.5, 1.0, 2.0];
    /// Predictions asked of the model server.
    pub static PREDICTION_REQUESTS: Counter = "sentinel_prediction_requests_total";
    /// Predictions that failed, or came back unfit to trade on.
    pub static PREDICTION_FAILURES: Counter = "sentinel_prediction_failures_total";
    /// Seconds to get a good prediction.
    pub static PREDICTION_LATENCY: Histogram = "sentinel_prediction_latency_seconds",
        buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0];
    /// The highest class probability of the last good prediction.
    pub static LAST_CONFIDENCE: Gauge = "sentinel_last_prediction_confidence";
    /// Signals to trade that the strategy gave.
    pub static SIGNALS: Counter<(action: Side)> = "sentinel_trading_signals_total";
    /// Signals whose order the gateway has filled, by its own word.
    pub static SIGNALS_EXECUTED: Counter<(action: Side)> = "sentinel_trading_signals_executed_total";
    /// Seconds to send an order and get its fill.
    pub static ZMQ_SEND: Histogram = "sentinel_zmq_send_latency_seconds",
        buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
    /// Requests of a trading decision to the gateway (positions, order, what became of an order) that failed, were
    /// refused or got no valid reply.
    pub static ZMQ_SEND_FAILURES: Counter = "sentinel_zmq_send_failures_total";
    /// Calls made to an HTTP service.
    pub static API_CALLS: Counter<(endpoint: Endpoint)> = "sentinel_api_calls_total";
    /// Calls to an HTTP service that failed, by reason.
    pub static API_ERRORS: Counter<(endpoint: Endpoint, error_code: ErrorCode)> = "sentinel_api_errors_total";
    /// Seconds since the daemon started.
    pub static UPTIME: Gauge = "sentinel_daemon_uptime_seconds", compute = uptime_seconds;

    /// The mode the daemon runs in: 1 for that one, 0 for the others.
    pub static MODE: Info<(mode: Mode)> = "sentinel_mode";
    /// Whether prices are a replay of the past: 1 if they are, 0 if they are the market's.
    pub static REPLAY: Gauge = "sentinel_replay";
    /// How often the replay has come to its end and begun again; positions are closed then.
    pub static REPLAY_WRAPS: Counter = "sentinel_replay_wraps_total";
    /// Cycles that made no call to the vendor, as no bar could have closed since the last one.
    pub static DATA_KEPT: Counter = "sentinel_data_kept_total";
    /// Cycles that had nothing to judge, by reason.
    pub static SKIPS: Counter<(reason: SkipReason)> = "sentinel_cycle_skips_total";
    /// Signals that risk did not let pass, by rule.
    pub static RISK_BLOCKS: Counter<(rule: Refusal)> = "sentinel_risk_blocks_total";
    /// Whether the gateway answers pings: 0 after three misses in a row, before the first answer, and without a gateway.
    pub static GATEWAY_UP: Gauge = "sentinel_gateway_up";
    /// Pings that the gateway did not answer.
    pub static GATEWAY_PING_FAILURES: Counter = "sentinel_gateway_ping_failures_total";
    /// The version that runs; always 1.
    pub static BUILD_INFO: Info<(version: Version)> = "sentinel_build_info";
    /// Unix time of the end of the last trading cycle that did its work, those with nothing to judge included.
    pub static LAST_SUCCESS: Gauge = "sentinel_last_success_timestamp_unix";
    /// Seconds since the last trading cycle that did its work ended, or since the start if there was none.
    pub static LAST_SUCCESS_AGE: Gauge = "sentinel_last_success_age_seconds", compute = last_success_age;
    /// Closed bars in the vendor's last good answer.
    pub static DATA_BARS: Gauge = "sentinel_data_bars";
    /// Unix time at which the last closed bar ended, on the market's clock, which in a replay is the replayed one.
    pub static DATA_LAST_BAR: Gauge = "sentinel_data_last_bar_timestamp_unix";
    /// What the last good prediction gave each class.
    pub static CLASS_PROBABILITY: Gauge<(class: Class)> = "sentinel_prediction_class_probability";
    /// Answers of the model server that came in time and with a good status, and are unfit to trade on, by reason.
    pub static PREDICTION_INVALID: Counter<(reason: Invalid)> = "sentinel_prediction_invalid_total";
    /// Judgements for BUY or SELL that did not become an order, by reason.
    pub static SUPPRESSED: Counter<(reason: Suppression)> = "sentinel_signals_suppressed_total";
    /// Orders by what came of them.
    pub static ORDERS: Counter<(symbol: configured, side: Side, status: OrderStatus)> = "sentinel_orders_total";
    /// Lots of each fill, by the gateway's own word; the sum is the volume traded.
    pub static ORDER_VOLUME: Histogram<(symbol: configured, side: Side)> = "sentinel_order_volume_lots",
        buckets = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0];
    /// Orders without an answer whose outcome was learned later, by what it was.
    pub static ORDERS_SETTLED: Counter<(settlement: Settlement)> = "sentinel_orders_settled_total";
    /// Orders whose outcome is not known: 1 while there is one, as no other is sent before it is settled.
    pub static ORDERS_UNSETTLED: Gauge = "sentinel_orders_unsettled";
    /// Replies of the gateway to all but pings, by what they say first.
    pub static GATEWAY_REPLIES: Counter<(status: ReplyStatus)> = "sentinel_gateway_replies_total";
    /// Replies of the gateway to another request than the one under way, which were dropped.
    pub static GATEWAY_STRAY: Counter = "sentinel_gateway_stray_replies_total";
    /// Seconds from a ping to the gateway to its answer.
    pub static GATEWAY_PING: Histogram = "sentinel_gateway_ping_duration_seconds",
        buckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
    /// Lots of open positions of the symbol, as the gateway told in the last cycle.
    pub static POSITION_LOTS: Gauge<(symbol: configured, side: Side)> = "sentinel_position_lots";
    /// What the market of the symbol is like, as of the last judged bar: 1 for that one, 0 for the others.
    pub static MARKET_REGIME: Gauge<(symbol: configured, regime: Regime)> = "sentinel_market_regime";
    /// Whether a part of the loop is well: 1 if it is.
    pub static HEALTH_PART: Gauge<(part: Part)> = "sentinel_health_part";
    /// The share of the loop's parts that are well: the mean of their gauges.
    pub static HEALTH_SCORE: Gauge = "sentinel_health_score", compute = score::compute;
    /// Ticks of the schedule that were missed because a cycle was still running.
    pub static OVERRUNS: Counter = "sentinel_cycle_overruns_total";
}
