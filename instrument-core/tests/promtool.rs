//! An independent tool reads a page on which everything is ours. In a process of its own: other tests put other crates'
//! metrics on their page, which have no help.

use std::io::Write;
use std::process::{Command, Stdio};

use instrument_core::{metrics, timed};

metrics! {
    /// Orders sent.
    static ORDERS: Counter = "page_orders_total";
    /// What the broker said last.
    static SPREAD: Histogram = "page_spread_ratio", buckets = [0.1, 0.5];
}

#[timed]
fn probe() {}

/// The program is looked up in the path, or given by `PROMTOOL`.
#[test]
#[ignore = "needs promtool"]
fn promtool_finds_nothing_on_a_page_of_our_own() {
    let exporter = instrument_core::install().expect("there are no conflicts");
    probe();
    ORDERS.inc();
    SPREAD.observe(0.2);
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by ./test.sh");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(exporter.render().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
