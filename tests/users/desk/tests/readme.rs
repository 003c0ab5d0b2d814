//! The README's program prints what the README says.

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_program_prints_what_the_readme_says() {
    prints_what_the_readme_says(Path::new(env!("CARGO_BIN_EXE_desk")));
}

mod full {
    use super::*;

    /// The sites are listed by the linker, so the program that a linker has shrunk must still list them all.
    #[test]
    fn so_does_the_program_after_link_time_optimisation() {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lto");
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--offline",
                "--locked",
                "--release",
                "--package",
                "desk",
            ])
            .args([
                "--config",
                "profile.release.lto=\"fat\"",
                "--config",
                "profile.release.codegen-units=1",
            ])
            .args([
                "--config",
                "profile.release.strip=true",
                "--config",
                "profile.release.panic=\"abort\"",
            ])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "{built}");
        prints_what_the_readme_says(&target.join("release/desk"));
    }
}

fn prints_what_the_readme_says(program: &Path) {
    let output = Command::new(program)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", output.status);
    let printed = String::from_utf8_lossy(&output.stdout);
    let promised = include_str!(concat!(env!("OUT_DIR"), "/page.txt"));
    assert!(promised.lines().count() > 5);
    for line in promised.lines() {
        assert!(
            printed.lines().any(|other| other == line),
            "{line} is not in\n{printed}"
        );
    }
    assert!(printed.contains("http://127.0.0.1:"), "{printed}");
}
