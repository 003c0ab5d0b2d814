//! How many instructions a call takes to record, the clock subtracted. It repeats, so `test.sh` gates on it.
//!
//! `cargo run --release --no-default-features --bin instructions -- [--gate]`. Needs valgrind. Each shape runs under
//! callgrind at two numbers of calls, and the difference is what its calls cost. Callgrind hides the TSC, and the clock
//! is the system's then, which is why the same function with a bare pair of reads is subtracted.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use benches::{looped, poll_ready};
use instrument_core::{LabelValue, counted, timed};

static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

fn work(x: u64) -> Result<u64, String> {
    if x == 0 {
        Err(String::new())
    } else {
        Ok(black_box(x) + 1)
    }
}

/// What the others do, and two reads of the clock.
#[inline(never)]
fn clock_pair(x: u64) -> Result<u64, String> {
    let clock = &*CLOCK;
    let start = clock.raw();
    let result = work(x);
    black_box(clock.raw().saturating_sub(start));
    result
}

/// The same without the clock.
#[inline(never)]
fn plain(x: u64) -> Result<u64, String> {
    work(x)
}

#[timed("bench_result")]
#[inline(never)]
fn result(x: u64) -> Result<u64, String> {
    work(x)
}

#[timed("bench_async")]
async fn future(x: u64) -> Result<u64, String> {
    work(x)
}

#[derive(Clone, Copy, LabelValue)]
#[allow(dead_code, reason = "its values are what matters")]
enum Side {
    Buy,
    Sell,
}

#[timed("bench_merged", labels(side, urgent))]
#[counted("bench_merged_enter", on = enter, labels(side))]
#[counted("bench_merged_errors", on = error, labels(side))]
#[inline(never)]
fn merged(x: u64, side: Side, urgent: bool) -> Result<u64, String> {
    work(x)
}

#[timed("bench_symbol", labels(symbol = %symbol), limit = 16)]
#[inline(never)]
fn of_symbol(x: u64, symbol: &str) -> Result<u64, String> {
    let _ = symbol;
    work(x)
}

#[counted("bench_counted", outcome = false)]
#[inline(never)]
fn count(x: u64) -> Result<u64, String> {
    work(x)
}

#[timed("bench_disabled")]
#[inline(never)]
fn disabled(x: u64) -> Result<u64, String> {
    work(x)
}

/// What is counted.
struct Shape {
    name: &'static str,
    run: fn(u64),
    /// Whether it reads the clock, twice.
    timed: bool,
    /// The most instructions that it may take beside the clock and the function itself.
    most: u64,
}

const fn shape(name: &'static str, run: fn(u64), timed: bool, most: u64) -> Shape {
    Shape {
        name,
        run,
        timed,
        most,
    }
}

/// The first is what is subtracted from the others that read the clock, the second from those that do not.
const SHAPES: [Shape; 8] = [
    shape("clock pair", looped!(clock_pair(black_box(1))), true, 0),
    shape("a plain call", looped!(plain(black_box(1))), false, 0),
    shape(
        "#[timed] -> Result",
        looped!(result(black_box(1))),
        true,
        70,
    ),
    shape(
        "#[timed] async -> Result",
        looped!(poll_ready(future(black_box(1)))),
        true,
        140,
    ),
    shape(
        "#[timed] + 2 x #[counted], 2 labels",
        looped!(merged(black_box(1), black_box(Side::Buy), black_box(true))),
        true,
        300,
    ),
    shape(
        "#[timed], a label of free text",
        looped!(of_symbol(black_box(1), black_box("EURUSD"))),
        true,
        590,
    ),
    shape("#[counted]", looped!(count(black_box(1))), false, 85),
    shape("disabled", looped!(disabled(black_box(1))), false, 30),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["run", shape, calls] => {
            let shape: usize = shape.parse().expect("the number of a shape");
            run(&SHAPES[shape], calls.parse().expect("a number of calls"));
            ExitCode::SUCCESS
        }
        [] => table(false),
        ["--gate"] => table(true),
        _ => {
            eprintln!("usage: instructions [--gate]");
            ExitCode::from(2)
        }
    }
}

/// Prints what each shape takes; with `gate`, fails if one takes more than it may.
fn table(gate: bool) -> ExitCode {
    let bases = [instructions(0), instructions(1)];
    println!("| shape | instructions a call | to record | accepted |\n| --- | --- | --- | --- |");
    let mut code = ExitCode::SUCCESS;
    for (number, shape) in SHAPES.iter().enumerate() {
        let all = bases
            .get(number)
            .copied()
            .unwrap_or_else(|| instructions(number));
        let beside = all.saturating_sub(bases[usize::from(!shape.timed)]);
        println!("| {} | {all} | {beside} | {} |", shape.name, shape.most);
        if gate && beside > shape.most {
            eprintln!(
                "{}: {beside} instructions to record, {} more than the {} that are accepted",
                shape.name,
                beside - shape.most,
                shape.most
            );
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Instructions a call.
fn instructions(shape: usize) -> u64 {
    const CALLS: [u64; 2] = [2_000, 10_000];
    let [few, many] = CALLS.map(|calls| collected(shape, calls));
    (many - few + (CALLS[1] - CALLS[0]) / 2) / (CALLS[1] - CALLS[0])
}

fn run(shape: &Shape, calls: u64) {
    let exporter = instrument_core::install().expect("our metrics do not conflict");
    exporter.set_enabled("bench_disabled*", false);
    LazyLock::force(&CLOCK);
    collected_region(shape.run, calls);
}

/// Callgrind counts only in here: what the process does before, such as calibrating its clock, does not repeat.
#[inline(never)]
fn collected_region(run: fn(u64), calls: u64) {
    run(calls);
}

/// All instructions of a process that makes so many calls.
fn collected(shape: usize, calls: u64) -> u64 {
    let program = std::env::current_exe().expect("a program has a path");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
        ])
        .arg("--toggle-collect=*collected_region*")
        .arg(program)
        .args(["run".to_owned(), shape.to_string(), calls.to_string()])
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
