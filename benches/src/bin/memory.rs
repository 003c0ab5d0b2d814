//! What stays in memory after many observations without a scrape.
//!
//! `cargo run --release --bin memory -- [observations]`; 50 million by default, one kind after another, each in a process of
//! its own.

use std::hint::black_box;
use std::process::Command;

use benches::BOUNDS;
use instrument_core::metrics;

metrics! {
    /// What is observed.
    static OBSERVED: Histogram = "bench_observed", buckets = [
        0.000001, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0
    ];
}

const KINDS: [&str; 4] = [
    "ours",
    "metrics + exporter, no upkeep",
    "prometheus",
    "prometheus-client",
];

fn main() {
    let mut args = std::env::args().skip(1);
    let observations: u64 = args.next().map_or(50_000_000, |text| {
        text.parse().expect("a number of observations")
    });
    if let Some(kind) = args.next() {
        return measure(&kind, observations);
    }
    println!("{observations} observations into one histogram, no scrape\n");
    println!("| kind | heap kept, bytes | bytes an observation |\n| --- | --- | --- |");
    let program = std::env::current_exe().expect("a program has a path");
    for kind in KINDS {
        let status = Command::new(&program)
            .args([&observations.to_string(), kind])
            .status();
        assert!(status.expect("a child can be started").success(), "{kind}");
    }
}

fn measure(kind: &str, observations: u64) {
    let mut observe: Box<dyn FnMut(f64)> = match kind {
        "ours" => {
            instrument_core::install().expect("our metrics do not conflict");
            Box::new(|value| OBSERVED.observe(value))
        }
        "prometheus" => {
            let opts = prometheus::HistogramOpts::new("h", "h").buckets(BOUNDS.to_vec());
            let histogram = prometheus::Histogram::with_opts(opts).expect("good bounds");
            Box::new(move |value| histogram.observe(value))
        }
        "prometheus-client" => {
            let histogram = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
            Box::new(move |value| histogram.observe(value))
        }
        _ => {
            let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
            let recorder = builder
                .set_buckets(&BOUNDS)
                .expect("good bounds")
                .build_recorder();
            let histogram =
                ::metrics::with_local_recorder(&recorder, || ::metrics::histogram!("h"));
            let keep = recorder.handle();
            Box::new(move |value| {
                let _ = &keep;
                histogram.record(value);
            })
        }
    };
    observe(0.001);
    let counted = allocation_counter::measure(|| {
        for i in 0..observations {
            observe(black_box(i as f64 * 1e-9));
        }
    });
    let kept = counted.bytes_current;
    println!(
        "| {kind} | {kept} | {:.2} |",
        kept as f64 / observations as f64
    );
}
