//! How many instructions a call takes to record, the clock subtracted. It repeats, so CI gates on it.
//!
//! `cargo run --release --no-default-features --bin instructions -- [--gate N]`. Needs valgrind. Each variant runs under
//! callgrind at two numbers of calls, and the difference is what its calls cost; under callgrind the TSC is hidden and
//! the clock is the system's, which is why its own pair of reads is subtracted.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use instrument_core::{counted, timed};

static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

#[inline(never)]
fn clock_pair(x: u64) -> u64 {
    let clock = &*CLOCK;
    let start = clock.raw();
    let result = black_box(x) + 1;
    black_box(clock.raw().saturating_sub(start));
    result
}

#[timed("bench_result")]
#[inline(never)]
fn result(x: u64) -> Result<u64, String> {
    if x == 0 {
        Err(String::new())
    } else {
        Ok(black_box(x) + 1)
    }
}

#[counted("bench_counted", outcome = false)]
#[inline(never)]
fn count(x: u64) -> u64 {
    black_box(x) + 1
}

#[timed("bench_disabled")]
#[inline(never)]
fn disabled(x: u64) -> Result<u64, String> {
    if x == 0 {
        Err(String::new())
    } else {
        Ok(black_box(x) + 1)
    }
}

/// The variants, and how many clock reads each makes.
const VARIANTS: [(&str, fn(u64), bool); 4] = [
    (
        "clock pair",
        |calls| {
            for _ in 0..calls {
                let _ = black_box(clock_pair(black_box(1)));
            }
        },
        true,
    ),
    (
        "#[timed] -> Result",
        |calls| {
            for _ in 0..calls {
                let _ = black_box(result(black_box(1)));
            }
        },
        true,
    ),
    (
        "#[counted]",
        |calls| {
            for _ in 0..calls {
                let _ = black_box(count(black_box(1)));
            }
        },
        false,
    ),
    (
        "disabled",
        |calls| {
            for _ in 0..calls {
                let _ = black_box(disabled(black_box(1)));
            }
        },
        false,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, variant, calls] = args.as_slice()
        && word == "run"
    {
        let exporter = instrument_core::install().expect("our metrics do not conflict");
        exporter.set_enabled("bench_disabled*", false);
        LazyLock::force(&CLOCK);
        let (_, run, _) = VARIANTS[variant.parse::<usize>().expect("the number of a variant")];
        collected_region(run, calls.parse().expect("a number of calls"));
        return ExitCode::SUCCESS;
    }
    let gate: Option<u64> = match args.as_slice() {
        [word, most] if word == "--gate" => Some(most.parse().expect("a number of instructions")),
        _ => None,
    };
    let costs: Vec<u64> = (0..VARIANTS.len()).map(instructions).collect();
    println!("| variant | instructions a call | without the clock |\n| --- | --- | --- |");
    for ((name, _, timed), cost) in VARIANTS.iter().zip(&costs) {
        println!(
            "| {name} | {cost} | {} |",
            cost.saturating_sub(if *timed { costs[0] } else { 0 })
        );
    }
    let recording = costs[1].saturating_sub(costs[0]);
    match gate {
        Some(most) if recording > most => {
            eprintln!("recording takes {recording} instructions, at most {most} are accepted");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Instructions a call of a variant.
fn instructions(variant: usize) -> u64 {
    const CALLS: [u64; 2] = [2_000, 10_000];
    let [few, many] = CALLS.map(|calls| collected(variant, calls));
    (many - few + (CALLS[1] - CALLS[0]) / 2) / (CALLS[1] - CALLS[0])
}

/// Callgrind counts only in here: what the process does before, such as calibrating its clock, does not repeat.
#[inline(never)]
fn collected_region(run: fn(u64), calls: u64) {
    run(calls);
}

/// All instructions of a process that makes so many calls.
fn collected(variant: usize, calls: u64) -> u64 {
    let program = std::env::current_exe().expect("a program has a path");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
        ])
        .arg("--toggle-collect=*collected_region*")
        .arg(program)
        .args(["run".to_owned(), variant.to_string(), calls.to_string()])
        .output()
        .expect("valgrind is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let line = told
        .lines()
        .find(|line| line.contains("Collected :"))
        .expect("callgrind sums up");
    let number = line.rsplit(' ').next().expect("a line has a last word");
    number.parse().expect("the last word is the number")
}
