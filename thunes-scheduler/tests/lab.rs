//! The LAB with real processes: health scripts and small servers, written by the tests into a folder of their own.
//!
//! Nothing here asserts how long a thing takes: where a limit matters, what is waited for would never come by itself.

mod fixture;

use std::time::Duration;

use fixture::{Workspace, is_alive, wait_until};
use thunes_scheduler::lab::{Level, Reason, State};

#[tokio::test]
async fn health_scripts_mean_what_they_meant_to_the_predecessor() {
    let lab = Workspace::new("meanings");
    lab.script("git", "exit 0");
    lab.script("sqlite", "echo no database >&2; exit 1");
    lab.script("github", "exit 2");
    lab.file("bin/mcp-fetch-health", "#!/bin/sh\nexit 0\n", false);
    lab.file("bin/mcp-openapi-health", "no program", true);
    let report = lab.open("").sweep().await;
    assert_eq!(report.servers.len(), 18, "all of the predecessor's");
    assert_eq!(report.worktrees.len(), 5);
    let of = |name| lab.server(&report, name);
    assert_eq!(of("git").state, State::Up);
    let sqlite = of("sqlite");
    assert_eq!(
        (sqlite.state, sqlite.reason),
        (State::Down, Some(Reason::Exit))
    );
    assert!(
        sqlite.detail.contains("exit 1: no database"),
        "{}",
        sqlite.detail
    );
    assert_eq!(of("github").state, State::NotConfigured);
    assert_eq!(of("jupyter").state, State::NotConfigured, "no script");
    for name in ["fetch", "openapi"] {
        let server = of(name);
        assert_eq!(
            server.reason,
            Some(Reason::Spawn),
            "{name}: {}",
            server.detail
        );
    }
}

#[tokio::test]
async fn eighteen_checks_that_hang_wait_side_by_side() {
    let lab = Workspace::new("hang");
    for i in 0..18 {
        // Each waits until all have started, and then for ever: one after another, none but the last would see the others.
        lab.script(
            &format!("s{i}"),
            "touch started-$$; while [ $(ls | grep -c started-) -lt 18 ]; do sleep 0.05; done; touch together-$$; sleep 600",
        );
    }
    let report = lab.open("script_timeout = \"10s\"").sweep().await;
    assert_eq!(report.count(State::Down), 18);
    assert!(
        report
            .servers
            .iter()
            .all(|server| server.reason == Some(Reason::Timeout))
    );
    assert_eq!(lab.count("together-"), 18, "all were alive at once");
}

#[tokio::test]
async fn grandchildren_that_hold_the_pipes_delay_no_result_and_do_not_outlive_it() {
    let lab = Workspace::new("grandchildren");
    lab.script("holds", "sleep 600 & echo $! > pid-holds; exit 0");
    lab.script("leaves", "setsid sh -c 'echo $$ > pid-leaves; exec sleep 600' & while ! [ -s pid-leaves ]; do sleep 0.01; done; exit 0");
    lab.script(
        "stubborn",
        "trap '' TERM; (trap '' TERM; setsid sleep 600 & echo $! > pid-stubborn; wait); sleep 600",
    );
    let mut open = lab.open("script_timeout = \"2s\"");
    let report = open.sweep().await;
    assert_eq!(lab.server(&report, "holds").state, State::Up);
    assert_eq!(lab.server(&report, "leaves").state, State::Up);
    assert_eq!(
        lab.server(&report, "stubborn").reason,
        Some(Reason::Timeout)
    );
    for name in ["holds", "leaves", "stubborn"] {
        let pid = lab.pid(name);
        wait_until(name, || !is_alive(pid)).await;
    }
}

#[tokio::test]
async fn the_bound_of_a_sweep_ends_what_its_own_limit_has_not() {
    let lab = Workspace::new("bound");
    lab.script("hangs", "sleep 600");
    lab.script("works", "exit 0");
    let report = lab
        .open("script_timeout = \"5m\"\nbound = \"1s\"")
        .sweep()
        .await;
    let hangs = lab.server(&report, "hangs");
    assert_eq!(
        (hangs.state, hangs.reason),
        (State::Down, Some(Reason::Bound))
    );
    assert_eq!(lab.server(&report, "works").state, State::Up);
}

#[tokio::test]
async fn what_is_not_configured_is_not_executed_until_its_script_changes() {
    let lab = Workspace::new("cache");
    lab.script("lazy", "echo run >> runs-lazy; exit 2");
    lab.script("busy", "echo run >> runs-busy; exit 0");
    let mut open = lab.open("");
    for _ in 0..3 {
        assert_eq!(
            lab.server(&open.sweep().await, "lazy").state,
            State::NotConfigured
        );
    }
    assert_eq!((lab.lines("runs-lazy"), lab.lines("runs-busy")), (1, 3));
    lab.script("lazy", "exit 0");
    assert_eq!(lab.server(&open.sweep().await, "lazy").state, State::Up);
    lab.remove("bin/mcp-lazy-health");
    assert_eq!(
        lab.server(&open.sweep().await, "lazy").state,
        State::NotConfigured
    );
}

#[tokio::test]
async fn an_up_is_cached_where_that_is_configured() {
    let lab = Workspace::new("cache-up");
    lab.script("busy", "echo run >> runs-busy; exit 0");
    lab.script("broken", "echo run >> runs-broken; exit 1");
    let mut open = lab.open("cache_up = \"5m\"");
    for _ in 0..3 {
        open.sweep().await;
    }
    assert_eq!((lab.lines("runs-busy"), lab.lines("runs-broken")), (1, 3));
}

#[tokio::test]
async fn a_server_of_either_era_is_kept_and_pinged() {
    let lab = Workspace::new("eras");
    lab.legacy_server("old", "");
    lab.modern_server("new");
    lab.define(&[("old", "./old.sh"), ("new", "./new.sh")]);
    let mut open = lab.open("mcp_files = [\".mcp.json\"]");
    for sweep in 1..=3 {
        let report = open.sweep().await;
        for (name, protocol) in [("old", "2025-06-18"), ("new", "2026-07-28")] {
            let server = lab.server(&report, name);
            assert_eq!(
                (server.state, server.level),
                (State::Up, Level::Tools),
                "{name} {sweep}: {}",
                server.detail
            );
            assert_eq!(server.protocol.as_deref(), Some(protocol));
        }
    }
    assert_eq!(
        (lab.lines("starts-old"), lab.lines("starts-new")),
        (1, 1),
        "one process for all sweeps"
    );
    open.close().await;
    for name in ["old", "new"] {
        let pid = lab.pid(name);
        assert!(!is_alive(pid), "{name}");
    }
}

#[tokio::test]
async fn noise_and_late_and_partial_answers_are_told_apart() {
    let lab = Workspace::new("noise");
    lab.legacy_server(
        "noisy",
        "echo 'hello, I am a server'; echo '{\"jsonrpc\":\"2.0\",\"method\":\"unasked\"}'",
    );
    lab.file(
        "babbles.sh",
        "#!/bin/sh\nwhile read line; do echo 'not json'; done\n",
        true,
    );
    lab.file(
        "silent.sh",
        "#!/bin/sh\nwhile read line; do :; done\n",
        true,
    );
    lab.file(
        "partial.sh",
        "#!/bin/sh\nread line; printf '{\"jsonrpc\":\"2.0\",\"id\":1,'; sleep 600\n",
        true,
    );
    lab.file(
        "dies.sh",
        "#!/bin/sh\necho cannot go on >&2; exit 9\n",
        true,
    );
    let names = ["noisy", "babbles", "silent", "partial", "dies"];
    lab.define(
        &names
            .map(|name| (name, format!("./{name}.sh")))
            .each_ref()
            .map(|(name, path)| (*name, path.as_str())),
    );
    let settings = "mcp_files = [\".mcp.json\"]\nstart_timeout = \"2s\"\nping_timeout = \"500ms\"";
    let report = lab.open(settings).sweep().await;
    let reason = |name| lab.server(&report, name).reason;
    let noisy = lab.server(&report, "noisy");
    assert_eq!(noisy.state, State::Up);
    assert!(
        noisy
            .detail
            .contains("1 lines on its output are no messages"),
        "{}",
        noisy.detail
    );
    assert_eq!(reason("babbles"), Some(Reason::BadJson));
    assert_eq!(reason("silent"), Some(Reason::StartTimeout));
    assert_eq!(reason("partial"), Some(Reason::StartTimeout));
    assert_eq!(reason("dies"), Some(Reason::Exit));
    assert!(
        lab.server(&report, "dies")
            .detail
            .contains("exit 9: cannot go on")
    );
}

#[tokio::test]
async fn a_server_within_its_start_timeout_is_starting_and_then_up() {
    let lab = Workspace::new("starting");
    lab.legacy_server("slow", "while ! [ -e go ]; do sleep 0.02; done");
    lab.define(&[("slow", "./slow.sh")]);
    let mut open =
        lab.open("mcp_files = [\".mcp.json\"]\nbound = \"500ms\"\nstart_timeout = \"60s\"");
    assert_eq!(
        lab.server(&open.sweep().await, "slow").state,
        State::Starting
    );
    lab.file("go", "", false);
    let mut last = State::Starting;
    while last == State::Starting {
        last = lab.server(&open.sweep().await, "slow").state;
    }
    assert_eq!(last, State::Up);
    assert_eq!(lab.lines("starts-slow"), 1);
}

#[tokio::test]
async fn a_stopped_server_is_down_and_started_anew() {
    let lab = Workspace::new("stopped");
    lab.legacy_server("server", "");
    lab.define(&[("server", "./server.sh")]);
    let mut open = lab.open("mcp_files = [\".mcp.json\"]\nping_timeout = \"500ms\"");
    assert_eq!(lab.server(&open.sweep().await, "server").state, State::Up);
    let pid = lab.pid("server");
    fixture::signal(pid, "STOP");
    for _ in 0..2 {
        let report = open.sweep().await;
        assert_eq!(
            lab.server(&report, "server").reason,
            Some(Reason::PingTimeout)
        );
    }
    wait_until("the stopped server to end", || !is_alive(pid)).await;
    let mut state = State::Down;
    while state == State::Down {
        tokio::time::sleep(Duration::from_millis(100)).await;
        state = lab.server(&open.sweep().await, "server").state;
    }
    assert_eq!(state, State::Up);
}

#[tokio::test]
async fn cold_servers_are_not_kept() {
    let lab = Workspace::new("cold");
    lab.legacy_server("server", "");
    lab.define(&[("server", "./server.sh")]);
    let mut open = lab.open("mcp_files = [\".mcp.json\"]\ncold = \"10m\"");
    for _ in 0..2 {
        assert_eq!(lab.server(&open.sweep().await, "server").state, State::Up);
    }
    let pid = lab.pid("server");
    wait_until("the server to end", || !is_alive(pid)).await;
    assert_eq!(lab.lines("starts-server"), 1);
}

#[tokio::test]
async fn files_of_servers_are_read_again_when_they_change_and_bad_ones_change_nothing() {
    let lab = Workspace::new("files");
    lab.legacy_server("one", "");
    lab.legacy_server("two", "");
    lab.define(&[("one", "./one.sh")]);
    let mut open = lab.open("mcp_files = [\".mcp.json\"]");
    open.sweep().await;
    let one = lab.pid("one");
    lab.file(".mcp.json", "{", false);
    let report = open.sweep().await;
    assert_eq!((report.servers.len(), report.errors), (1, 1));
    assert!(is_alive(one));
    lab.define(&[("two", "./two.sh")]);
    let report = open.sweep().await;
    assert_eq!(report.servers[0].name, "two");
    wait_until("the removed server to end", || !is_alive(one)).await;
}

#[tokio::test]
async fn secrets_are_never_told() {
    let lab = Workspace::new("secrets");
    lab.file(
        "complains.sh",
        "#!/bin/sh\necho \"bad key $1\" >&2; exit 1\n",
        true,
    );
    let path = std::env::var("PATH").unwrap();
    lab.file(
        ".mcp.json",
        r#"{"mcpServers": {"a": {"command": "./complains.sh", "args": ["${PATH}"]}}}"#,
        false,
    );
    let report = lab.open("mcp_files = [\".mcp.json\"]").sweep().await;
    let detail = &report.servers[0].detail;
    assert!(
        detail.contains("bad key ***") && !detail.contains(&path),
        "{detail}"
    );
}

#[tokio::test]
async fn worktrees_are_read_side_by_side_with_their_real_state() {
    let lab = Workspace::new("worktrees");
    lab.file(
        "dev/.worktree",
        "status=\"testing\"\ntest_status=failing\n",
        false,
    );
    lab.file("dev/junit.xml", "<testsuite><testcase/></testsuite>", false);
    lab.file("odd/.worktree", "status=asleep\n", false);
    fixture::git(
        lab.path("dev"),
        &["init", "--quiet", "--initial-branch=main"],
    );
    fixture::git(
        lab.path("dev"),
        &[
            "-c",
            "user.name=a",
            "-c",
            "user.email=b",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "x",
        ],
    );
    let worktrees = "[[lab.worktree]]\nname = \"dev\"\npath = \"dev\"\ngit = true\njunit = \"junit.xml\"\n\
                     [[lab.worktree]]\nname = \"odd\"\npath = \"odd\"\n[[lab.worktree]]\nname = \"none\"\npath = \"none\"\n";
    let report = lab.open(worktrees).sweep().await;
    let json = serde_json::to_value(&report).unwrap();
    let [dev, none, odd] = [0, 1, 2].map(|i| json["worktrees"][i].clone());
    assert_eq!(
        (dev["status"].as_str(), dev["test_status"].as_str()),
        (Some("testing"), Some("passing"))
    );
    assert_eq!(
        (dev["git"]["branch"].as_str(), dev["git"]["dirty"].as_u64()),
        (Some("main"), Some(2))
    );
    assert_eq!(
        (none["status"].as_str(), none["test_status"].as_str()),
        (Some("working"), Some("unknown"))
    );
    assert!(odd["detail"].as_str().unwrap().contains("asleep"));
    assert_eq!(report.errors, 1);
}
