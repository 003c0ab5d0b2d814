//! Every metric of each program's catalogue, and the run that moves it: one that no row names fails, and so does one that
//! stands still in its run. The daemon's trading runs are in `metrics`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use instrument_core::Samples;
use tests::lab::Lab;
use tests::{Running, scrape, wait_for_sum, wait_until};

use crate::catalogue::{catalogue, names};
use crate::metrics::has_moved;

/// Moved by a LAB with servers and worktrees in every state, in either program.
const LAB: [&str; 29] = [
    "job_duration_seconds",
    "job_last_success_timestamp_seconds",
    "job_next_run_timestamp_seconds",
    "job_runs_total",
    "job_skips_total",
    "lab_mcp_check_duration_seconds",
    "lab_mcp_check_failures_total",
    "lab_mcp_protocol_info",
    "lab_mcp_server_damped_health",
    "lab_mcp_server_health",
    "lab_mcp_server_last_check_timestamp_seconds",
    "lab_mcp_server_level",
    "lab_mcp_server_state",
    "lab_metrics_collection_duration_seconds",
    "lab_metrics_collection_errors_total",
    "lab_worktree_branch_info",
    "lab_worktree_commits_ahead",
    "lab_worktree_commits_behind",
    "lab_worktree_dirty_files",
    "lab_worktree_last_commit_age_seconds",
    "lab_worktree_status",
    "lab_worktree_test_status",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];

/// What each page tells of itself, moved by any run.
const PAGE: [&str; 6] = [
    "instrument_build_info",
    "instrument_clock_info",
    "instrument_family_series",
    "instrument_scrape_bytes",
    "instrument_scrape_duration_seconds",
    "instrument_sites",
];

/// Moved by the scheduler only: a missed day, and configurations that are taken over.
const SCHEDULER: [&str; 3] = [
    "job_misfires_total",
    "thunes_config_last_reload_success_timestamp_seconds",
    "thunes_config_last_reload_successful",
];

/// Faults of a program or of this framework, which a sound program never has; each is provoked in a test of
/// `instrument-core`. All runs check that they stand at zero.
const FAULTS: [&str; 5] = [
    "instrument_compute_panics_total",
    "instrument_conflicts_total",
    "instrument_invalid_samples_total",
    "instrument_label_overflow_total",
    "instrument_overflow_threads_total",
];

/// An MCP server over stdio, in the older of the protocol's eras.
const SERVER: &str = r#"while read -r line; do
    id=$(printf %s "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    case "$line" in
        *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}';;
        *'"tools/list"'*) result='{"tools":[{"name":"t","inputSchema":{}}]}';;
        *) result='{}';;
    esac
    [ -z "$id" ] || echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$result}"
done"#;

/// A LAB in which everything is to be seen: a server that speaks the protocol, one that is up, one that is down, one that
/// takes longer than the interval, a definition that cannot be read, and a worktree that has left its upstream.
fn varied(name: &str) -> Lab {
    let config = "[lab]\nroot = \".\"\ninterval = \"300ms\"\nmcp_files = [\"mcp.json\", \"broken.json\"]\n\
        [[lab.worktree]]\nname = \"dev\"\npath = \"dev\"\ngit = true\n";
    let lab = Lab::new(name, config);
    lab.script("git", "exit 0");
    lab.script("sqlite", "exit 1");
    lab.script("slow", "sleep 1");
    lab.executable("server.sh", SERVER);
    lab.file(
        "mcp.json",
        r#"{"mcpServers": {"server": {"command": "./server.sh"}}}"#,
    );
    lab.file("broken.json", "{");
    let path = |name: &str| {
        lab.path(name)
            .to_str()
            .expect("the path is text")
            .to_owned()
    };
    let (upstream, dev) = (path("upstream"), path("dev"));
    commit(&["init", "-q", "-b", "main", &upstream]);
    commit(&[
        "-C",
        &upstream,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "first",
    ]);
    commit(&["clone", "-q", &upstream, &dev]);
    commit(&[
        "-C",
        &upstream,
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "theirs",
    ]);
    commit(&["-C", &dev, "fetch", "-q"]);
    commit(&["-C", &dev, "commit", "-q", "--allow-empty", "-m", "ours"]);
    lab.file("dev/.worktree", "status=blocked\ntest_status=failing\n");
    lab
}

/// Runs git without the machine's settings, a minute ago.
fn commit(args: &[&str]) {
    let mut git = Command::new("git");
    for (key, value) in [
        ("NAME", "a"),
        ("EMAIL", "a@localhost"),
        ("DATE", "2026-11-22T12:00:00Z"),
    ] {
        git.env(format!("GIT_AUTHOR_{key}"), value)
            .env(format!("GIT_COMMITTER_{key}"), value);
    }
    git.env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    let output = git.args(args).output().expect("git is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Waits until every one of these families has moved.
fn all_move(program: &mut Running, families: &[&[&str]]) {
    let addr = program.metrics_addr();
    wait_for_sum(&addr, "job_skips_total", 1.0);
    wait_until("every family to move", || {
        let samples = scrape(&addr);
        let standing = families
            .concat()
            .into_iter()
            .find(|family| !has_moved(&samples, family));
        standing.map_or(Ok(()), Err)
    });
    no_faults(&scrape(&addr));
}

/// A program that is sound has none of the faults.
pub(crate) fn no_faults(samples: &Samples) {
    for family in FAULTS {
        assert!(!has_moved(samples, family), "{family}");
    }
}

#[test]
fn a_scheduler_with_a_varied_lab_moves_its_families() {
    let lab = varied("moves-scheduler");
    // Its day was missed while nobody ran.
    let state = lab.path("thunes.state");
    fs::create_dir_all(&state).expect("a folder can be made");
    fs::write(
        state.join("daily_summary.json"),
        r#"{"watched": "2026-01-01T00:00:00Z"}"#,
    )
    .expect("a file can be written");
    all_move(&mut lab.start(&[]), &[&LAB, &PAGE, &SCHEDULER]);
}

#[test]
fn a_daemon_with_a_varied_lab_moves_its_families() {
    let lab = varied("moves-daemon");
    all_move(&mut lab.start_daemon("1"), &[&LAB, &PAGE]);
}

/// Fails for a metric that no run moves, and for a row that has no metric any more.
fn is_walked(program: &str, rows: &[&[&str]]) {
    let catalogue = catalogue(program);
    let all: BTreeSet<_> = names(&catalogue).into_iter().collect();
    let rows: BTreeSet<_> = rows.concat().into_iter().collect();
    let unmoved: Vec<_> = all.difference(&rows).collect();
    assert!(
        unmoved.is_empty(),
        "no scenario moves {unmoved:?} of {program}: write one, and give it a row in acts/moves.rs or acts/metrics.rs"
    );
    let gone: Vec<_> = rows.difference(&all).collect();
    assert!(gone.is_empty(), "{program} has no {gone:?} any more");
}

#[test]
fn every_metric_of_the_scheduler_is_moved_by_a_scenario() {
    is_walked("thunes-scheduler", &[&LAB, &PAGE, &SCHEDULER, &FAULTS[1..]]);
}

#[test]
fn every_metric_of_the_daemon_is_moved_by_a_scenario() {
    let trading = crate::metrics::families();
    is_walked(
        "sentinel-daemon",
        &[&trading, &LAB, &PAGE, &SCHEDULER, &FAULTS],
    );
}
