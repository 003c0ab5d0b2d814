//! How everything here is measured: interleaved rounds in one process, medians, ratios to a base of the same run.
//!
//! In each round every variant runs once, so that all meet the same weather of a shared machine. The ratio of a variant
//! is the median of its per-round ratios to the base. Allocations are counted on the calling thread, in a run of their own.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde::Serialize;

/// The bounds of the durations' buckets in all variants: fourteen, as in our default family.
pub const BOUNDS: [f64; 14] = [
    1e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// How long one sample of a variant takes, about.
const SAMPLE: Duration = Duration::from_millis(15);

/// Runs a number of calls.
pub type Run = fn(u64);

/// What is measured: a name, and a loop of calls.
pub struct Variant {
    name: &'static str,
    run: Run,
    /// Untimed work after each sample, such as folding what a rival has put aside.
    after: fn(),
    threads: usize,
}

/// The result of a variant.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Nanoseconds a call: smallest, median, largest of the rounds.
    pub nanoseconds: [f64; 3],
    /// The median of the per-round ratios to the base.
    pub ratio: f64,
    /// Allocations a call on the calling thread, after warm-up; none are counted in runs on several threads.
    pub allocations: Option<f64>,
}

/// A set of variants that are measured together. The first one is the base.
#[derive(Default)]
pub struct Bench {
    variants: Vec<Variant>,
}

impl Bench {
    /// Adds a variant that runs on one thread.
    pub fn add(&mut self, name: &'static str, run: Run) {
        self.add_with(name, 1, run, || {});
    }

    /// Adds a variant that runs on two threads at once, on the same metric.
    pub fn add_two(&mut self, name: &'static str, run: Run) {
        self.add_with(name, 2, run, || {});
    }

    /// Adds a variant with untimed work after each sample.
    pub fn add_with(&mut self, name: &'static str, threads: usize, run: Run, after: fn()) {
        self.variants.push(Variant {
            name,
            run,
            after,
            threads,
        });
    }

    /// Measures everything.
    pub fn measure(&self, rounds: usize) -> Vec<Row> {
        let calls: Vec<u64> = self.variants.iter().map(Variant::calibrate).collect();
        let mut samples = vec![Vec::with_capacity(rounds); self.variants.len()];
        for _ in 0..rounds {
            for ((variant, &calls), samples) in self.variants.iter().zip(&calls).zip(&mut samples) {
                samples.push(variant.sample(calls));
                (variant.after)();
            }
        }
        let base = samples[0].clone();
        self.variants
            .iter()
            .zip(samples)
            .map(|(variant, samples)| variant.row(samples, &base))
            .collect()
    }
}

impl Variant {
    /// The number of calls that take about [`SAMPLE`], after a warm-up.
    fn calibrate(&self) -> u64 {
        let mut calls = 1_000;
        loop {
            let start = Instant::now();
            (self.run)(calls);
            (self.after)();
            let took = start.elapsed();
            if took * 4 > SAMPLE {
                let scaled = calls as f64 * SAMPLE.as_secs_f64() / took.as_secs_f64();
                return scaled.max(1_000.0) as u64;
            }
            calls *= 4;
        }
    }

    /// Nanoseconds a call, on each of its threads.
    fn sample(&self, calls: u64) -> f64 {
        if self.threads == 1 {
            let start = Instant::now();
            (self.run)(calls);
            return start.elapsed().as_nanos() as f64 / calls as f64;
        }
        let ready = Barrier::new(self.threads);
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads)
                .map(|i| {
                    let (ready, core) = (&ready, cores.get(i).copied());
                    scope.spawn(move || {
                        core.map(core_affinity::set_for_current);
                        (self.run)(1_000);
                        ready.wait();
                        let start = Instant::now();
                        (self.run)(calls);
                        start.elapsed().as_nanos() as f64 / calls as f64
                    })
                })
                .collect();
            let times = threads
                .into_iter()
                .map(|thread| thread.join().expect("a variant does not panic"));
            times.fold(0.0, f64::max)
        })
    }

    fn row(&self, mut samples: Vec<f64>, base: &[f64]) -> Row {
        let mut ratios: Vec<f64> = samples
            .iter()
            .zip(base)
            .map(|(sample, base)| sample / base)
            .collect();
        let ratio = median(&mut ratios);
        let middle = median(&mut samples);
        let nanoseconds = [samples[0], middle, samples[samples.len() - 1]];
        Row {
            name: self.name,
            nanoseconds,
            ratio,
            allocations: (self.threads == 1).then(|| self.allocations()),
        }
    }

    fn allocations(&self) -> f64 {
        const CALLS: u64 = 10_000;
        (self.run)(CALLS);
        let counted = allocation_counter::measure(|| (self.run)(CALLS));
        counted.count_total as f64 / CALLS as f64
    }
}

/// Sorts and takes the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A variant's run: makes a call again and again.
#[macro_export]
macro_rules! looped {
    ($call:expr) => {
        |calls| {
            for _ in 0..calls {
                let _ = ::std::hint::black_box($call);
            }
        }
    };
}

/// Polls a future that is ready at once.
pub fn poll_ready<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => unreachable!("the futures measured here are ready at once"),
    }
}

/// Prints a table for people, or with `--json` the rows as JSON.
pub fn print(title: &str, rows: &[Row]) {
    if std::env::args().any(|arg| arg == "--json") {
        println!("{}", serde_json::json!({ "title": title, "rows": rows }));
        return;
    }
    println!(
        "{title}\n\n| variant | min | median ns | max | x base | allocations |\n| --- | --- | --- | --- | --- | --- |"
    );
    for Row {
        name,
        nanoseconds: [min, median, max],
        ratio,
        allocations,
    } in rows
    {
        let allocations = allocations.map_or_else(String::new, |count| format!("{count:.2}"));
        println!("| {name} | {min:.2} | {median:.2} | {max:.2} | {ratio:.2} | {allocations} |");
    }
    println!();
}

/// The number after `--rounds`, or 11.
pub fn rounds() -> usize {
    let mut args = std::env::args().skip_while(|arg| arg != "--rounds").skip(1);
    args.next().and_then(|text| text.parse().ok()).unwrap_or(11)
}
