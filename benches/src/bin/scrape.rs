//! What a scrape costs, and what it does to those who record meanwhile.
//!
//! `cargo run --release --bin scrape -- [--rounds N] [--json]`: rendering of 1,000, 10,000 and 100,000 counters with two
//! labels and of 10,000 histograms of twelve buckets; the time to register a new series while 100,000 are being rendered;
//! the tail of a recording call during back-to-back scrapes. Each kind and size has a process of its own; in each round
//! every process is asked once, and the others sleep.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use benches::{median, rounds};
use prometheus_client::encoding::EncodeLabelSet;
use serde::Serialize;

/// Twelve bounds in seconds.
const BOUNDS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

const KINDS: [&str; 5] = [
    "ours",
    "metrics + exporter",
    "prometheus",
    "prometheus-client",
    "measured",
];

/// Counters and histograms of a page.
const PAGES: [(usize, usize); 4] = [(1_000, 0), (10_000, 0), (100_000, 0), (0, 10_000)];

/// How many new series are registered in a round, while a large page is rendered over and over.
const NEW_SERIES: usize = 200;

/// How many calls of a round are measured for the tail.
const CALLS: usize = 500_000;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    function: String,
    module: String,
}

/// A kind with its series: how it renders, how it makes a new series, how it records.
struct Subject {
    render: Render,
    add: Box<dyn FnMut(usize)>,
    record: Box<dyn FnMut(f64)>,
}

fn labels(i: usize) -> (String, String) {
    (format!("function_{i:06}"), format!("module_{}", i % 32))
}

fn facade(counters: usize, histograms: usize, render: Render) -> Subject {
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
            let exporter = instrument_core::Builder::new()
                .buckets("app_seconds", &BOUNDS)
                .install()
                .expect("our metrics do not conflict");
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
        "prometheus-client" => with_prometheus_client(counters, histograms),
        _ => of_measured::subject(counters, histograms),
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

mod of_measured {
    use measured::metric::histogram::Thresholds;
    use measured::text::BufferedTextEncoder;
    use measured::{CounterVec, HistogramVec, LabelGroup, MetricGroup};
    use paracord::ParaCord;

    use super::{BOUNDS, Subject, labels};

    #[derive(Clone, Copy, PartialEq, Debug, LabelGroup)]
    #[label(set = SeriesSet)]
    pub struct Series<'a> {
        #[label(dynamic_with = ParaCord)]
        pub function: &'a str,
        #[label(dynamic_with = ParaCord)]
        pub module: &'a str,
    }

    #[derive(MetricGroup)]
    #[metric(new())]
    pub struct All {
        /// calls
        #[metric(init = CounterVec::sparse_with_label_set(SeriesSet { function: Default::default(), module: Default::default() }))]
        pub app_calls_total: CounterVec<SeriesSet>,
        /// seconds
        #[metric(init = HistogramVec::sparse_with_label_set_and_metadata(SeriesSet { function: Default::default(), module: Default::default() }, Thresholds::with_buckets(BOUNDS)))]
        pub app_seconds: HistogramVec<SeriesSet, 12>,
    }

    pub fn subject(counters: usize, histograms: usize) -> Subject {
        let all: &'static All = Box::leak(Box::new(All::new()));
        for i in 0..counters {
            let (function, module) = labels(i);
            let series = Series {
                function: &function,
                module: &module,
            };
            all.app_calls_total.inc_by(series, i as u64);
        }
        for i in 0..histograms {
            let (function, module) = labels(i);
            let series = Series {
                function: &function,
                module: &module,
            };
            (0..5).for_each(|k| all.app_seconds.observe(series, f64::from(k) * 0.01));
        }
        let hot = Series {
            function: "hot",
            module: "m",
        };
        Subject {
            render: Box::new(move || {
                let mut page = BufferedTextEncoder::new();
                all.collect_group_into(&mut page)
                    .expect("memory does not fail");
                page.finish().len()
            }),
            add: Box::new(move |i| {
                let function = format!("new_{i}");
                let series = Series {
                    function: &function,
                    module: "m",
                };
                all.app_calls_total.inc(series);
            }),
            record: Box::new(move |value| {
                all.app_calls_total.inc(hot);
                all.app_seconds.observe(hot, value);
            }),
        }
    }
}

/// What is measured, as the children are asked for it.
const RENDER: &str = "render";
const NEW: &str = "new series";
const TAIL: &str = "tail";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, counters, histograms] = args.as_slice()
        && let (Ok(counters), Ok(histograms)) = (counters.parse(), histograms.parse())
    {
        return answer(subject(kind, counters, histograms));
    }
    for (counters, histograms) in PAGES {
        let title = match histograms {
            0 => format!("a page of {counters} counters"),
            _ => format!("a page of {histograms} histograms"),
        };
        let (mut asked, facts) = start(counters, histograms);
        let rows = interleaved(&mut asked, RENDER, 0);
        let units = ["min ms", "median ms", "max ms", "x ours"];
        let facts = facts.map(|facts| facts.map(|fact| format!("{fact}")).to_vec());
        print_table(&title, &units, &rows, &["allocations", "bytes"], &facts);
    }
    let none = [const { Vec::new() }; KINDS.len()];
    let (mut asked, _) = start(100_000, 0);
    let rows = interleaved(&mut asked, NEW, 1);
    let units = ["p50 us", "p99 us", "max us", "p99 x ours"];
    print_table(
        "a new series while 100,000 are rendered",
        &units,
        &rows,
        &[],
        &none,
    );
    drop(asked);
    let (mut asked, _) = start(10_000, 1_000);
    let rows = interleaved(&mut asked, TAIL, 2);
    let units = [
        "p99.9 quiet ns",
        "p99.9 scraped ns",
        "scraped x quiet",
        "x ours",
    ];
    print_table(
        "a recording call while pages are made",
        &units,
        &rows,
        &[],
        &none,
    );
}

/// A process that holds one kind's series.
struct Asked {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Asked {
    fn ask(&mut self, what: &str) -> [f64; 3] {
        writeln!(self.to, "{what}").expect("the child reads");
        self.to.flush().expect("the child reads");
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the child answers");
        let numbers: Vec<f64> = line
            .split_whitespace()
            .map(|word| word.parse().expect("a number"))
            .collect();
        numbers.try_into().expect("three numbers")
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // It ends by itself with its input; who is in a hurry does not wait for memory to be given back.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process of each kind; returns allocations and bytes of a page too.
fn start(counters: usize, histograms: usize) -> ([Asked; KINDS.len()], [[f64; 2]; KINDS.len()]) {
    let mut asked = KINDS.map(|kind| {
        let program = std::env::current_exe().expect("a program has a path");
        let mut child = Command::new(program)
            .args([kind, &counters.to_string(), &histograms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child can be started");
        let to = child.stdin.take().expect("it is piped");
        let from = BufReader::new(child.stdout.take().expect("it is piped"));
        Asked { child, to, from }
    });
    let facts = asked.each_mut().map(|one| {
        let [allocations, bytes, _] = one.ask("facts");
        [allocations, bytes]
    });
    (asked, facts)
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    numbers: [f64; 4],
}

/// Asks every kind once in each round. Of the three numbers of an answer the medians are taken (of a render, which has
/// one, the smallest, the median and the largest), and the median of the per-round ratios of number `compared` to ours.
fn interleaved(asked: &mut [Asked], what: &str, compared: usize) -> Vec<Row> {
    let mut answers = vec![Vec::new(); asked.len()];
    for _ in 0..rounds() {
        for (one, answers) in asked.iter_mut().zip(&mut answers) {
            answers.push(one.ask(what));
        }
    }
    let ours = answers[0].clone();
    let row = |(kind, answers): (&&'static str, Vec<[f64; 3]>)| {
        let mut ratios: Vec<f64> = answers
            .iter()
            .zip(&ours)
            .map(|(answer, ours)| answer[compared] / ours[compared])
            .collect();
        let mut columns = [0, 1, 2].map(|i| answers.iter().map(|one| one[i]).collect::<Vec<_>>());
        let medians = columns.each_mut().map(|column| median(column));
        let [first, second, third] = match what {
            RENDER => [columns[0][0], medians[0], columns[0][columns[0].len() - 1]],
            _ => medians,
        };
        Row {
            kind,
            numbers: [first, second, third, median(&mut ratios)],
        }
    };
    KINDS.iter().zip(answers).map(row).collect()
}

fn print_table(title: &str, units: &[&str; 4], rows: &[Row], more: &[&str], facts: &[Vec<String>]) {
    if std::env::args().any(|arg| arg == "--json") {
        println!(
            "{}",
            serde_json::json!({ "title": title, "units": units, "rows": rows, "facts": facts })
        );
        return;
    }
    println!("{title}\n");
    let columns = [&["kind"], &units[..], more].concat();
    println!("| {} |", columns.join(" | "));
    println!("|{}", " --- |".repeat(columns.len()));
    for (row, facts) in rows.iter().zip(facts) {
        let numbers = row.numbers.map(|number| format!("{number:.2}"));
        let cells = [&[row.kind.to_owned()], &numbers[..], facts].concat();
        println!("| {} |", cells.join(" | "));
    }
    println!();
}

/// The child: does what each line of its input says, and answers with three numbers.
fn answer(mut subject: Subject) {
    let mut renderer = Some(subject.render);
    let mut added = 0;
    for line in std::io::stdin().lines() {
        let mut render = renderer.take().expect("it is put back below");
        let numbers = match line.expect("the parent writes text").as_str() {
            "facts" => {
                // The first page of some kinds makes what later ones reuse.
                render();
                let mut bytes = 0;
                let allocated = allocation_counter::measure(|| bytes = black_box(render()));
                [allocated.count_total as f64, bytes as f64, 0.0]
            }
            RENDER => {
                let start = Instant::now();
                black_box(render());
                [start.elapsed().as_secs_f64() * 1e3, 0.0, 0.0]
            }
            NEW => {
                let times;
                (render, times) =
                    while_rendering(render, || new_series(&mut subject.add, &mut added));
                times
            }
            _ => {
                let quiet = tail(&mut subject.record);
                let scraped;
                (render, scraped) = while_rendering(render, || tail(&mut subject.record));
                [quiet, scraped, scraped / quiet]
            }
        };
        renderer = Some(render);
        println!("{} {} {}", numbers[0], numbers[1], numbers[2]);
    }
}

type Render = Box<dyn FnMut() -> usize + Send>;

/// Renders on another thread until told to stop, while `work` runs here.
fn while_rendering<T>(mut render: Render, work: impl FnOnce() -> T) -> (Render, T) {
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
        render
    });
    while !started.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
    let result = work();
    stop.store(true, Ordering::Relaxed);
    let render = renderer.join().expect("rendering does not panic");
    (render, result)
}

/// p50, p99 and the largest of the times to register series, in microseconds.
fn new_series(add: &mut dyn FnMut(usize), added: &mut usize) -> [f64; 3] {
    let timed = |_| {
        *added += 1;
        let start = Instant::now();
        add(*added);
        start.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = (0..NEW_SERIES).map(timed).collect();
    times.sort_unstable_by(f64::total_cmp);
    [
        quantile(&times, 0.5),
        quantile(&times, 0.99),
        times[times.len() - 1],
    ]
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

/// p99.9 of a recording call with its two clock reads, in nanoseconds.
fn tail(record: &mut dyn FnMut(f64)) -> f64 {
    let clock = quanta::Clock::new();
    let mut times = Vec::with_capacity(CALLS);
    for i in 0..CALLS {
        let start = clock.raw();
        record(black_box((i % 100) as f64 * 1e-4));
        times.push(clock.delta_as_nanos(start, clock.raw().max(start)) as f64);
    }
    times.sort_unstable_by(f64::total_cmp);
    quantile(&times, 0.999)
}
