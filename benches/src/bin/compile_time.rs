//! What annotating costs the compiler: a crate of 1,000 trivial functions, bare, with a guard by hand, with ours and with
//! rivals' attributes.
//!
//! Each kind is a crate of its own under `target/compile_time`. Dependencies are built first and not counted; then each
//! round touches and rebuilds every kind once, so that all of them meet the same weather. Printed are the medians,
//! and the ratio of medians to tracing's `#[instrument]`.
//!
//! `cargo run --release --bin compile_time -- [functions] [rounds]`

use std::error::Error;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

/// A crate that does the same work in its own way. `CORE` stands for our folder.
struct Kind {
    name: &'static str,
    dependencies: &'static str,
    /// What stands before the functions, and after them.
    around: [&'static str; 2],
    /// What stands before each function, and in it before its body.
    attribute: &'static str,
    guard: &'static str,
    /// Where they are methods: what they are called on, and their first argument.
    receiver: [&'static str; 2],
}

const PLAIN: Kind = Kind {
    name: "none",
    dependencies: "",
    around: ["", ""],
    attribute: "",
    guard: "",
    receiver: ["", ""],
};

const KINDS: [Kind; 8] = [
    PLAIN,
    Kind {
        name: "guard",
        around: [
            "static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);\n\
             struct Guard(std::time::Instant);\n\
             impl Drop for Guard { fn drop(&mut self) {\n\
             CALLS.fetch_add(self.0.elapsed().as_nanos() as u64, std::sync::atomic::Ordering::Relaxed);\n} }",
            "",
        ],
        guard: "let _guard = Guard(std::time::Instant::now());",
        ..PLAIN
    },
    Kind {
        name: "ours",
        dependencies: "instrument-core = { path = \"CORE\" }",
        attribute: "#[instrument_core::timed]",
        ..PLAIN
    },
    Kind {
        name: "tracing",
        dependencies: "tracing = \"=0.1.44\"",
        attribute: "#[tracing::instrument]",
        ..PLAIN
    },
    Kind {
        name: "fastrace",
        dependencies: "fastrace = { version = \"=0.7.19\", features = [\"enable\"] }",
        attribute: "#[fastrace::trace]",
        ..PLAIN
    },
    Kind {
        name: "hotpath",
        dependencies: "hotpath = { version = \"=0.30.3\", features = [\"hotpath\"] }",
        attribute: "#[hotpath::measure]",
        ..PLAIN
    },
    Kind {
        name: "autometrics",
        dependencies: "autometrics = { version = \"=3.0.0\", features = [\"prometheus\"] }",
        attribute: "#[autometrics::autometrics]",
        ..PLAIN
    },
    Kind {
        name: "metered",
        dependencies: "metered = \"=0.9.0\"\nserde = { version = \"1\", features = [\"derive\"] }",
        around: [
            "use metered::{HitCount, ResponseTime, metered};\n\
             #[derive(Default, Debug)]\npub struct Service { pub metrics: Metrics }\n\
             #[metered(registry = Metrics)]\nimpl Service {",
            "}",
        ],
        attribute: "#[measure([HitCount, ResponseTime])]",
        receiver: ["service.", "&self, "],
        ..PLAIN
    },
];

/// The two builds that are timed.
const BUILDS: [(&str, &[&str]); 2] = [
    ("check", &["check", "--quiet"]),
    ("release", &["build", "--release", "--quiet"]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let functions: usize = args.next().map_or(Ok(1_000), |text| text.parse())?;
    let rounds: usize = args.next().map_or(Ok(9), |text| text.parse())?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/compile_time");
    for kind in &KINDS {
        write_crate(&root, kind, functions)?;
        for (_, args) in BUILDS {
            build(&root.join(kind.name), args)?;
        }
    }
    let mut times = vec![[const { Vec::new() }; BUILDS.len()]; KINDS.len()];
    for _ in 0..rounds {
        for (kind, times) in KINDS.iter().zip(&mut times) {
            let folder = root.join(kind.name);
            for ((_, args), times) in BUILDS.iter().zip(times) {
                File::options()
                    .append(true)
                    .open(folder.join("src/lib.rs"))?
                    .set_modified(SystemTime::now())?;
                times.push(build(&folder, args)?);
            }
        }
    }
    print(functions, rounds, times);
    Ok(())
}

/// A library with the functions, and one that calls them all, so that none is left out.
fn write_crate(root: &Path, kind: &Kind, functions: usize) -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = root.join(kind.name);
    fs::create_dir_all(folder.join("src"))?;
    let core = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../instrument-core")
        .canonicalize()?;
    let dependencies = kind
        .dependencies
        .replace("CORE", &core.display().to_string());
    let name = kind.name;
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[workspace]\n[package]\nname = \"{name}-kind\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependencies}\n"
        ),
    )?;
    let (
        Kind {
            attribute, guard, ..
        },
        [before, after],
        [of, this],
    ) = (kind, kind.around, kind.receiver);
    let mut source = format!("#![allow(warnings)]\n{before}\n");
    for i in 0..functions {
        writeln!(
            source,
            "{attribute}\n#[inline(never)]\n\
             pub fn f{i:04}({this}x: u64) -> u64 {{ {guard} x.wrapping_mul(31).wrapping_add({i}) }}",
        )?;
    }
    let argument = if of.is_empty() {
        ""
    } else {
        "service: &Service, "
    };
    writeln!(
        source,
        "{after}\npub fn all({argument}mut x: u64) -> u64 {{"
    )?;
    for i in 0..functions {
        writeln!(source, "    x = {of}f{i:04}(x);")?;
    }
    source.push_str("    x\n}\n");
    fs::write(folder.join("src/lib.rs"), source)?;
    Ok(())
}

fn build(folder: &Path, args: &[&str]) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let target = folder.join("target");
    let status = Command::new("cargo")
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .status()?;
    if !status.success() {
        return Err(format!("{} does not build", folder.display()).into());
    }
    Ok(start.elapsed())
}

fn print(functions: usize, rounds: usize, mut times: Vec<[Vec<Duration>; BUILDS.len()]>) {
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let medians: Vec<[f64; BUILDS.len()]> = times
        .iter_mut()
        .map(|builds| std::array::from_fn(|i| median(&mut builds[i])))
        .collect();
    let tracing = KINDS
        .iter()
        .position(|kind| kind.name == "tracing")
        .expect("tracing is among the kinds");
    println!("{functions} functions, median of {rounds} interleaved rounds, seconds (x tracing)\n");
    println!(
        "| kind | {} | {} |\n| --- | --- | --- |",
        BUILDS[0].0, BUILDS[1].0
    );
    for (kind, row) in KINDS.iter().zip(&medians) {
        let cell = |i: usize| format!("{:.2} ({:.2})", row[i], row[i] / medians[tracing][i]);
        println!("| {} | {} | {} |", kind.name, cell(0), cell(1));
    }
}
