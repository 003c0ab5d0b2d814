//! The LAB inside the trading daemon: there where asked for, and never in the way.

use std::fs;

use tests::lab::{Lab, wait_for_the_end_of};
use tests::{Running, get, page, scrape, wait_for_sum, wait_for_value};

const SWEPT: &str = "lab_metrics_collection_duration_seconds_count";
const CYCLES: &str = "sentinel_trading_cycles_total";

#[test]
fn its_series_are_on_the_page_only_where_it_is_asked_for() {
    let lab = Lab::new("daemon-page", "[lab]\nroot = \".\"\n");
    lab.script("git", "exit 0");
    let mut daemon = lab.start_daemon("1");
    let addr = daemon.metrics_addr();
    wait_for_sum(&addr, SWEPT, 1.0);
    let text = page(&addr);
    let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    let families = [
        "lab_mcp_server_health{",
        "lab_worktree_status{",
        "lab_worktree_test_status{",
        "job_next_run_timestamp_seconds{",
    ];
    assert_eq!(families.map(count), [18, 5, 5, 1], "{text}");
    assert!(
        daemon.output().contains("lab      /"),
        "{}",
        daemon.output()
    );

    let mut alone = Running::daemon(&["--metrics-port", "0"]);
    let text = page(&alone.metrics_addr());
    let theirs = text.lines().find(|line| {
        let name = line.trim_start_matches("# HELP ");
        ["lab_", "job_", "thunes_"]
            .iter()
            .any(|start| name.starts_with(start))
            || ["\"lab_", "\"job_", "\"thunes_"]
                .iter()
                .any(|start| line.contains(start))
    });
    assert_eq!(theirs, None);
}

#[test]
fn a_lab_that_hangs_delays_no_cycle_and_no_end() {
    let lab = Lab::new(
        "daemon-hangs",
        "[lab]\nroot = \".\"\nscript_timeout = \"5m\"\nbound = \"5m\"\nmcp_files = [\"mcp.json\"]\n",
    );
    lab.script("hangs", "setsid sh -c 'echo $$ > pid-away; exec sleep 600' & trap '' TERM; echo $$ > pid-script; sleep 600; sleep 600");
    lab.executable(
        "server.sh",
        "echo $$ > pid-server; trap '' TERM; while true; do sleep 600; done",
    );
    lab.file(
        "mcp.json",
        r#"{"mcpServers": {"server": {"command": "./server.sh"}}}"#,
    );
    for signal in ["TERM", "KILL"] {
        let mut daemon = lab.start_daemon("0.05");
        let addr = daemon.metrics_addr();
        let pids = lab.pids(&["pid-away", "pid-script", "pid-server"]);
        let before = scrape(&addr).sum(CYCLES);
        wait_for_sum(&addr, CYCLES, before + 20.0);
        assert!(scrape(&addr).sum(SWEPT) < 1.0, "the sweep still hangs");
        assert_eq!(
            get(&addr, "/health").unwrap().body.trim(),
            r#"{"status":"ok"}"#
        );
        daemon.signal(signal);
        assert_eq!(
            daemon.ended().success(),
            signal == "TERM",
            "{}",
            daemon.log()
        );
        wait_for_the_end_of(&pids);
        for file in ["pid-away", "pid-script", "pid-server"] {
            fs::remove_file(lab.path(file)).unwrap();
        }
    }
}

#[test]
fn a_bad_configuration_is_refused_at_the_start_and_changes_nothing_later() {
    let lab = Lab::new(
        "daemon-reload",
        "[lab]\nroot = \".\"\ninterval = \"300ms\"\n",
    );
    lab.script("own", "exit 0");
    let mut daemon = lab.start_daemon("1");
    let addr = daemon.metrics_addr();
    wait_for_value(
        &addr,
        "lab_mcp_server_health",
        &[("server_name", "own")],
        1.0,
    );
    for (text, says) in [
        (
            "[lab]\nroot = \".\"\nbuond = \"1s\"\n",
            "thunes.toml:3: unknown key \"buond\" in [lab], did you mean \"bound\"?",
        ),
        (
            "[[job]]\nname = \"signal_check\"\n",
            "thunes.toml:1: the file needs a table [lab]",
        ),
    ] {
        lab.configure(text);
        daemon.signal("HUP");
        wait_for_value(&addr, "thunes_config_last_reload_successful", &[], 0.0);
        let sweeps = scrape(&addr).sum(SWEPT);
        wait_for_sum(&addr, SWEPT, sweeps + 2.0);
        let mut other = lab.start_daemon("1");
        assert_eq!(other.ended().code(), Some(2), "{}", other.log());
        for log in [daemon.log(), other.log()] {
            assert!(log.contains(says), "{log}");
        }
    }
}
