//! A day in minute cycles, at full speed: the same orders, fills, profit and counts on every run and machine, to the
//! last bit. `UPDATE=1` rewrites the golden file instead of comparing it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tests::{Folder, Running};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Gauges that tell the time, how long something has been, or what was built.
const TIMES: [&str; 5] = [
    "sentinel_build_info",
    "sentinel_last_cycle_timestamp_unix",
    "sentinel_last_success_timestamp_unix",
    "sentinel_last_success_age_seconds",
    "sentinel_daemon_uptime_seconds",
];

/// Whether a sample follows from the bars alone. Of a duration only the number of its measurements does, and pings go by
/// the wall clock.
fn follows_from_the_bars(name: &str) -> bool {
    let ours = name.starts_with("sentinel_") || name.starts_with("http_");
    let measured = name.ends_with("_seconds_sum") || name.ends_with("_seconds_bucket");
    ours && !measured && !TIMES.contains(&name) && !name.starts_with("sentinel_gateway_ping_")
}

/// What so many minutes came to: the summary, each judged bar, the account, and the page.
fn minutes(count: u32, name: &str) -> String {
    let folder = Folder::new(name);
    let page = format!("{}/page.prom", folder.path());
    let count = count.to_string();
    let args = [
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--replay-step",
        "minute",
        "--cycles",
        &count,
        "--state-dir",
        folder.path(),
        "--page-file",
        &page,
    ];
    let mut daemon = Running::daemon(&args);
    assert!(daemon.ended().success(), "{}", daemon.log());
    let mut told = String::new();
    for line in daemon.output().lines() {
        let words = ["cycles", "signals", "orders", "fills", "PnL"];
        if words.iter().any(|word| line.starts_with(word)) {
            writeln!(told, "{line}").unwrap();
        }
    }
    for line in daemon.log().lines() {
        match line.split_once("cycle ") {
            Some((_, cycle)) if cycle.contains("bar closed") => writeln!(told, "{cycle}").unwrap(),
            _ => {}
        }
    }
    writeln!(told, "account {}", account(&folder)).unwrap();
    for sample in std::fs::read_to_string(page).unwrap().lines() {
        let name = sample.split(['{', ' ']).next().unwrap();
        if follows_from_the_bars(name) && !sample.ends_with(" 0") {
            writeln!(told, "{sample}").unwrap();
        }
    }
    told
}

/// The paper account as it was written down, with all digits.
fn account(folder: &Folder) -> Value {
    let kept = Path::new(folder.path()).join("paper-gateway.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    assert!(kept["account"]["balance"].is_f64(), "{kept}");
    kept["account"].clone()
}

#[test]
fn a_day_of_minutes_is_the_golden_one_to_the_last_bit() {
    let day = minutes(DAY, "golden-day");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("acts/golden/day.txt");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, &day).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    assert_eq!(day, golden, "UPDATE=1 rewrites {}", file.display());
    assert!(golden.contains("cycles   1440, of which 0 failed"));
}

mod full {
    use super::*;

    /// More than a week, so that it has a weekend, over which the market is closed.
    #[test]
    #[ignore = "needs minutes"]
    fn two_runs_of_a_week_of_minutes_are_equal_to_the_last_bit() {
        let run = |name| minutes(8 * DAY, name);
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| run("other-week"));
            (run("week"), other.join().unwrap())
        });
        assert_eq!(one, other);
        assert!(one.contains("reason=\"stale_bar\""), "{one}");
    }
}
