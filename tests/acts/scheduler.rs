//! The scheduler from outside: its page, its LAB of real scripts, reloads, restarts, and what is left of its children.

use std::fs;

use serde_json::Value;
use tests::lab::{Lab, wait_for_the_end_of};
use tests::{DEADLINE, get, page, scrape, wait_for_sum, wait_for_value, wait_until};

const SWEPT: &str = "lab_metrics_collection_duration_seconds_count";

#[test]
fn after_one_sweep_the_page_has_the_predecessors_samples() {
    let lab = Lab::new("lab-page", "[lab]\nroot = \".\"\n");
    lab.script("git", "exit 0");
    lab.script("sqlite", "exit 1");
    fs::write(
        lab.path(".worktree"),
        "status=blocked\ntest_status=failing\n",
    )
    .unwrap();
    let mut scheduler = lab.start(&[]);
    let addr = scheduler.metrics_addr();
    wait_for_sum(&addr, SWEPT, 1.0);
    let text = page(&addr);
    let count = |family: &str| {
        text.lines()
            .filter(|line| line.starts_with(&format!("{family}{{")))
            .count()
    };
    let families = [
        "lab_mcp_server_health",
        "lab_worktree_status",
        "lab_worktree_test_status",
    ];
    assert_eq!(families.map(count), [18, 5, 5]);
    let samples = scrape(&addr);
    let health = |name| samples.get("lab_mcp_server_health", &[("server_name", name)]);
    assert_eq!(
        (health("git"), health("sqlite"), health("jupyter")),
        (Some(1.0), Some(0.0), Some(2.0))
    );
    let failed = [("server_name", "sqlite"), ("reason", "exit")];
    assert_eq!(
        samples.get("lab_mcp_check_failures_total", &failed),
        Some(1.0)
    );
    let never = [("server_name", "git"), ("reason", "bound")];
    assert_eq!(
        samples.get("lab_mcp_check_failures_total", &never),
        Some(0.0),
        "there at zero"
    );
    assert_eq!(
        samples.get("lab_worktree_status", &[("worktree_name", "main")]),
        Some(3.0)
    );
    for job in ["lab_metrics_update", "signal_check", "daily_summary"] {
        assert_eq!(
            samples.get("job_misfires_total", &[("job", job)]),
            Some(0.0),
            "{job}"
        );
        assert!(
            samples.get("job_next_run_timestamp_seconds", &[("job", job)]) > Some(0.0),
            "{job}"
        );
    }
    let health = get(&addr, "/health").unwrap();
    assert_eq!(
        (health.status, health.body.trim()),
        (200, r#"{"service":"thunes-metrics","status":"ok"}"#)
    );
}

#[test]
fn a_lab_that_hangs_delays_no_other_job() {
    let config = "[lab]\nroot = \".\"\nscript_timeout = \"5m\"\nbound = \"5m\"\n[[job]]\nname = \"signal_check\"\nevery = \"200ms\"\n";
    let lab = Lab::new("lab-hangs", config);
    lab.script("hangs", "echo $$ > pid; sleep 600");
    let mut scheduler = lab.start(&[]);
    let addr = scheduler.metrics_addr();
    wait_until("the script", || lab.pid("pid").map(drop).ok_or(()));
    let good = [("job", "signal_check"), ("outcome", "success")];
    let before = scrape(&addr).get("job_runs_total", &good).unwrap();
    wait_until("more signal checks", || {
        let runs = scrape(&addr).get("job_runs_total", &good).unwrap();
        if runs >= before + 5.0 {
            Ok(())
        } else {
            Err(runs)
        }
    });
    assert!(scrape(&addr).sum(SWEPT) < 1.0, "the sweep still hangs");
}

#[test]
fn no_child_outlives_the_scheduler_however_it_ends() {
    for signal in ["TERM", "KILL"] {
        let name = format!("lab-{signal}");
        let lab = Lab::new(
            &name,
            "[lab]\nroot = \".\"\nmcp_files = [\"mcp.json\"]\nscript_timeout = \"5m\"\n",
        );
        lab.script("hangs", "setsid sh -c 'echo $$ > pid-away; exec sleep 600' & trap '' TERM; echo $$ > pid-script; sleep 600; sleep 600");
        lab.executable(
            "server.sh",
            "echo $$ > pid-server; trap '' TERM; while true; do sleep 600; done",
        );
        fs::write(
            lab.path("mcp.json"),
            r#"{"mcpServers": {"server": {"command": "./server.sh"}}}"#,
        )
        .unwrap();
        let mut scheduler = lab.start(&[]);
        let pids = lab.pids(&["pid-away", "pid-script", "pid-server"]);
        scheduler.signal(signal);
        let status = scheduler.ended();
        assert_eq!(status.success(), signal == "TERM", "{}", scheduler.log());
        wait_for_the_end_of(&pids);
    }
}

#[test]
fn a_reload_adds_and_removes_and_a_bad_file_changes_nothing() {
    let with = |worktree: &str| {
        format!(
            "[lab]\nroot = \".\"\ninterval = \"300ms\"\n[[lab.worktree]]\nname = \"{worktree}\"\npath = \".\"\n"
        )
    };
    let lab = Lab::new("lab-reload", &with("one"));
    lab.script("own", "exit 0");
    let mut scheduler = lab.start(&[]);
    let addr = scheduler.metrics_addr();
    wait_for_value(
        &addr,
        "lab_mcp_server_health",
        &[("server_name", "own")],
        1.0,
    );
    wait_for_value(
        &addr,
        "lab_worktree_status",
        &[("worktree_name", "one")],
        1.0,
    );

    lab.script("other", "exit 0");
    wait_for_value(
        &addr,
        "lab_mcp_server_health",
        &[("server_name", "other")],
        1.0,
    );
    fs::remove_file(lab.path("bin/mcp-other-health")).unwrap();
    lab.configure(&with("two"));
    wait_for_value(
        &addr,
        "lab_worktree_status",
        &[("worktree_name", "two")],
        1.0,
    );
    wait_until("removed series to vanish", || {
        let text = page(&addr);
        let left = ["\"one\"", "\"other\""]
            .into_iter()
            .find(|name| text.contains(name));
        left.map_or(Ok(()), Err)
    });

    lab.configure("[lab]\nroot = \".\"\n\nintervall = \"1s\"\n");
    scheduler.signal("HUP");
    wait_for_value(&addr, "thunes_config_last_reload_successful", &[], 0.0);
    let log = scheduler.log();
    assert!(
        log.contains(
            "thunes.toml:4: unknown key \"intervall\" in [lab], did you mean \"interval\"?"
        ),
        "{log}"
    );
    let sweeps = scrape(&addr).sum(SWEPT);
    wait_for_sum(&addr, SWEPT, sweeps + 2.0);
    assert!(
        page(&addr).contains("\"two\""),
        "the old configuration runs on"
    );
    lab.configure(&with("two"));
    wait_for_value(&addr, "thunes_config_last_reload_successful", &[], 1.0);
}

#[test]
fn a_restart_after_kill_9_does_not_start_a_tick_again() {
    let lab = Lab::new("lab-restart", "");
    let good = [("job", "signal_check"), ("outcome", "success")];
    let mut scheduler = lab.start(&[]);
    let addr = scheduler.metrics_addr();
    wait_for_value(&addr, "job_runs_total", &good, 1.0);
    wait_until("the run to be written down", || {
        let (_, listed, _) = lab.ask(&["jobs"]);
        if listed.contains(" success ") {
            Ok(())
        } else {
            Err(listed)
        }
    });
    let (code, _, told) = lab.ask(&["--metrics-port", "0"]);
    assert_eq!(code, Some(2), "one scheduler a folder");
    assert!(told.contains("another scheduler"), "{told}");
    drop(scheduler);

    let mut scheduler = lab.start(&[]);
    let addr = scheduler.metrics_addr();
    let since = ("job", "signal_check");
    wait_until("the state to be read", || {
        let seen = scrape(&addr).get("job_last_success_timestamp_seconds", &[since]);
        if seen > Some(0.0) { Ok(()) } else { Err(seen) }
    });
    assert_eq!(scrape(&addr).get("job_runs_total", &good), Some(0.0));
    let due = scrape(&addr)
        .get("job_next_run_timestamp_seconds", &[since])
        .unwrap();
    let last = scrape(&addr)
        .get("job_last_success_timestamp_seconds", &[since])
        .unwrap();
    assert!(
        due - last > 590.0,
        "ten minutes after the run before: {due} {last}"
    );
}

#[test]
fn a_daily_run_that_died_is_made_again_and_says_what_is_unknown() {
    let lab = Lab::new("lab-died", "");
    let tick = "2026-11-27T23:00:00Z";
    let state = serde_json::json!({
        "claim": {"tick": tick, "attempts": 1}, "ticks": [tick], "effects": {"2026-11-27": "begun"},
    });
    fs::create_dir_all(lab.path("thunes.state")).unwrap();
    lab.file("thunes.state/daily_summary.json", &state.to_string());
    let good = [("job", "daily_summary"), ("outcome", "success")];
    for runs in [1.0, 0.0] {
        let mut scheduler = lab.start(&[]);
        let addr = scheduler.metrics_addr();
        wait_for_value(&addr, "job_runs_total", &good, runs);
        scheduler.signal("TERM");
        assert!(scheduler.ended().success());
        let log = scheduler.log();
        let told = log.contains("summary of 2026-11-27 (retried") && log.contains("unknown");
        assert_eq!(told, runs > 0.0, "{log}");
    }
}

#[test]
fn a_look_at_the_lab_ends_with_a_code_for_scripts() {
    let lab = Lab::new("lab-check", "[lab]\nroot = \".\"\n");
    lab.script("git", "exit 0");
    lab.script("sqlite", "echo no database >&2; exit 1");
    let (code, json, told) = lab.ask(&["lab", "check", "--json"]);
    assert_eq!(code, Some(1), "{told}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["servers"].as_array().unwrap().len(), 18);
    let server = report["servers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|server| server["name"] == "sqlite");
    let server = server.unwrap();
    assert_eq!(
        (&server["state"], &server["reason"]),
        (&"down".into(), &"exit".into())
    );
    assert_eq!(server["detail"], "exit 1: no database");
    assert!(server["duration_ms"].is_u64() && server["level"] == 0 && server["protocol"].is_null());
    assert_eq!(report["worktrees"][0]["test_status"], "unknown");
    for (name, code) in [("git", 0), ("sqlite", 1), ("jupyter", 2), ("nothing", 2)] {
        assert_eq!(lab.ask(&["lab", "check", name]).0, Some(code), "{name}");
    }
}

#[test]
fn jobs_can_be_run_by_hand() {
    let lab = Lab::new("lab-by-hand", "[lab]\nroot = \".\"\n");
    lab.script("git", "exit 0");
    let (code, told, log) = lab.ask(&["run-job", "lab_metrics_update"]);
    assert_eq!(code, Some(0), "{log}");
    assert!(
        told.contains("git") && told.contains("lab_metrics_update: success"),
        "{told}"
    );
    let (code, _, log) = lab.ask(&["run-job", "signal_check"]);
    assert_eq!(code, Some(0));
    assert!(log.contains("no strategy is built in yet"), "{log}");
    let (code, _, log) = lab.ask(&["run-job", "signal_chek"]);
    assert_eq!(code, Some(2));
    assert!(log.contains("signal_check"), "{log}");
}

#[test]
fn the_predecessors_test_mode_ends_by_itself() {
    let lab = Lab::new("lab-test-mode", "");
    let mut scheduler = lab.start(&["--test-mode", "--duration", "1"]);
    assert!(scheduler.ended().success(), "{}", scheduler.log());
    assert!(DEADLINE.as_secs() < 3600, "it did not take the default");
}

#[test]
fn the_exporter_of_the_lab_runs_no_other_job() {
    let lab = Lab::new("lab-exporter", "[lab]\nroot = \".\"\n");
    let mut scheduler = lab.start(&["lab-exporter"]);
    let addr = scheduler.metrics_addr();
    wait_for_sum(&addr, SWEPT, 1.0);
    let text = page(&addr);
    assert!(text.contains("job=\"lab_metrics_update\"") && !text.contains("job=\"signal_check\""));
}
