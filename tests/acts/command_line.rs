//! What is typed wrong is answered in words that help, with exit code 2 and nothing left behind.

use std::net::TcpListener;

use tests::Running;

fn refused(args: &[&str]) -> String {
    let mut daemon = Running::daemon(args);
    let status = daemon.ended();
    assert_eq!(status.code(), Some(2), "{args:?}: {}", daemon.log());
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
fn flags_may_follow_the_word_run() {
    let mut daemon =
        Running::daemon(&["run", "--metrics-port", "0", "--cycles", "1", "--pace", "0"]);
    assert!(daemon.ended().success(), "{}", daemon.log());
}
