//! The test kit as its users use it: side by side, from tasks and threads, and when an assertion fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use instrument_core::{LabelValue, counted, metrics, testing, timed};

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

metrics! {
    /// Orders sent.
    static ORDERS: Counter<(side: Side)> = "kit_orders_total";
    /// Lots of an order.
    static LOTS: Histogram = "kit_order_lots", buckets = [1.0, 2.5];
    /// Open positions.
    static OPEN: Gauge = "kit_open_positions";
    /// Unix time of the last order.
    static LAST: Gauge = "kit_last_order_timestamp_seconds";
    /// Whether a feed is connected.
    static CONNECTED: Gauge<(feed: configured)> = "kit_connected";
}

/// Sends an order.
#[timed("kit_send", labels(side), in_flight)]
#[counted("kit_send_errors", on = error)]
fn send(side: Side, lots: f64, meanwhile: impl FnOnce()) -> Result<(), String> {
    meanwhile();
    ORDERS.inc(side);
    LOTS.observe(lots);
    LAST.set_to_now();
    if lots > 0.0 {
        Ok(())
    } else {
        Err("no lots".to_owned())
    }
}

fn sent(side: Side) {
    send(side, 1.0, || ()).expect("it has lots");
}

/// What an assertion says when it fails.
fn complaint(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("it must fail");
    let literal = panic.downcast_ref::<&str>().map(ToString::to_string);
    let told = literal.or_else(|| panic.downcast_ref::<String>().cloned());
    told.expect("it says why")
}

#[test]
fn tests_that_watch_the_same_series_side_by_side_see_their_own() {
    let test = |orders: u64| {
        move || {
            let seen = testing::watch();
            (0..orders).for_each(|_| sent(Side::Buy));
            seen.assert_counter("kit_orders_total", &[("side", "buy")], orders);
            // Looking changes nothing.
            seen.assert_counter("kit_orders_total", &[("side", "buy")], orders);
            seen.assert_counter("kit_orders_total", &[("side", "sell")], 0);
            seen.assert_histogram("kit_order_lots", &[], orders);
        }
    };
    let tests: Vec<_> = (1..=16).map(|orders| thread::spawn(test(orders))).collect();
    for test in tests {
        test.join().expect("it sees its own orders only");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_tasks_and_threads_record_is_seen() {
    let seen = testing::watch();
    let tasks = (0..8).map(|_| tokio::spawn(async { sent(Side::Sell) }));
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("it ends well");
    }
    thread::spawn(|| sent(Side::Sell))
        .join()
        .expect("it ends well");
    seen.assert_counter("kit_orders_total", &[("side", "sell")], 9);
    seen.assert_histogram(
        "kit_send_duration_seconds",
        &[("side", "sell"), ("outcome", "ok")],
        9,
    );
}

#[test]
fn a_histogram_tells_how_many_how_much_and_within_what() {
    let seen = testing::watch();
    for lots in [0.5, 1.0, 2.0, 7.0] {
        send(Side::Buy, lots, || ()).expect("it has lots");
    }
    assert!(send(Side::Buy, 0.0, || ()).is_err());
    seen.assert_histogram("kit_order_lots", &[], 5);
    assert!((seen.observed("kit_order_lots", &[]) - 10.5).abs() < 1e-9);
    let within = |bound| seen.observations_within("kit_order_lots", &[], bound);
    assert!((within(1.0) - 3.0).abs() < 1e-9 && (within(2.5) - 4.0).abs() < 1e-9);
    seen.assert_counter("kit_send_errors_total", &[], 1);
}

#[test]
fn gauges_are_what_they_are_and_calls_in_flight_are_counted_from_the_start() {
    let seen = testing::watch();
    OPEN.set(3.5);
    seen.assert_gauge("kit_open_positions", &[], 3.5);
    let running = ("side", "buy");
    send(Side::Buy, 1.0, || {
        seen.assert_in_flight("kit_send_in_flight", &[running], 1);
    })
    .expect("it has lots");
    seen.assert_in_flight("kit_send_in_flight", &[running], 0);
    // A series may come and go.
    let feed = CONNECTED.series("lse");
    feed.set(1.0);
    seen.assert_gauge("kit_connected", &[("feed", "lse")], 1.0);
}

#[test]
fn a_failed_assertion_shows_every_series_and_a_misspelt_name_is_no_zero() {
    let seen = testing::watch();
    sent(Side::Buy);
    let wrong = complaint(|| seen.assert_counter("kit_orders_total", &[("side", "buy")], 2));
    assert!(
        wrong.contains("`kit_orders_total` with the labels [(\"side\", \"buy\")]: 1, expected 2"),
        "{wrong}"
    );
    assert!(
        wrong.contains("kit_orders_total{side=\"sell\"}") && wrong.contains("(moved by 0)"),
        "{wrong}"
    );
    for missing in [
        complaint(|| seen.assert_counter("kit_orders_total", &[("side", "SELL")], 0)),
        complaint(|| seen.assert_counter("kit_order_total", &[], 0)),
        complaint(|| seen.assert_gauge("kit_open", &[], 0.0)),
    ] {
        assert!(missing.contains("no series `kit_"), "{missing}");
    }
    let twice = complaint(|| drop(testing::watch()));
    assert!(twice.contains("watches already"), "{twice}");
}

#[test]
fn a_failed_test_does_not_block_those_that_wait() {
    let failed = thread::spawn(|| {
        let _seen = testing::watch();
        panic!("as a failing test does");
    });
    assert!(failed.join().is_err());
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let seen = testing::watch();
        sent(Side::Buy);
        seen.assert_counter("kit_orders_total", &[("side", "buy")], 1);
        done.send(()).expect("it is waited for");
    });
    ended
        .recv_timeout(Duration::from_mins(1))
        .expect("its turn comes");
}

#[test]
fn a_golden_page_has_counts_and_no_times() {
    let seen = testing::watch();
    sent(Side::Sell);
    OPEN.set(2.0);
    assert_eq!(
        seen.golden("kit_o*"),
        "# HELP kit_open_positions Open positions.\n\
         # TYPE kit_open_positions gauge\n\
         kit_open_positions 2\n\
         # HELP kit_order_lots Lots of an order.\n\
         # TYPE kit_order_lots histogram\n\
         kit_order_lots_bucket{le=\"1\"} 1\n\
         kit_order_lots_bucket{le=\"2.5\"} 1\n\
         kit_order_lots_bucket{le=\"+Inf\"} 1\n\
         kit_order_lots_sum 1\n\
         kit_order_lots_count 1\n\
         # HELP kit_orders_total Orders sent.\n\
         # TYPE kit_orders_total counter\n\
         kit_orders_total{side=\"buy\"} 0\n\
         kit_orders_total{side=\"sell\"} 1\n"
    );
    let timed = seen.golden("kit_send_duration_seconds");
    for line in [
        "kit_send_duration_seconds_bucket{side=\"sell\",outcome=\"ok\",le=\"0.1\"} *\n",
        "kit_send_duration_seconds_bucket{side=\"sell\",outcome=\"ok\",le=\"+Inf\"} 1\n",
        "kit_send_duration_seconds_sum{side=\"sell\",outcome=\"ok\"} *\n",
        "kit_send_duration_seconds_count{side=\"sell\",outcome=\"ok\"} 1\n",
    ] {
        assert!(timed.contains(line), "{line} is not in\n{timed}");
    }
    let whole = seen.golden("*");
    assert!(
        whole.contains("kit_last_order_timestamp_seconds *\n"),
        "{whole}"
    );
    assert!(whole.contains("process_open_fds *\n"), "{whole}");
    assert_eq!(whole, seen.golden("*"), "nothing in it depends on the time");
}
