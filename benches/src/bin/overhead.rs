//! What metrics cost a trading cycle, and what a cycle and the gateway's answer take, on one machine in one run.
//!
//! Each figure stands beside its limit; one that is missed makes the exit code 1.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use benches::{median, rounds};
use instrument_core::{Exporter, counted, metrics, timed};
use sentinel_daemon::bar::Side;
use sentinel_daemon::counterpart::gateway::{PaperConfig, serve as serve_gateway};
use sentinel_daemon::counterpart::model::serve as serve_model;
use sentinel_daemon::counterpart::prices::{Prices, StepLength, serve as serve_prices};
use sentinel_daemon::cycle::{Tally, Trader};
use sentinel_daemon::desk::Desk;
use sentinel_daemon::desk::journal::Journal;
use sentinel_daemon::gateway::signature::RiskKey;
use sentinel_daemon::gateway::{Gateway, Timeouts};
use sentinel_daemon::market::MarketClock;
use sentinel_daemon::metrics::SymbolSeries;
use sentinel_daemon::model::Model;
use sentinel_daemon::prediction::{HubProtocol, Predictor};
use sentinel_daemon::risk::{Limits, review};
use sentinel_daemon::signal::{Probabilities, Signal, decide};
use sentinel_daemon::vendor::Vendor;
use sentinel_daemon::{features, history};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::span;

/// Cycles whose times are taken, and those before them that only warm up.
const CYCLES: usize = 1_000;
const WARM_UP: usize = 50;
/// Round trips of each kind in a round.
const ROUND_TRIPS: usize = 500;

const SYMBOL: &str = "EURUSD";
const LIMITS: Limits = Limits {
    volume: 0.1,
    positions: 10,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[timed("bench_step")]
#[counted("bench_steps")]
#[inline(never)]
fn annotated(input: u64) -> Result<u64, u64> {
    black_box(Ok(black_box(input)))
}

#[inline(never)]
fn bare(input: u64) -> Result<u64, u64> {
    black_box(Ok(black_box(input)))
}

fn main() -> Outcome<()> {
    tracing::subscriber::set_global_default(Exchanges)?;
    let exporter = instrument_core::install()?;
    let [annotated, update] = nanoseconds();
    let pure = microseconds_of_the_pure_steps()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (calls, cycle) = runtime.block_on(cycles(&exporter))?;
    let trips = round_trips(&runtime)?;
    let cost = calls.annotated * annotated + calls.updates * update;
    let share = cost / 1e3 / cycle;
    let figures = [
        ("annotated calls in a cycle, at most", calls.annotated, None),
        ("ns of one, timed and counted", annotated, None),
        ("other updates in a cycle, at most", calls.updates, None),
        ("ns of one", update, None),
        (
            "median µs of a cycle with its loopback sockets",
            cycle,
            Some(3_000.0),
        ),
        ("% of a cycle that metrics take", share * 100.0, Some(0.1)),
        ("median µs of a cycle's pure steps", pure, Some(200.0)),
        ("median µs of a bare REQ/REP round trip", trips.bare, None),
        (
            "median µs of a PING, on the socket's thread",
            trips.on_thread,
            None,
        ),
        ("x bare", trips.ratio, Some(1.3)),
        (
            "median µs of a PING, as the async caller sees it",
            trips.as_seen,
            None,
        ),
    ];
    println!("| figure | value | limit |\n| --- | --- | --- |");
    for (name, value, limit) in figures {
        let limit = limit.map_or_else(String::new, |limit: f64| limit.to_string());
        println!("| {name} | {value:.3} | {limit} |");
    }
    let missed = figures
        .iter()
        .filter(|(_, value, limit)| limit.is_some_and(|limit| *value > limit));
    let missed: Vec<_> = missed.map(|(name, ..)| *name).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("missed: {}", missed.join(", ")).into())
}

metrics! {
    /// For this bench.
    static UPDATES: Counter = "bench_updates_total";
}

/// Of an annotated call with two metrics, without what the function itself takes, and of an update of a declared metric.
/// Samples are short, so that those which another program cuts in two are few.
fn nanoseconds() -> [f64; 2] {
    const CALLS: u64 = 1_000;
    let time = |call: &dyn Fn(u64)| {
        let start = Instant::now();
        (0..CALLS).for_each(call);
        start.elapsed().as_nanos() as f64 / CALLS as f64
    };
    let [mut calls, mut updates] = [const { Vec::new() }; 2];
    for _ in 0..rounds() * 100 {
        let bare = time(&|input| _ = black_box(bare(input)));
        calls.push(time(&|input| _ = black_box(annotated(input))) - bare);
        updates.push(time(&|_| UPDATES.inc()));
    }
    [median(&mut calls), median(&mut updates)]
}

/// Features, signal and risk, on the bars that are replayed.
fn microseconds_of_the_pure_steps() -> Outcome<f64> {
    let bars = history::eurusd();
    let mut times = Vec::with_capacity(CYCLES);
    for step in history::TRAINING_BARS..history::TRAINING_BARS + CYCLES {
        let start = Instant::now();
        let features = features::build(&bars[..step])?;
        let probabilities = Probabilities::new(&[0.2, 0.3, 0.5])?;
        let signal = decide(&probabilities, 0.4).unwrap_or(Signal {
            action: Side::Buy,
            confidence: 0.5,
        });
        let order = review(&signal, &[], &LIMITS);
        times.push(start.elapsed().as_nanos() as f64 / 1e3);
        black_box((features, order.is_ok()));
    }
    Ok(median(&mut times))
}

/// How often a cycle meets a metric, at most.
struct Calls {
    /// Calls of annotated functions.
    annotated: f64,
    /// Updates of declared metrics elsewhere.
    updates: f64,
}

/// What a cycle calls, and the median of its microseconds.
async fn cycles(exporter: &Exporter) -> Outcome<(Calls, f64)> {
    let stop = CancellationToken::new();
    let mut trader = trader(&stop).await?;
    for _ in 0..WARM_UP {
        trader.cycle().await?;
    }
    let before = recorded(&exporter.render());
    let mut times = Vec::with_capacity(CYCLES);
    for _ in 0..CYCLES {
        let start = Instant::now();
        trader.cycle().await?;
        times.push(start.elapsed().as_nanos() as f64 / 1e3);
    }
    let after = recorded(&exporter.render());
    stop.cancel();
    Ok((calls(exporter, &before, &after), median(&mut times)))
}

/// From two pages, with all that a page does not tell taken for more than it is: a function whose metrics stand, as those of
/// errors do, counts as called once in each cycle, and every gauge as set once.
fn calls(exporter: &Exporter, before: &Recorded, after: &Recorded) -> Calls {
    let mut functions = BTreeMap::new();
    let mut updates = 0.0;
    for family in exporter.catalogue().families() {
        let ours = family.sites.iter();
        let ours: Vec<_> = ours
            .filter(|site| site.place.file().contains("sentinel-daemon"))
            .collect();
        let counted = |page: &Recorded| page.counted.get(family.name).copied().unwrap_or(0.0);
        let moved = (counted(after) - counted(before)) / CYCLES as f64;
        let named: Vec<_> = ours
            .iter()
            .filter_map(|site| site.function.clone())
            .collect();
        if named.is_empty() && !ours.is_empty() {
            updates += moved + after.gauges.get(family.name).copied().unwrap_or(0.0);
        }
        for function in named {
            let called = functions.entry(function).or_insert(1.0);
            *called = f64::max(*called, moved);
        }
    }
    Calls {
        annotated: functions.values().sum(),
        updates,
    }
}

async fn trader(stop: &CancellationToken) -> Outcome<Trader> {
    let listener = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok::<_, std::io::Error>((listener, url))
    };
    let (prices, vendor) = listener().await?;
    let (model, hub) = listener().await?;
    tokio::spawn(serve_prices(prices, Prices::shipped(), stop.clone()));
    tokio::spawn(serve_model(model, Model::shipped(), stop.clone()));
    let key = RiskKey::random();
    let paper = PaperConfig {
        risk_key: Some(key.clone()),
        ..PaperConfig::default()
    };
    let paper = serve_gateway("tcp://127.0.0.1:*", paper, stop.clone())?;
    let gateway = Gateway::connect(paper.endpoint(), Timeouts::default())?;
    let series = Arc::new(SymbolSeries::new(SYMBOL));
    let (own, journal) = (Arc::clone(&series), Journal::default());
    let desk = Desk::new(gateway, Some(key), SYMBOL.to_owned(), own, journal);
    Ok(Trader {
        symbol: SYMBOL.to_owned(),
        threshold: Model::shipped().threshold(),
        limits: LIMITS,
        live: false,
        vendor: Vendor::new(&vendor, None, StepLength::Hour)?,
        predictor: Predictor::new(&hub, HubProtocol::Mlflow, "")?,
        desk: Some(desk),
        series,
        clock: MarketClock::Unknown,
        tally: Tally::default(),
        stop: stop.clone(),
        kept: None,
        judged: None,
        price: 0.0,
    })
}

/// What a page says was recorded so far, by family.
#[derive(Default)]
struct Recorded {
    /// Increments of counters and observations of histograms.
    counted: BTreeMap<String, f64>,
    /// Series of gauges.
    gauges: BTreeMap<String, f64>,
}

fn recorded(page: &str) -> Recorded {
    let mut kinds = BTreeMap::new();
    let mut recorded = Recorded::default();
    for line in page.lines() {
        let kind = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '));
        kinds.extend(kind);
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let family = name.strip_suffix("_count").unwrap_or(name);
        let value: Option<f64> = line.rsplit(' ').next().and_then(|value| value.parse().ok());
        let (value, sums) = match (value, kinds.get(name), kinds.get(family)) {
            (Some(value), Some(&"counter"), _) => (value, &mut recorded.counted),
            (Some(value), None, Some(&"histogram")) => (value, &mut recorded.counted),
            (Some(_), Some(&"gauge"), _) => (1.0, &mut recorded.gauges),
            _ => continue,
        };
        *sums.entry(family.to_owned()).or_insert(0.0) += value;
    }
    recorded
}

/// Medians in microseconds, and the median of the rounds' ratios.
struct RoundTrips {
    bare: f64,
    on_thread: f64,
    as_seen: f64,
    ratio: f64,
}

fn round_trips(runtime: &tokio::runtime::Runtime) -> Outcome<RoundTrips> {
    // Each end has a context, and so a thread for its network, of its own, as two programs have.
    let [client, bare_server, ping_server] = std::array::from_fn(|_| zmq::Context::new());
    let (bare_end, ping_end) = (answering(&bare_server)?, answering(&ping_server)?);
    let bare = client.socket(zmq::REQ)?;
    bare.connect(&bare_end)?;
    let gateway = Gateway::connect(&ping_end, Timeouts::default())?;
    let ask = || -> Outcome<f64> {
        let start = Instant::now();
        bare.send(REQUEST, 0)?;
        black_box(bare.recv_bytes(0)?);
        Ok(start.elapsed().as_nanos() as f64 / 1e3)
    };
    let ping = || -> Outcome<f64> {
        let start = Instant::now();
        runtime.block_on(gateway.ping())?;
        Ok(start.elapsed().as_nanos() as f64 / 1e3)
    };
    for _ in 0..ROUND_TRIPS {
        ask()?;
        ping()?;
    }
    let [mut bares, mut on_threads, mut as_seens, mut ratios] = [const { Vec::new() }; 4];
    for _ in 0..rounds() {
        take_exchanges();
        let mut bare = (0..ROUND_TRIPS)
            .map(|_| ask())
            .collect::<Outcome<Vec<_>>>()?;
        let mut seen = (0..ROUND_TRIPS)
            .map(|_| ping())
            .collect::<Outcome<Vec<_>>>()?;
        let mut on_thread = take_exchanges();
        assert!(
            on_thread.len() >= ROUND_TRIPS - 1,
            "each exchange is a span"
        );
        let (bare, on_thread) = (median(&mut bare), median(&mut on_thread));
        bares.push(bare);
        on_threads.push(on_thread);
        as_seens.push(median(&mut seen));
        ratios.push(on_thread / bare);
    }
    runtime.block_on(gateway.stop());
    Ok(RoundTrips {
        bare: median(&mut bares),
        on_thread: median(&mut on_threads),
        as_seen: median(&mut as_seens),
        ratio: median(&mut ratios),
    })
}

/// As long as a PING.
const REQUEST: &str =
    r#"{"uuid":"00000000-0000-4000-8000-000000000000","action":"PING","timestamp":1700000000.123}"#;

/// The endpoint of a REP socket that answers each request with its uuid, and does as little else as can be.
fn answering(context: &zmq::Context) -> Outcome<String> {
    let socket = context.socket(zmq::REP)?;
    socket.bind("tcp://127.0.0.1:*")?;
    let endpoint = socket
        .get_last_endpoint()?
        .map_err(|_| "an endpoint is text")?;
    thread::spawn(move || {
        // Ends with the context, whose sockets then fail.
        while let Ok(request) = socket.recv_bytes(0) {
            let text = String::from_utf8_lossy(&request);
            let uuid = text
                .split("\"uuid\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let reply = format!(
                r#"{{"uuid":"{}","status":"ok","server_time":1700000000.1,"latency_ms":0.1,"gateway_session":"s"}}"#,
                uuid.unwrap_or_default()
            );
            if socket.send(&reply, 0).is_err() {
                return;
            }
        }
    });
    Ok(endpoint)
}

/// Microseconds that exchanges took on the socket's thread.
static EXCHANGES: Mutex<Vec<f64>> = Mutex::new(Vec::new());

fn take_exchanges() -> Vec<f64> {
    std::mem::take(&mut *EXCHANGES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Takes the time of each span `exchange`, which the gateway's client enters on its socket's thread.
struct Exchanges;

thread_local! {
    static ENTERED: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl tracing::Subscriber for Exchanges {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "exchange"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        span::Id::from_u64(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, _: &span::Id) {
        ENTERED.set(Some(Instant::now()));
    }

    fn exit(&self, _: &span::Id) {
        if let Some(entered) = ENTERED.take() {
            let took = entered.elapsed().as_nanos() as f64 / 1e3;
            EXCHANGES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(took);
        }
    }
}
