//! What calls record, whatever threads do: nothing is lost, nothing falls, and a warm call allocates nothing.

mod page;

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use instrument_core::{ErrorLabel, LabelValue, counted, metrics, timed};
use page::{calls, exporter, poll_once, sample};

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

#[derive(Debug, ErrorLabel)]
enum Refusal {
    Closed,
    Rejected(String),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the market is closed"),
            Self::Rejected(why) => f.write_str(why),
        }
    }
}

metrics! {
    /// Signals.
    static SIGNALS: Counter<(side: Side)> = "recording_signals_total";
    /// Waits.
    static WAITS: Histogram = "recording_wait_seconds", buckets = [0.1, 1.0];
}

#[timed]
fn plain(n: u64) -> u64 {
    n + 1
}

#[timed]
fn checked(n: u64) -> Result<u64, Refusal> {
    if n == 0 { Err(Refusal::Closed) } else { Ok(n) }
}

#[timed]
async fn ready(n: u64) -> Result<u64, Refusal> {
    checked(n)
}

#[timed("recording_order", labels(side, urgent), in_flight)]
#[counted("recording_order_enter", on = enter, labels(side))]
#[counted("recording_order_errors", on = error, labels(side, code = err))]
fn order(n: u64, side: Side, urgent: bool) -> Result<u64, Refusal> {
    let _ = urgent;
    checked(n)
}

#[timed("recording_quote", labels(symbol = %symbol, side), limit = 8, in_flight)]
fn quote(symbol: &str, side: Side) -> usize {
    let _ = side;
    symbol.len()
}

#[counted("recording_refusals", on = error, labels(symbol = %symbol, why = %err), limit = 8)]
fn refused(symbol: &str, why: Option<Refusal>) -> Result<usize, Refusal> {
    why.map_or(Ok(symbol.len()), Err)
}

#[timed("recording_many_buckets", buckets = [
    1e-9, 2e-9, 3e-9, 4e-9, 5e-9, 6e-9, 7e-9, 8e-9, 9e-9, 1e-8, 2e-8, 3e-8, 4e-8, 5e-8, 6e-8, 7e-8, 8e-8, 9e-8, 1.0, 2.0
])]
fn many_buckets() {}

#[timed("recording_sampled", sample = 1 / 4)]
fn sampled() {}

#[counted]
fn counted_only() {}

#[counted("recording_bytes", by = n, outcome = false)]
fn bytes(n: u64) -> u64 {
    n
}

#[timed("recording_disabled")]
fn disabled() -> Result<(), Refusal> {
    Ok(())
}

fn allocations(call: impl Fn()) -> u64 {
    call();
    let warm = || (0..100).for_each(|_| call());
    allocation_counter::measure(warm).count_total
}

#[test]
fn a_warm_call_allocates_nothing() {
    exporter().set_enabled("recording_disabled*", false);
    let paths: [(&str, fn()); 12] = [
        ("plain", || assert_eq!(plain(1), 2)),
        ("result", || drop(checked(1))),
        ("error", || drop(checked(0))),
        ("async", || drop(poll_once(ready(1)))),
        ("merged", || drop(order(1, Side::Buy, true))),
        ("merged error", || drop(order(0, Side::Sell, false))),
        ("free text", || {
            quote("EURUSD", Side::Sell);
        }),
        ("free text of the result", || {
            drop(refused("EURUSD", Some(Refusal::Closed)));
        }),
        ("many buckets", many_buckets),
        ("sampled", sampled),
        ("counted", || {
            counted_only();
            bytes(7);
        }),
        ("disabled", || drop(disabled())),
    ];
    for (path, call) in paths {
        assert_eq!(allocations(call), 0, "{path}");
    }
    assert_eq!(allocations(|| SIGNALS.inc(Side::Buy)), 0);
    assert_eq!(allocations(|| WAITS.observe(0.5)), 0);
    assert_eq!(allocations(|| drop(WAITS.time())), 0);
    assert_eq!(sample("recording_bytes_total", &[]), Some(707.0));
    assert_eq!(
        sample(
            "recording_disabled_duration_seconds_count",
            &[("outcome", "ok")]
        ),
        Some(0.0)
    );
    assert_eq!(
        sample(
            "recording_refusals_total",
            &[("symbol", "EURUSD"), ("why", "the market is closed")]
        ),
        Some(101.0)
    );
    assert_eq!(
        sample("recording_sampled_calls_total", &[("outcome", "ok")]),
        Some(101.0)
    );
}

#[timed]
fn concurrent(n: u64) -> Result<u64, Refusal> {
    if n.is_multiple_of(3) {
        Err(Refusal::Rejected(String::new()))
    } else {
        Ok(n)
    }
}

#[counted("recording_concurrent_symbols", labels(symbol = %symbol), limit = 4, outcome = false)]
fn of_symbol(symbol: &str) {
    let _ = symbol;
}

/// Scrapes without end; panics if a count falls, or buckets do along `le`.
fn watch(done: &AtomicBool) {
    let mut before = 0;
    while !done.load(Ordering::Relaxed) {
        let page = exporter().render();
        let values = |start: &str| {
            let lines = page.lines().filter(|line| line.starts_with(start));
            let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
            lines.map(number).collect::<Vec<_>>()
        };
        let ok = "module=\"recording\",function=\"concurrent\",outcome=\"ok\"";
        let buckets = values(&format!("function_duration_seconds_bucket{{{ok}"));
        assert!(buckets.is_sorted() && !buckets.is_empty(), "{buckets:?}");
        let now = buckets[buckets.len() - 1];
        assert!(now >= before, "{now} after {before}");
        let count = values(&format!("function_duration_seconds_count{{{ok}}}"));
        assert_eq!(count, [now], "the count is that of the buckets");
        before = now;
    }
}

/// Threads that live at the same time, then 10,000 that come and go, while pages are made.
#[test]
fn calls_of_many_threads_are_all_there_and_no_count_falls() {
    exporter();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&done));
        thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || {
                    for n in 0..3_000 {
                        drop(concurrent(n));
                        of_symbol(["EURUSD", "GBPUSD", "XAUUSD"][(n as usize + thread) % 3]);
                    }
                });
            }
        });
        for _ in 0..1_250 {
            thread::scope(|scope| {
                for n in 0..8 {
                    scope.spawn(move || drop(concurrent(n % 2 * 3 + 1)));
                }
            });
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("nothing fell");
    });
    assert_eq!(calls("recording", "concurrent"), "26000 8000 0 -");
    for symbol in ["EURUSD", "GBPUSD", "XAUUSD"] {
        assert_eq!(
            sample("recording_concurrent_symbols_total", &[("symbol", symbol)]),
            Some(8_000.0)
        );
    }
}

#[timed]
fn at_the_end() {}

#[counted("recording_last_words", labels(word = %word), limit = 4, outcome = false)]
fn last_words(word: &str) {
    let _ = word;
}

/// Calls annotated functions when its thread's locals are destroyed.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        at_the_end();
        last_words("bye");
    }
}

thread_local! {
    static BEFORE: RefCell<Option<Last>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<Last>> = const { RefCell::new(None) };
}

#[test]
fn calls_from_destructors_of_thread_locals_are_recorded() {
    exporter();
    for _ in 0..50 {
        let thread = thread::spawn(|| {
            // Destroyed in some order with the thread's row: one before it, one after it.
            BEFORE.set(Some(Last));
            at_the_end();
            AFTER.set(Some(Last));
        });
        // The end of a scope would not wait for destructors.
        thread.join().unwrap();
    }
    assert_eq!(calls("recording", "at_the_end"), "150 - 0 -");
    assert_eq!(
        sample("recording_last_words_total", &[("word", "bye")]),
        Some(100.0)
    );
}

thread_local! {
    static NESTED: Cell<u32> = const { Cell::new(0) };
}

/// A text that, when written, itself calls a function with labels of free text.
struct Nested;

impl Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("be")?;
        NESTED.set(NESTED.get() + 1);
        nested_symbol("inner");
        f.write_str("fore")
    }
}

#[counted("recording_nested", labels(symbol = %symbol), limit = 4, outcome = false)]
fn nested_symbol(symbol: impl Display) {
    let _ = &symbol;
}

#[test]
fn a_text_may_call_annotated_functions_while_it_is_written() {
    exporter();
    for _ in 0..3 {
        nested_symbol(Nested);
    }
    assert_eq!(NESTED.get(), 3);
    for symbol in ["inner", "before"] {
        assert_eq!(
            sample("recording_nested_total", &[("symbol", symbol)]),
            Some(3.0)
        );
    }
}

#[counted("recording_overflow", labels(id = %id), limit = 2, outcome = false)]
fn beyond(id: u32) {
    let _ = id;
}

#[test]
fn each_call_beyond_the_limit_is_told() {
    exporter();
    for _ in 0..3 {
        (0..5).for_each(beyond);
    }
    let count = |id| sample("recording_overflow_total", &[("id", id)]);
    assert_eq!(
        (count("0"), count("1"), count("2")),
        (Some(3.0), Some(3.0), None)
    );
    assert_eq!(count("_other"), Some(9.0));
    let told = sample(
        "instrument_label_overflow_total",
        &[("metric", "recording_overflow_total")],
    );
    assert_eq!(told, Some(9.0));
}

#[timed]
fn switched() -> Result<(), Refusal> {
    Ok(())
}

#[test]
fn a_function_and_its_family_can_be_switched_off_and_on() {
    let page = exporter();
    drop(switched());
    assert_eq!(page.set_enabled("switched", false), 1);
    drop(switched());
    assert_eq!(calls("recording", "switched"), "1 0 0 -");
    page.set_enabled("switched", true);
    drop(switched());
    assert_eq!(calls("recording", "switched"), "2 0 0 -");
}
