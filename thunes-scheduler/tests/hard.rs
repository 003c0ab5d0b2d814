//! Servers and scripts that are hard to be fair to, and hard to get rid of.
//!
//! Nothing here asserts how long a thing takes: where a limit matters, what is waited for would never come by itself.

mod fixture;

use fixture::{Workspace, is_alive, resident_mib, signal, wait_until};
use thunes_scheduler::lab::{Lab, Level, Reason, State};

/// Settings for servers that answer at once, on a machine that may be slow.
const PATIENT: &str = "mcp_files = [\".mcp.json\"]\nstart_timeout = \"20s\"\nping_timeout = \"5s\"";

fn open(lab: &Workspace, servers: &[&str], settings: &str) -> Lab {
    let paths: Vec<_> = servers.iter().map(|name| format!("./{name}.sh")).collect();
    let defined: Vec<_> = servers
        .iter()
        .copied()
        .zip(paths.iter().map(String::as_str))
        .collect();
    lab.define(&defined);
    lab.open(settings)
}

#[tokio::test]
async fn odd_ways_to_answer_are_answers() {
    let lab = Workspace::new("odd");
    let ways = [
        (
            "pieces",
            r#"printf %s "$answer" | head -c 20; sleep 0.05; printf '%s\n' "$answer" | tail -c +21"#,
        ),
        ("batches", r#"echo "[{\"method\":\"unasked\"},$answer]""#),
        ("late", r#"sleep 0.2; echo "$answer""#),
        (
            "noisy",
            r#"echo 'starting…'; printf '\377\376\n{"a":\n'; echo 17; echo null; echo "$answer""#,
        ),
        (
            "notifies",
            r#"echo '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}'; echo "$answer""#,
        ),
        (
            "wrong-ids",
            r#"echo '{"jsonrpc":"2.0","id":999,"result":{}}'; echo '{"jsonrpc":"2.0","id":"x","result":{}}'; echo "$answer""#,
        ),
        ("crlf", r#"printf '%s\r\n\r\n' "$answer""#),
        // It goes on once its own question is answered.
        (
            "asks",
            r#"echo '{"jsonrpc":"2.0","id":"mine","method":"ping"}'; read -r reply; case "$reply" in *'"mine"'*) echo "$answer";; esac"#,
        ),
    ];
    for (name, send) in ways {
        lab.odd_server(name, send);
    }
    let mut open = open(&lab, &ways.map(|(name, _)| name), PATIENT);
    for _ in 0..3 {
        let report = open.sweep().await;
        for (name, _) in ways {
            let server = lab.server(&report, name);
            assert_eq!(
                (server.state, server.level),
                (State::Up, Level::Tools),
                "{name}: {}",
                server.detail
            );
            assert_eq!(lab.lines(&format!("starts-{name}")), 1, "{name}");
        }
    }
}

#[tokio::test]
async fn what_answers_neither_era_is_down_for_its_reason() {
    let lab = Workspace::new("neither");
    let error = |code: &str| {
        format!(
            r#"echo "{{\"id\":$id,\"error\":{{\"code\":{code},\"message\":\"no\",\"data\":{{\"supported\":[\"2027-01-01\"]}}}}}}""#
        )
    };
    lab.odd_server("neither", &error("-32601"));
    lab.odd_server("newer", &error("-32022"));
    lab.odd_server("older", r#"echo "{\"id\":$id,\"result\":{\"protocolVersion\":\"2023-01-01\"}}" | sed 's/"id":1,"result".*/"id":1,"error":{"code":1}}/'"#);
    let mut open = open(&lab, &["neither", "newer", "older"], PATIENT);
    let report = open.sweep().await;
    for (name, reason, says) in [
        ("neither", Reason::RpcError, "initialize: error -32601"),
        ("newer", Reason::Version, "2027-01-01"),
        ("older", Reason::Version, "2023-01-01"),
    ] {
        let server = lab.server(&report, name);
        assert_eq!(
            (server.state, server.reason),
            (State::Down, Some(reason)),
            "{name}: {}",
            server.detail
        );
        assert!(server.detail.contains(says), "{name}: {}", server.detail);
    }
}

#[tokio::test]
async fn an_answer_to_a_ping_of_before_is_none_to_this_one() {
    let lab = Workspace::new("behind");
    // It is always one answer behind once it is up.
    lab.odd_server("behind", r#"case "$line" in *'"ping"'*) [ -e up ] && { echo "$last"; last=$answer; continue; }; touch up;; esac; echo "$answer""#);
    let mut open = open(
        &lab,
        &["behind"],
        "mcp_files = [\".mcp.json\"]\nping_timeout = \"500ms\"",
    );
    assert_eq!(lab.server(&open.sweep().await, "behind").state, State::Up);
    for _ in 0..2 {
        let report = open.sweep().await;
        assert_eq!(
            lab.server(&report, "behind").reason,
            Some(Reason::PingTimeout)
        );
    }
}

#[tokio::test]
async fn nothing_outlives_the_lab_whatever_it_did_to_stay() {
    let lab = Workspace::new("stay");
    let daemon = "setsid sh -c 'trap \"\" TERM HUP; (echo $$ > pid-NAME-far; exec setsid sleep 600) & echo $$ > pid-NAME-near; while true; do sleep 600; done' &";
    let wait = "while ! [ -s pid-NAME-near ] || ! [ -s pid-NAME-far ]; do sleep 0.01; done";
    let before = |name: &str| format!("trap '' TERM HUP; {daemon}\n{wait}").replace("NAME", name);
    lab.legacy_server("forks", &before("forks"));
    lab.legacy_server("dies", &format!("{}; exit 3", before("dies")));
    lab.script("stopped", "echo $$ > pid-stopped; kill -STOP $$");
    lab.script("forking", &format!("{}; exit 0", before("forking")));
    let mut open = open(
        &lab,
        &["forks", "dies"],
        &format!("{PATIENT}\nscript_timeout = \"10s\""),
    );
    let report = open.sweep().await;
    let state = |name| {
        (
            lab.server(&report, name).state,
            lab.server(&report, name).reason,
        )
    };
    assert_eq!(state("forks"), (State::Up, None));
    assert_eq!(state("dies"), (State::Down, Some(Reason::Exit)));
    assert_eq!(state("stopped"), (State::Down, Some(Reason::Timeout)));
    assert_eq!(state("forking"), (State::Up, None));
    let near_and_far = |name: &str| ["near", "far"].map(|end| lab.pid(&format!("{name}-{end}")));
    for pid in [near_and_far("dies"), near_and_far("forking")]
        .concat()
        .into_iter()
        .chain([lab.pid("stopped")])
    {
        wait_until("what ended to be gone", || !is_alive(pid)).await;
    }
    let kept = [&near_and_far("forks")[..], &[lab.pid("forks")]].concat();
    assert!(
        kept.iter().all(|pid| is_alive(*pid)),
        "a session is kept whole"
    );
    // Stopped, it sees neither its input's end nor a signal.
    signal(lab.pid("forks"), "STOP");
    open.close().await;
    for pid in kept {
        wait_until("all to be gone", || !is_alive(pid)).await;
    }
}

/// Floods standard error with so many bytes: by a script, and by a server that answers meanwhile.
async fn flood(name: &str, bytes: u64) {
    let lab = Workspace::new(name);
    let flood = format!("head -c {bytes} /dev/zero | tr '\\0' x >&2");
    lab.script(
        "script",
        &format!("{flood}; echo >&2; echo the end >&2; exit 3"),
    );
    lab.legacy_server("server", &format!("({flood}; touch done) &"));
    let settings = "mcp_files = [\".mcp.json\"]\nscript_timeout = \"2m\"\nstart_timeout = \"2m\"\nbound = \"2m\"\nping_timeout = \"1m\"";
    let mut open = open(&lab, &["server"], settings);
    let before = resident_mib();
    let report = open.sweep().await;
    assert_eq!(lab.server(&report, "script").detail, "exit 3: the end");
    assert_eq!(lab.server(&report, "server").state, State::Up);
    wait_until("the end of the flood", || lab.path("done").exists()).await;
    assert_eq!(lab.server(&open.sweep().await, "server").state, State::Up);
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 64, "{grown} MiB more");
}

#[tokio::test]
async fn a_flood_on_standard_error_is_swallowed() {
    flood("flood", 100_000_000).await;
}

mod full {
    #[tokio::test]
    async fn a_gigabyte_on_standard_error_is_swallowed() {
        super::flood("flood-gigabyte", 1_000_000_000).await;
    }
}
