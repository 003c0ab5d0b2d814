//! Our features against pandas', on real bars.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::*;
use crate::history;

/// What `golden/features.py` writes.
#[derive(Deserialize)]
struct Golden {
    names: Vec<String>,
    rows: Vec<Vec<Row>>,
}

fn by_pandas(windows: &[&[Bar]]) -> Golden {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/features.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(windows).unwrap();
    // Dropped at the end of the line, which ends the input.
    python.stdin.take().unwrap().write_all(&text).unwrap();
    let said = python.wait_with_output().unwrap();
    assert!(
        said.status.success(),
        "python3 needs pandas: {}",
        said.status
    );
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
#[ignore = "needs pandas"]
fn every_feature_is_what_pandas_makes_of_the_same_bars() {
    let history = history::eurusd();
    let windows: Vec<_> = (LOOKBACK..history.len())
        .step_by(97)
        .map(|end| &history[end - LOOKBACK..end])
        .collect();
    let golden = by_pandas(&windows);
    assert_eq!(golden.names, NAMES);
    assert_eq!(golden.rows.len(), windows.len());
    for (window, rows) in windows.iter().zip(&golden.rows) {
        let ours = build(window).unwrap();
        assert_eq!(ours.sequence.len(), rows.len());
        for (index, (ours, theirs)) in ours.sequence.iter().zip(rows).enumerate() {
            for (name, (ours, theirs)) in NAMES.iter().zip(ours.iter().zip(theirs)) {
                // pandas' rolling sums are updated in place and drift in the last digits.
                let near = (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-3);
                assert!(near, "bar {index}, {name}: {ours}, pandas has {theirs}");
            }
        }
    }
}
