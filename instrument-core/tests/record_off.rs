//! Without the feature `record` items come back untouched, and declared metrics do nothing.

use std::path::Path;
use std::process::Command;

/// Features are united over a build, so the user without the feature is built alone.
#[test]
fn a_user_without_the_feature_records_nothing() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is in the target directory");
    let output = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--offline",
            "--locked",
            "--package",
            "user-record-off",
        ])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
