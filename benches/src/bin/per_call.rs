//! What one call costs: a trivial function with a count and a histogram of fourteen buckets, ours and the rivals'.
//!
//! `cargo run --release --bin per_call -- [--rounds N] [--json] [--not-installed]`. The base is a bare pair of TSC reads.

use std::hint::black_box;
use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

use benches::{BOUNDS, Bench, looped, poll_ready, print, rounds};
use instrument_core::{LabelValue, counted, timed};

static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// The limit: nothing but the two reads of the clock.
#[inline(never)]
fn clock_pair(x: u64) -> u64 {
    let clock = &*CLOCK;
    let start = clock.raw();
    let result = black_box(x) + 1;
    black_box(clock.raw().saturating_sub(start));
    result
}

#[inline(never)]
fn instant_pair(x: u64) -> u64 {
    let start = Instant::now();
    let result = black_box(x) + 1;
    black_box(start.elapsed());
    result
}

mod ours {
    use super::*;

    #[derive(Clone, Copy, LabelValue)]
    pub enum Side {
        Buy,
        Sell,
    }

    pub const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

    #[timed("bench_result")]
    #[inline(never)]
    pub fn result(x: u64) -> Result<u64, String> {
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }

    #[timed("bench_async")]
    pub async fn future(x: u64) -> Result<u64, String> {
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }

    #[timed("bench_merged", labels(side, urgent))]
    #[counted("bench_merged_enter", on = enter, labels(side))]
    #[counted("bench_merged_errors", on = error, labels(side))]
    #[inline(never)]
    pub fn merged(x: u64, side: Side, urgent: bool) -> Result<u64, String> {
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }

    #[timed("bench_symbol", labels(symbol = %symbol), limit = 16)]
    #[inline(never)]
    pub fn of_symbol(x: u64, symbol: &str) -> Result<u64, String> {
        let _ = symbol;
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }

    #[counted("bench_counted", outcome = false)]
    #[inline(never)]
    pub fn counted_only(x: u64) -> u64 {
        black_box(x) + 1
    }

    #[timed("bench_disabled")]
    #[inline(never)]
    pub fn disabled(x: u64) -> Result<u64, String> {
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }
}

/// Times by hand, as the rivals' users do.
macro_rules! by_hand {
    ($name:ident, $seconds:ident => $record:expr) => {
        #[inline(never)]
        fn $name(x: u64) -> u64 {
            let start = Instant::now();
            let result = black_box(x) + 1;
            let $seconds = start.elapsed().as_secs_f64();
            $record;
            result
        }
    };
}

mod stock {
    use super::*;
    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

    static RECORDER: OnceLock<(PrometheusRecorder, PrometheusHandle)> = OnceLock::new();

    pub fn recorder() -> &'static PrometheusRecorder {
        let (recorder, _) = RECORDER.get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets(&BOUNDS)
                .expect("the bounds are good");
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            (recorder, handle)
        });
        recorder
    }

    /// What its own listener does every five seconds; it keeps raw samples until then.
    pub fn upkeep() {
        if let Some((_, handle)) = RECORDER.get() {
            handle.run_upkeep();
        }
    }

    static HANDLES: LazyLock<(metrics::Counter, metrics::Histogram)> = LazyLock::new(|| {
        metrics::with_local_recorder(recorder(), || {
            (
                metrics::counter!("cached_calls_total"),
                metrics::histogram!("cached_seconds"),
            )
        })
    });

    by_hand!(cached, seconds => {
        let (calls, durations) = &*HANDLES;
        calls.increment(1);
        durations.record(seconds)
    });
    by_hand!(macros, seconds => {
        metrics::counter!("calls_total", "function" => "work", "module" => "bench").increment(1);
        metrics::histogram!("seconds", "function" => "work", "module" => "bench").record(seconds)
    });

    #[inline(never)]
    fn of_symbol(x: u64, symbol: &str) -> u64 {
        let start = Instant::now();
        let result = black_box(x) + 1;
        let seconds = start.elapsed().as_secs_f64();
        metrics::histogram!("of_symbol_seconds", "symbol" => symbol.to_owned()).record(seconds);
        result
    }

    pub fn run_of_symbol(calls: u64) {
        metrics::with_local_recorder(recorder(), || {
            for _ in 0..calls {
                black_box(of_symbol(black_box(1), black_box("EURUSD")));
            }
        });
    }

    pub fn run_cached(calls: u64) {
        for _ in 0..calls {
            black_box(cached(black_box(1)));
        }
    }

    pub fn run_macros(calls: u64) {
        metrics::with_local_recorder(recorder(), || {
            for _ in 0..calls {
                black_box(macros(black_box(1)));
            }
        });
    }
}

mod prometheus_crate {
    use super::*;
    use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter};

    static CALLS: LazyLock<IntCounter> =
        LazyLock::new(|| IntCounter::new("c", "c").expect("good names"));
    static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
        Histogram::with_opts(HistogramOpts::new("h", "h").buckets(BOUNDS.to_vec()))
            .expect("good bounds")
    });

    static OF_SYMBOL: LazyLock<HistogramVec> = LazyLock::new(|| {
        let opts = HistogramOpts::new("of_symbol", "of symbol").buckets(BOUNDS.to_vec());
        HistogramVec::new(opts, &["symbol"]).expect("good bounds")
    });

    by_hand!(call, seconds => {
        CALLS.inc();
        SECONDS.observe(seconds)
    });
    by_hand!(of_symbol, seconds => {
        OF_SYMBOL.with_label_values(&[black_box("EURUSD")]).observe(seconds)
    });

    pub fn run(calls: u64) {
        for _ in 0..calls {
            black_box(call(black_box(1)));
        }
    }

    pub fn run_of_symbol(calls: u64) {
        for _ in 0..calls {
            black_box(of_symbol(black_box(1)));
        }
    }
}

mod prometheus_client_crate {
    use super::*;
    use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};

    static CALLS: LazyLock<Counter> = LazyLock::new(Counter::default);
    static SECONDS: LazyLock<Histogram> = LazyLock::new(|| Histogram::new(BOUNDS));

    type OfSymbol = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;
    static OF_SYMBOL: LazyLock<OfSymbol> =
        LazyLock::new(|| Family::new_with_constructor(|| Histogram::new(BOUNDS)));

    by_hand!(call, seconds => {
        CALLS.inc();
        SECONDS.observe(seconds)
    });
    by_hand!(of_symbol, seconds => {
        OF_SYMBOL
            .get_or_create(&[("symbol", black_box("EURUSD").to_owned())])
            .observe(seconds)
    });

    pub fn run(calls: u64) {
        for _ in 0..calls {
            black_box(call(black_box(1)));
        }
    }

    pub fn run_of_symbol(calls: u64) {
        for _ in 0..calls {
            black_box(of_symbol(black_box(1)));
        }
    }
}

mod measured_crate {
    use super::*;
    use measured::metric::histogram::Thresholds;
    use measured::{Counter, Histogram};

    static CALLS: LazyLock<Counter> = LazyLock::new(Counter::new);
    static SECONDS: LazyLock<Histogram<14>> =
        LazyLock::new(|| Histogram::with_metadata(Thresholds::with_buckets(BOUNDS)));

    by_hand!(call, seconds => {
        CALLS.get_metric().inc();
        SECONDS.get_metric().observe(seconds)
    });

    pub fn run(calls: u64) {
        for _ in 0..calls {
            black_box(call(black_box(1)));
        }
    }
}

mod attributes {
    use super::*;
    use metered::{HitCount, ResponseTime, metered};

    #[autometrics::autometrics]
    #[inline(never)]
    fn with_autometrics(x: u64) -> Result<u64, String> {
        if x == 0 {
            Err(String::new())
        } else {
            Ok(black_box(x) + 1)
        }
    }

    #[hotpath::measure]
    #[inline(never)]
    fn with_hotpath(x: u64) -> u64 {
        black_box(x) + 1
    }

    #[derive(Default, Debug)]
    pub struct Service {
        metrics: ServiceMetrics,
    }

    #[metered(registry = ServiceMetrics)]
    impl Service {
        #[measure([HitCount, ResponseTime])]
        #[inline(never)]
        pub fn with_metered(&self, x: u64) -> u64 {
            black_box(x) + 1
        }
    }

    static SERVICE: LazyLock<Service> = LazyLock::new(Service::default);

    pub fn run_autometrics(calls: u64) {
        for _ in 0..calls {
            let _ = black_box(with_autometrics(black_box(1)));
        }
    }

    pub fn run_hotpath(calls: u64) {
        for _ in 0..calls {
            black_box(with_hotpath(black_box(1)));
        }
    }

    pub fn run_metered(calls: u64) {
        for _ in 0..calls {
            black_box(SERVICE.with_metered(black_box(1)));
        }
    }
}

fn main() {
    LazyLock::force(&CLOCK);
    if std::env::args().any(|arg| arg == "--not-installed") {
        let mut bench = Bench::default();
        bench.add("clock pair (limit)", looped!(clock_pair(black_box(1))));
        bench.add(
            "ours: #[timed] -> Result, nothing installed",
            looped!(ours::result(black_box(1))),
        );
        bench.add(
            "ours: #[timed] async, nothing installed",
            looped!(poll_ready(ours::future(black_box(1)))),
        );
        bench.add(
            "ours: #[counted], nothing installed",
            looped!(ours::counted_only(black_box(1))),
        );
        print("nothing installed", &bench.measure(rounds()));
        return;
    }
    let exporter = instrument_core::install().expect("our metrics do not conflict");
    assert_eq!(exporter.set_enabled("bench_disabled*", false), 1);
    autometrics::settings::AutometricsSettings::builder().init();
    let _hotpath = hotpath::HotpathGuardBuilder::new("main")
        .format(hotpath::Format::None)
        .build();

    let mut bench = Bench::default();
    bench.add("clock pair (limit)", looped!(clock_pair(black_box(1))));
    bench.add("std Instant pair", looped!(instant_pair(black_box(1))));
    bench.add(
        "ours: #[timed] -> Result",
        looped!(ours::result(black_box(1))),
    );
    bench.add(
        "ours: #[timed] async",
        looped!(poll_ready(ours::future(black_box(1)))),
    );
    bench.add(
        "ours: #[timed] + 2 x #[counted], 2 labels",
        looped!(ours::merged(
            black_box(1),
            black_box(ours::SIDES[0]),
            black_box(true)
        )),
    );
    bench.add(
        "ours: #[counted]",
        looped!(ours::counted_only(black_box(1))),
    );
    bench.add("ours: disabled", looped!(ours::disabled(black_box(1))));
    bench.add_with(
        "metrics + exporter, macros",
        1,
        stock::run_macros,
        stock::upkeep,
    );
    bench.add_with(
        "metrics + exporter, cached handles",
        1,
        stock::run_cached,
        stock::upkeep,
    );
    bench.add("prometheus", prometheus_crate::run);
    bench.add("prometheus-client", prometheus_client_crate::run);
    bench.add("measured", measured_crate::run);
    bench.add(
        "autometrics (prometheus backend)",
        attributes::run_autometrics,
    );
    bench.add("metered", attributes::run_metered);
    bench.add("hotpath", attributes::run_hotpath);
    print("per call, one thread", &bench.measure(rounds()));

    let mut bench = Bench::default();
    bench.add("clock pair (limit)", looped!(clock_pair(black_box(1))));
    bench.add(
        "ours: #[timed], label %symbol",
        looped!(ours::of_symbol(black_box(1), black_box("EURUSD"))),
    );
    bench.add_with(
        "metrics + exporter, macros",
        1,
        stock::run_of_symbol,
        stock::upkeep,
    );
    bench.add("prometheus", prometheus_crate::run_of_symbol);
    bench.add("prometheus-client", prometheus_client_crate::run_of_symbol);
    print(
        "per call, a duration with a label of free text",
        &bench.measure(rounds()),
    );

    let mut bench = Bench::default();
    bench.add_two("clock pair (limit)", looped!(clock_pair(black_box(1))));
    bench.add_two(
        "ours: #[timed] -> Result",
        looped!(ours::result(black_box(1))),
    );
    bench.add(
        "ours: #[timed] -> Result, on one thread",
        looped!(ours::result(black_box(1))),
    );
    bench.add_two(
        "ours: #[counted]",
        looped!(ours::counted_only(black_box(1))),
    );
    bench.add(
        "ours: #[counted], on one thread",
        looped!(ours::counted_only(black_box(1))),
    );
    bench.add_with(
        "metrics + exporter, cached handles",
        2,
        stock::run_cached,
        stock::upkeep,
    );
    bench.add_two("prometheus", prometheus_crate::run);
    bench.add_two("prometheus-client", prometheus_client_crate::run);
    bench.add_two("measured", measured_crate::run);
    bench.add_two(
        "autometrics (prometheus backend)",
        attributes::run_autometrics,
    );
    bench.add_two("metered", attributes::run_metered);
    bench.add_two("hotpath", attributes::run_hotpath);
    print(
        "per call, two threads on the same metric",
        &bench.measure(rounds()),
    );
    // Not the rivals' own reports: only the tables above.
    std::process::exit(0);
}
