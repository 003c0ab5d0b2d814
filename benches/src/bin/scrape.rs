//! What a scrape costs, and what it does to those who record meanwhile.
//!
//! `cargo run --release --bin scrape -- [rounds]`: rendering of 1,000, 10,000 and 100,000 counters with two labels and of 10,000
//! histograms of twelve buckets; the time to register a new series while 100,000 are being rendered; the tail of a recording
//! call during back-to-back scrapes. Each kind and size runs in a process of its own.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use benches::median;
use prometheus_client::encoding::EncodeLabelSet;

/// Twelve bounds in seconds.
const BOUNDS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

const KINDS: [&str; 4] = [
    "ours",
    "metrics + exporter",
    "prometheus",
    "prometheus-client",
];

/// Counters and histograms of a page.
const PAGES: [(usize, usize); 4] = [(1_000, 0), (10_000, 0), (100_000, 0), (0, 10_000)];

/// How many new series are registered while a large page is rendered over and over.
const NEW_SERIES: usize = 500;

/// How many calls are measured for the tail.
const CALLS: usize = 2_000_000;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    function: String,
    module: String,
}

/// A kind with its series: how it renders, how it makes a new series, how it records.
struct Subject {
    render: Box<dyn FnMut() -> usize + Send>,
    add: Box<dyn FnMut(usize)>,
    record: Box<dyn FnMut(f64)>,
}

fn labels(i: usize) -> (String, String) {
    (format!("function_{i:06}"), format!("module_{}", i % 32))
}

fn facade(counters: usize, histograms: usize, render: Box<dyn FnMut() -> usize + Send>) -> Subject {
    for i in 0..counters {
        let (function, module) = labels(i);
        metrics::counter!("app_calls_total", "function" => function, "module" => module)
            .increment(i as u64);
    }
    for i in 0..histograms {
        let (function, module) = labels(i);
        let histogram =
            metrics::histogram!("app_seconds", "function" => function, "module" => module);
        (0..5).for_each(|k| histogram.record(f64::from(k) * 0.01));
    }
    let (calls, seconds) = (
        metrics::counter!("hot_calls_total"),
        metrics::histogram!("app_seconds"),
    );
    Subject {
        render,
        add: Box::new(|i| {
            metrics::counter!("app_calls_total", "function" => format!("new_{i}"), "module" => "m")
                .increment(1);
        }),
        record: Box::new(move |value| {
            calls.increment(1);
            seconds.record(value);
        }),
    }
}

fn subject(kind: &str, counters: usize, histograms: usize) -> Subject {
    match kind {
        "ours" => {
            let exporter = instrument_core::install().expect("our metrics do not conflict");
            facade(
                counters,
                histograms,
                Box::new(move || exporter.render().len()),
            )
        }
        "metrics + exporter" => {
            let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
            let handle = builder
                .set_buckets(&BOUNDS)
                .expect("good bounds")
                .install_recorder()
                .expect("the only one");
            facade(
                counters,
                histograms,
                Box::new(move || handle.render().len()),
            )
        }
        "prometheus" => with_prometheus(counters, histograms),
        _ => with_prometheus_client(counters, histograms),
    }
}

fn with_prometheus(counters: usize, histograms: usize) -> Subject {
    use prometheus::{
        Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
    };
    let keys = ["function", "module"];
    let registry = Registry::new();
    let calls =
        IntCounterVec::new(Opts::new("app_calls_total", "calls"), &keys).expect("good names");
    let opts = HistogramOpts::new("app_seconds", "seconds").buckets(BOUNDS.to_vec());
    let seconds = HistogramVec::new(opts, &keys).expect("good names");
    registry
        .register(Box::new(calls.clone()))
        .expect("registered once");
    registry
        .register(Box::new(seconds.clone()))
        .expect("registered once");
    for i in 0..counters {
        let (function, module) = labels(i);
        calls
            .with_label_values(&[&function, &module])
            .inc_by(i as u64);
    }
    for i in 0..histograms {
        let (function, module) = labels(i);
        let histogram = seconds.with_label_values(&[&function, &module]);
        (0..5).for_each(|k| histogram.observe(f64::from(k) * 0.01));
    }
    let (call, second) = (
        calls.with_label_values(&["hot", "m"]),
        seconds.with_label_values(&["hot", "m"]),
    );
    Subject {
        render: Box::new(move || {
            let mut page = Vec::new();
            TextEncoder::new()
                .encode(&registry.gather(), &mut page)
                .expect("memory does not fail");
            page.len()
        }),
        add: Box::new(move |i| {
            calls
                .with_label_values(&[format!("new_{i}").as_str(), "m"])
                .inc()
        }),
        record: Box::new(move |value| {
            call.inc();
            second.observe(value);
        }),
    }
}

fn with_prometheus_client(counters: usize, histograms: usize) -> Subject {
    use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};
    let mut registry = prometheus_client::registry::Registry::default();
    let calls = Family::<Labels, Counter>::default();
    let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    registry.register("app_calls", "calls", calls.clone());
    registry.register("app_seconds", "seconds", seconds.clone());
    let series = |(function, module)| Labels { function, module };
    for i in 0..counters {
        calls.get_or_create(&series(labels(i))).inc_by(i as u64);
    }
    for i in 0..histograms {
        let histogram = seconds.get_or_create_owned(&series(labels(i)));
        (0..5).for_each(|k| histogram.observe(f64::from(k) * 0.01));
    }
    let hot = series(("hot".to_owned(), "m".to_owned()));
    let (call, second) = (
        calls.get_or_create_owned(&hot),
        seconds.get_or_create_owned(&hot),
    );
    Subject {
        render: Box::new(move || {
            let mut page = String::new();
            prometheus_client::encoding::text::encode(&mut page, &registry)
                .expect("memory does not fail");
            page.len()
        }),
        add: Box::new(move |i| {
            calls
                .get_or_create(&series((format!("new_{i}"), "m".to_owned())))
                .inc();
        }),
        record: Box::new(move |value| {
            call.inc();
            second.observe(value);
        }),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, what, rounds, counters, histograms] = args.as_slice() {
        let number = |text: &String| text.parse::<usize>().expect("a number");
        return measure(
            kind,
            what,
            number(rounds),
            number(counters),
            number(histograms),
        );
    }
    let rounds = args.first().map_or("9", String::as_str);
    println!("| kind | what | result |\n| --- | --- | --- |");
    for (counters, histograms) in PAGES {
        KINDS
            .iter()
            .for_each(|kind| child(&[kind, "render", rounds], counters, histograms));
    }
    KINDS
        .iter()
        .for_each(|kind| child(&[kind, "new series", rounds], 100_000, 0));
    KINDS
        .iter()
        .for_each(|kind| child(&[kind, "tail", rounds], 10_000, 1_000));
}

fn child(args: &[&str], counters: usize, histograms: usize) {
    let program = std::env::current_exe().expect("a program has a path");
    let sizes = [counters.to_string(), histograms.to_string()];
    let status = Command::new(program)
        .args(args)
        .args(sizes)
        .status()
        .expect("a child can be started");
    assert!(status.success(), "{args:?}");
}

fn measure(kind: &str, what: &str, rounds: usize, counters: usize, histograms: usize) {
    let mut subject = subject(kind, counters, histograms);
    match what {
        "render" => render(kind, &mut subject, rounds, counters, histograms),
        "new series" => new_series(kind, subject),
        _ => tail(kind, subject),
    }
}

fn render(kind: &str, subject: &mut Subject, rounds: usize, counters: usize, histograms: usize) {
    let bytes = (subject.render)();
    let allocated = allocation_counter::measure(|| {
        black_box((subject.render)());
    });
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box((subject.render)());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let middle = median(&mut times);
    println!(
        "| {kind} | render {counters} counters, {histograms} histograms | {middle:.3} ms ({:.3} to {:.3}), {} allocations, {bytes} bytes |",
        times[0],
        times[times.len() - 1],
        allocated.count_total
    );
}

/// Renders on another thread until told to stop, while `work` runs here.
fn while_rendering<T>(mut render: Box<dyn FnMut() -> usize + Send>, work: impl FnOnce() -> T) -> T {
    let (stop, started) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (stopped, running) = (Arc::clone(&stop), Arc::clone(&started));
    let renderer = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            black_box(render());
            running.store(true, Ordering::Relaxed);
        }
    });
    while !started.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let result = work();
    stop.store(true, Ordering::Relaxed);
    renderer.join().expect("rendering does not panic");
    result
}

fn new_series(kind: &str, subject: Subject) {
    let Subject {
        render, mut add, ..
    } = subject;
    let mut times = while_rendering(render, || {
        let timed = |i| {
            let start = Instant::now();
            add(i);
            start.elapsed().as_secs_f64() * 1e6
        };
        (0..NEW_SERIES).map(timed).collect::<Vec<_>>()
    });
    let middle = median(&mut times);
    println!(
        "| {kind} | a new series while 100,000 are rendered | p50 {middle:.1} us, p99 {:.1} us, max {:.1} us |",
        quantile(&times, 0.99),
        times[times.len() - 1]
    );
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

fn tail(kind: &str, subject: Subject) {
    let Subject {
        render, mut record, ..
    } = subject;
    let mut calls = || {
        let clock = quanta::Clock::new();
        let mut times = Vec::with_capacity(CALLS);
        for i in 0..CALLS {
            let start = clock.raw();
            record(black_box((i % 100) as f64 * 1e-4));
            times.push(clock.delta_as_nanos(start, clock.raw().max(start)) as f64);
        }
        times.sort_unstable_by(f64::total_cmp);
        [0.5, 0.99, 0.999].map(|q| quantile(&times, q))
    };
    calls();
    let quiet = calls();
    let scraped = while_rendering(render, &mut calls);
    println!(
        "| {kind} | a recording call, p50 p99 p99.9 in ns | quiet {quiet:.0?}, scraped {scraped:.0?} |"
    );
}
