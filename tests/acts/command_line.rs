//! What is typed wrong is answered in words that help, with exit code 2 and nothing left behind.

use std::fs;
use std::net::TcpListener;

use tests::{Folder, Running};

fn refused(args: &[&str]) -> String {
    refused_by(Running::daemon(args))
}

fn refused_by(mut daemon: Running) -> String {
    let status = daemon.ended();
    assert_eq!(status.code(), Some(2), "{}", daemon.log());
    assert_eq!(daemon.output(), "", "nothing was started");
    daemon.log()
}

#[test]
fn a_taken_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let log = refused(&["--metrics-port", &port]);
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains(&port) && log.contains("in use") && log.contains("--metrics-port"),
        "{log}"
    );
}

#[test]
fn wrong_flags_and_values_say_what_is_accepted() {
    for (args, part) in [
        (&["--metrics-prot", "1"][..], "--metrics-port"),
        (&["--pace", "fast"], "seconds, zero or more"),
        (&["--live", "--dry-run"], "cannot be used with"),
        (&["--live"], "EODHD_API_TOKEN"),
        (&["--symbol", "USDJPY"], "--vendor-url"),
        (&["--vendor-url", "ftp://x"], "http://HOST"),
        (&["--log-level", "sentinel=loud"], "--log-level"),
        (&["--risk-key-file", "/nowhere/key"], "/nowhere/key"),
        (&["serve-model", "--bind", "nowhere"], "--bind"),
    ] {
        let log = refused(args);
        assert!(log.contains(part), "{args:?}: {log}");
    }
}

#[test]
fn state_has_one_owner_and_a_place_of_its_own_for_each_gateway() {
    let home = Folder::new("xdg");
    let state_of = |folder: &str| format!("{}/sentinel-daemon/{folder}", home.path());
    let start = |args: &[&str]| Running::daemon_with(args, &[("XDG_STATE_HOME", home.path())]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);

    let mut gateway = start(&["paper-gateway", "--bind", &addr.to_string()]);
    let account = gateway.announced("account");
    let folder = state_of(&format!("127.0.0.1_{}", addr.port()));
    assert_eq!(account, format!("kept in {folder}"));
    let second = start(&[
        "paper-gateway",
        "--bind",
        "127.0.0.1:0",
        "--state-dir",
        &folder,
    ]);
    let refusal = refused_by(second);
    assert!(
        refusal.contains(&folder) && refusal.contains("--state-dir"),
        "{refusal}"
    );

    let port = addr.port().to_string();
    let args = [
        "--gtw-port",
        &port,
        "--metrics-port",
        "0",
        "--pace",
        "0",
        "--cycles",
        "9",
    ];
    assert!(start(&args).ended().success());
    assert!(
        fs::exists(format!("{folder}/orders.json")).unwrap(),
        "an order was noted"
    );

    let mut embedded = start(&["--metrics-port", "0", "--pace", "0", "--cycles", "9"]);
    assert!(embedded.ended().success());
    let kept = fs::read_dir(state_of("")).unwrap().count();
    assert_eq!(
        kept, 1,
        "an embedded gateway's account ends with the process"
    );
}

#[test]
fn flags_may_follow_the_word_run() {
    let mut daemon =
        Running::daemon(&["run", "--metrics-port", "0", "--cycles", "1", "--pace", "0"]);
    assert!(daemon.ended().success(), "{}", daemon.log());
}
