//! Nothing recorded is lost or counted twice, whatever threads do, and no scrape sees a counter fall.

#![allow(
    clippy::float_cmp,
    reason = "sums of whole numbers and of quarters are exact"
)]

use std::cell::RefCell;
use std::mem;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;

use super::{counter, get, histogram, recorder, text};
use crate::catalogue::FUNCTION_BUCKETS;
use crate::exposition::Format;
use crate::storage::{
    Family, Options, Reader, Recorder, Value, arena, crowded_threads, read_histogram,
};

/// Reads without end; panics if a counter or bucket falls from one scrape to the next, or along `le`.
fn watch(recorder: &Recorder, done: &AtomicBool) {
    let (mut count, mut before) = (0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        let page = recorder.registry().page();
        for series in page.families().flat_map(Family::series) {
            match series.value() {
                Value::Counter(counter) => {
                    let now = counter.value();
                    assert!(now >= count, "{now} after {count}");
                    count = now;
                }
                Value::Histogram(histogram) => {
                    let mut now = vec![0; FUNCTION_BUCKETS.len() + 1];
                    read_histogram(&mut Reader::default(), histogram.place(), &mut now);
                    assert!(now.iter().zip(&before).all(|(now, before)| now >= before));
                    before = now;
                }
                Value::Gauge(_) | Value::Summary(_) => {}
            }
        }
        drop(page);
        let text = text(recorder, Format::Text);
        let buckets = text.lines().filter(|line| line.starts_with("h_bucket"));
        let buckets: Vec<u64> = buckets
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert!(buckets.is_sorted(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Threads of random lives, some after others have ended, so that rows change hands.
    #[test]
    fn totals_are_what_was_recorded_and_never_fall(
        waves in prop::collection::vec(prop::collection::vec((0..400u64, 1..9u64), 1..6), 1..8)
    ) {
        let recorder = recorder(Options::default());
        let (count, spread) = (counter(&recorder, "c"), histogram(&recorder, "h"));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| watch(&recorder, &done));
            for wave in &waves {
                thread::scope(|scope| {
                    for &(calls, by) in wave {
                        let (count, spread) = (&count, &spread);
                        scope.spawn(move || for i in 0..calls {
                            count.increment(by);
                            spread.record((i % 7) as f64);
                        });
                    }
                });
            }
            done.store(true, Ordering::Relaxed);
            watcher.join().expect("nothing fell");
        });
        let calls = waves.iter().flatten();
        let expected: u64 = calls.clone().map(|(calls, by)| calls * by).sum();
        let sum: u64 = calls.clone().flat_map(|(calls, _)| (0..*calls).map(|i| i % 7)).sum();
        prop_assert_eq!(get(&recorder, "c"), expected as f64);
        prop_assert_eq!(get(&recorder, "h_count"), calls.map(|(calls, _)| *calls).sum::<u64>() as f64);
        prop_assert_eq!(get(&recorder, "h_sum"), sum as f64);
    }
}

#[test]
fn ten_thousand_short_threads_lose_nothing() {
    let recorder = recorder(Options::default());
    let (count, spread) = (counter(&recorder, "c"), histogram(&recorder, "h"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&recorder, &done));
        for _ in 0..2_500 {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        count.increment(1);
                        spread.record(0.5);
                    });
                }
            });
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("nothing fell");
    });
    assert_eq!(get(&recorder, "c"), 10_000.0);
    assert_eq!(get(&recorder, "h_count"), 10_000.0);
    assert_eq!(get(&recorder, "h_sum"), 5_000.0);
}

#[test]
fn more_threads_than_rows_share_one_and_lose_nothing() {
    const THREADS: usize = arena::ROWS + 20;
    let recorder = recorder(Options::default());
    let (count, spread) = (counter(&recorder, "c"), histogram(&recorder, "h"));
    let all_alive = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                count.increment(1);
                all_alive.wait();
                for _ in 0..1000 {
                    count.increment(1);
                    spread.record(0.25);
                }
            });
        }
    });
    let expected = 1000.0 * THREADS as f64;
    assert_eq!(get(&recorder, "c"), expected + THREADS as f64);
    assert_eq!(get(&recorder, "h_count"), expected);
    assert_eq!(get(&recorder, "h_sum"), expected / 4.0);
    assert!(crowded_threads() >= 20);
}

/// Records when its thread's locals are destroyed.
struct Last(metrics::Counter, metrics::Histogram);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.increment(1);
        self.1.record(2.0);
    }
}

thread_local! {
    static BEFORE: RefCell<Option<Last>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_thread_locals_record_before_and_after_the_row_is_given_back() {
    let recorder = recorder(Options::default());
    let (count, spread) = (counter(&recorder, "c"), histogram(&recorder, "h"));
    for _ in 0..100 {
        let (count, spread) = (count.clone(), spread.clone());
        let last = move || Some(Last(count.clone(), spread.clone()));
        let thread = thread::spawn(move || {
            BEFORE.set(last());
            if let Some(last) = last() {
                last.0.increment(1);
                mem::forget(last);
            }
            AFTER.set(last());
        });
        // The end of a scope would not wait for destructors.
        thread.join().unwrap();
    }
    assert_eq!(get(&recorder, "c"), 300.0);
    assert_eq!(
        (get(&recorder, "h_count"), get(&recorder, "h_sum")),
        (200.0, 400.0)
    );
}

#[test]
fn a_thread_that_found_no_row_gets_one_once_there_is() {
    let recorder = recorder(Options::default());
    let count = counter(&recorder, "c");
    let (crowded, free, ended) = (
        Barrier::new(arena::ROWS + 1),
        Barrier::new(2),
        Barrier::new(2),
    );
    thread::scope(|scope| {
        let many = scope.spawn(|| {
            thread::scope(|scope| {
                for _ in 0..arena::ROWS {
                    scope.spawn(|| {
                        count.increment(1);
                        crowded.wait();
                    });
                }
            });
            free.wait();
            ended.wait();
        });
        crowded.wait();
        free.wait();
        for _ in 0..10 {
            count.increment(1);
        }
        ended.wait();
        many.join().unwrap();
    });
    assert_eq!(get(&recorder, "c"), arena::ROWS as f64 + 10.0);
}
