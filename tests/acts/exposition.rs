//! The page before the first cycle: every family of the predecessor, with its labels, at zero.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use tests::{Running, page, scrape};

/// Name, type and number of series of the predecessor's eighteen families (seed sheet 1.2).
const FAMILIES: [(&str, &str, usize); 18] = [
    ("sentinel_trading_cycles_total", "counter", 1),
    ("sentinel_trading_cycles_failed_total", "counter", 1),
    ("sentinel_trading_cycle_duration_seconds", "histogram", 1),
    ("sentinel_last_cycle_timestamp_unix", "gauge", 1),
    ("sentinel_data_fetch_duration_seconds", "histogram", 1),
    ("sentinel_data_fetch_failed_total", "counter", 1),
    ("sentinel_feature_build_duration_seconds", "histogram", 1),
    ("sentinel_prediction_requests_total", "counter", 1),
    ("sentinel_prediction_failures_total", "counter", 1),
    ("sentinel_prediction_latency_seconds", "histogram", 1),
    ("sentinel_last_prediction_confidence", "gauge", 1),
    ("sentinel_trading_signals_total", "counter", 2),
    ("sentinel_trading_signals_executed_total", "counter", 2),
    ("sentinel_zmq_send_latency_seconds", "histogram", 1),
    ("sentinel_zmq_send_failures_total", "counter", 1),
    ("sentinel_api_calls_total", "counter", 2),
    ("sentinel_api_errors_total", "counter", 38),
    ("sentinel_daemon_uptime_seconds", "gauge", 1),
];

/// The predecessor's buckets; ours may have more.
const BUCKETS: [(&str, &[&str]); 5] = [
    (
        "sentinel_trading_cycle_duration_seconds",
        &["0.1", "0.5", "1", "2", "5", "10"],
    ),
    (
        "sentinel_data_fetch_duration_seconds",
        &["0.5", "1", "2", "5", "10"],
    ),
    (
        "sentinel_feature_build_duration_seconds",
        &["0.1", "0.5", "1", "2"],
    ),
    (
        "sentinel_prediction_latency_seconds",
        &["0.1", "0.5", "1", "2", "5"],
    ),
    (
        "sentinel_zmq_send_latency_seconds",
        &["0.01", "0.05", "0.1", "0.5", "1"],
    ),
];

/// A daemon whose first cycle waits for a vendor that never answers; the listener keeps it waiting.
fn before_the_first_cycle() -> (Running, String, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--vendor-url", &url]);
    let addr = daemon.metrics_addr();
    (daemon, addr, silent)
}

#[test]
fn the_eighteen_families_are_there_at_zero_before_the_first_cycle() {
    let (_daemon, addr, _silent) = before_the_first_cycle();
    let (text, samples) = (page(&addr), scrape(&addr));
    for (name, kind, series) in FAMILIES {
        assert!(
            text.contains(&format!("# TYPE {name} {kind}\n")),
            "{name} {kind}\n{text}"
        );
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        let counted = if kind == "histogram" {
            format!("{name}_count")
        } else {
            name.to_owned()
        };
        assert_eq!(samples.series(&counted), series, "{name}");
        let may_have_moved =
            ["sentinel_daemon_uptime_seconds", "sentinel_api_calls_total"].contains(&name);
        assert!(
            may_have_moved || samples.sum(&counted) == 0.0,
            "{name} is {}",
            samples.sum(&counted)
        );
    }
    for (name, bounds) in BUCKETS {
        for bound in bounds {
            let bucket = samples.get(&format!("{name}_bucket"), &[("le", bound)]);
            assert_eq!(bucket, Some(0.0), "{name} le={bound}");
        }
    }
    for (endpoint, code) in [
        ("eodhd", "no_api_key"),
        ("hub", "timeout"),
        ("hub", "504"),
        ("eodhd", "http_other"),
    ] {
        let labels = [("endpoint", endpoint), ("error_code", code)];
        assert_eq!(
            samples.get("sentinel_api_errors_total", &labels),
            Some(0.0),
            "{labels:?}"
        );
    }
    for action in ["BUY", "SELL"] {
        assert_eq!(
            samples.get("sentinel_trading_signals_total", &[("action", action)]),
            Some(0.0)
        );
    }
    assert_eq!(
        samples.get("sentinel_mode", &[("mode", "paper")]),
        Some(1.0)
    );
    assert_eq!(samples.get("sentinel_mode", &[("mode", "live")]), Some(0.0));
}

#[test]
#[ignore = "needs promtool"]
fn promtool_has_nothing_to_say_about_the_page() {
    let (_daemon, addr, _silent) = before_the_first_cycle();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by ./test.sh");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(page(&addr).as_bytes())
        .unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.trim().is_empty(), "{text}");
}
