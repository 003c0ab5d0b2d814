//! Prices of the present: cycles follow the wall clock, and the vendor is asked only when a bar can have closed.

use tests::fault::FaultServer;
use tests::{Running, present_bars, scrape, unix_now, wait_for_sum};

#[test]
fn the_second_cycle_asks_the_vendor_for_nothing_and_judges_nothing_twice() {
    // In the last seconds of an hour a bar does close between the two cycles.
    while unix_now() % 3_600 > 3_590 {
        std::thread::yield_now();
    }
    let vendor = FaultServer::serving(|| present_bars(200));
    let url = format!("http://{}", vendor.addr());
    tests::program("sentinel-daemon");
    let second = ((unix_now() + 4) % 60).to_string();
    let args = [
        "--metrics-port",
        "0",
        "--vendor-url",
        &url,
        "--second",
        &second,
    ];
    let mut daemon = Running::daemon(&args);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_total", 2.0);
    let samples = scrape(&addr);
    let ended = samples.sum("sentinel_last_cycle_timestamp_unix") as u64;
    assert_eq!(
        ended % 60,
        second.parse::<u64>().unwrap(),
        "{}",
        daemon.log()
    );
    assert_eq!(
        samples
            .sum("sentinel_trading_cycles_failed_total")
            .to_bits(),
        0,
        "{}",
        daemon.log()
    );
    assert_eq!(vendor.heard(), 1, "{}", daemon.log());
    let labels = [("endpoint", "eodhd")];
    assert_eq!(samples.get("sentinel_api_calls_total", &labels), Some(1.0));
    assert_eq!(
        samples.sum("sentinel_data_kept_total").to_bits(),
        1.0_f64.to_bits()
    );
    let judged = [("reason", "already_judged")];
    assert_eq!(
        samples.get("sentinel_cycle_skips_total", &judged),
        Some(1.0)
    );
    assert_eq!(samples.get("sentinel_replay", &[]), Some(0.0));
}

#[test]
fn bars_that_end_long_ago_are_not_judged() {
    let vendor = FaultServer::serving(|| {
        let bars: serde_json::Value = serde_json::from_str(&present_bars(203)).unwrap();
        // As on a weekend: the last bar that the vendor has closed more than two hours ago.
        serde_json::Value::from(bars.as_array().unwrap()[..200].to_vec()).to_string()
    });
    let url = format!("http://{}", vendor.addr());
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--vendor-url", &url]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_cycle_skips_total", 1.0);
    let samples = scrape(&addr);
    let stale = [("reason", "stale_bar")];
    assert_eq!(samples.get("sentinel_cycle_skips_total", &stale), Some(1.0));
    assert_eq!(
        samples.sum("sentinel_prediction_requests_total").to_bits(),
        0
    );
    assert!(daemon.is_alive());
}
