//! The main job on embedded defaults: it trades, and its numbers agree with its log.

use tests::{Folder, Running, get, scrape, wait_for_sum, wait_until};

/// What the log says of the cycles up to `last`: signals, fills.
fn told(log: &str, last: u64) -> (u64, u64) {
    let number = |line: &&str| -> Option<u64> {
        line.split("cycle ").nth(1)?.split(':').next()?.parse().ok()
    };
    let lines: Vec<_> = log
        .lines()
        .filter(|line| number(line).is_some_and(|number| number <= last))
        .collect();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count() as u64;
    (count(" filled: ") + count(" refused: "), count(" filled: "))
}

#[test]
fn thirty_cycles_trade_and_the_summary_agrees_with_the_log() {
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--pace", "0", "--cycles", "30"]);
    assert!(daemon.ended().success(), "{}", daemon.log());
    let (signals, fills) = told(&daemon.log(), 30);
    assert!(
        fills >= 1,
        "one of the first thirty bars is traded: {}",
        daemon.log()
    );
    assert_eq!(daemon.announced("cycles"), "30, of which 0 failed");
    assert_eq!(daemon.announced("signals"), signals.to_string());
    assert_eq!(daemon.announced("fills"), fills.to_string());
    assert!(daemon.announced("PnL").contains("open positions included"));
    assert!(daemon.announced("slowest").contains(" ms on average"));
}

#[test]
fn every_counter_and_histogram_of_a_good_cycle_moves_and_agrees_with_the_log() {
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--pace", "0.05"]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_cycles_total", 30.0);
    wait_until("the page to agree with the log", || {
        let samples = scrape(&addr);
        let cycles = samples.sum("sentinel_trading_cycles_total");
        let (signals, fills) = told(&daemon.log(), cycles as u64);
        let page = (
            samples.sum("sentinel_trading_signals_total"),
            samples.sum("sentinel_trading_signals_executed_total"),
        );
        if page == (signals as f64, fills as f64) {
            Ok(())
        } else {
            Err((cycles, page, signals, fills))
        }
    });
    let samples = scrape(&addr);
    for name in [
        "sentinel_trading_cycles_total",
        "sentinel_trading_cycle_duration_seconds_count",
        "sentinel_data_fetch_duration_seconds_count",
        "sentinel_feature_build_duration_seconds_count",
        "sentinel_prediction_requests_total",
        "sentinel_prediction_latency_seconds_count",
        "sentinel_api_calls_total",
        "sentinel_trading_signals_total",
        "sentinel_trading_signals_executed_total",
        "sentinel_zmq_send_latency_seconds_count",
    ] {
        assert!(samples.sum(name) >= 1.0, "{name} has not moved");
    }
    for name in [
        "sentinel_last_cycle_timestamp_unix",
        "sentinel_last_prediction_confidence",
        "sentinel_daemon_uptime_seconds",
    ] {
        assert!(samples.sum(name) > 0.0, "{name} is not set");
    }
    for name in [
        "sentinel_trading_cycles_failed_total",
        "sentinel_api_errors_total",
        "sentinel_zmq_send_failures_total",
    ] {
        assert_eq!(samples.sum(name).to_bits(), 0.0_f64.to_bits(), "{name}");
    }
    assert_eq!(samples.get("sentinel_replay", &[]), Some(1.0));
    let health = get(&addr, "/health").unwrap();
    assert_eq!(
        (health.status, health.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
}

#[test]
fn the_replay_wraps_and_closes_what_is_held() {
    let mut daemon =
        Running::daemon(&["--metrics-port", "0", "--pace", "0", "--log-level", "warn"]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_replay_wraps_total", 1.0);
    let samples = scrape(&addr);
    assert!(
        samples.sum("sentinel_trading_cycles_total") >= 1_500.0,
        "the whole replay part was used"
    );
    assert_eq!(
        samples
            .sum("sentinel_trading_cycles_failed_total")
            .to_bits(),
        0.0_f64.to_bits(),
        "{}",
        daemon.log()
    );
    // Resident memory in KiB, after more than a thousand cycles.
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 60 * 1024, "{kib} KiB are resident");
}

#[test]
fn a_dry_run_gives_signals_and_opens_no_zeromq_socket() {
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--dry-run", "--pace", "0.01"]);
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, "sentinel_trading_signals_total", 1.0);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.id())).unwrap();
    let names: Vec<_> = tasks
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default())
        .collect();
    // libzmq starts its threads, `ZMQbg…`, with the first socket.
    assert!(
        !names.iter().any(|name| name.starts_with("ZMQ")),
        "{names:?}"
    );
    let samples = scrape(&addr);
    assert_eq!(
        samples
            .sum("sentinel_trading_signals_executed_total")
            .to_bits(),
        0.0_f64.to_bits()
    );
    assert_eq!(
        samples.get("sentinel_mode", &[("mode", "dry_run")]),
        Some(1.0)
    );
    assert!(
        daemon.log().contains("not sent: dry run"),
        "{}",
        daemon.log()
    );
}

/// What a run of a month of bars says of each cycle, and its summary without the times.
fn a_month() -> (Vec<String>, Vec<String>) {
    let mut daemon = Running::daemon(&["--metrics-port", "0", "--pace", "0", "--cycles", "500"]);
    assert!(daemon.ended().success(), "{}", daemon.log());
    let log = daemon.log();
    let cycles = log.lines().filter_map(|line| line.split_once("cycle "));
    let output = daemon.output();
    let sums = output.lines().filter(|line| {
        ["cycles", "signals", "orders", "fills", "PnL"]
            .iter()
            .any(|word| line.starts_with(word))
    });
    (
        cycles.map(|(_, rest)| rest.to_owned()).collect(),
        sums.map(str::to_owned).collect(),
    )
}

#[test]
fn two_runs_judge_trade_and_gain_the_same_to_the_last_digit() {
    let (one, other) = (a_month(), a_month());
    assert_eq!((one.0.len(), one.1.len()), (500, 5));
    assert_eq!(one, other);
}

#[test]
fn json_logs_are_json() {
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--cycles",
        "3",
        "--log-format",
        "json",
    ];
    let mut daemon = Running::daemon(&args);
    assert!(daemon.ended().success());
    let log = daemon.log();
    assert!(log.lines().count() >= 3, "{log}");
    for line in log.lines() {
        let json: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(json["fields"]["message"].is_string(), "{line}");
    }
}

/// The tickets that a run opened, in order.
fn tickets(state: &str) -> Vec<u32> {
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--cycles",
        "12",
        "--state-dir",
        state,
    ];
    let mut daemon = Running::daemon(&args);
    assert!(daemon.ended().success(), "{}", daemon.log());
    let log = daemon.log();
    let opened = log.lines().filter(|line| line.contains("filled: opened"));
    opened
        .map(|line| line.rsplit("ticket ").next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn a_state_folder_keeps_the_paper_account() {
    let folder = Folder::new("state");
    let (first, second) = (tickets(folder.path()), tickets(folder.path()));
    assert!(!first.is_empty() && first[0] == 1, "{first:?}");
    assert!(
        second[0] > *first.last().unwrap(),
        "{first:?} then {second:?}"
    );
}
