//! The `process_*` families against other files of `/proc` than those that they are read from, and other programs.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use instrument_core::install;

fn entries(folder: &str) -> f64 {
    fs::read_dir(folder).expect("there is a /proc").count() as f64
}

fn words(path: &str) -> Vec<f64> {
    let text = fs::read_to_string(path).expect("there is a /proc");
    let words = text.split_whitespace().map_while(|word| word.parse().ok());
    words.collect()
}

/// Seconds on a CPU of all threads, by the scheduler's own count in nanoseconds.
fn on_cpu() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("there is a /proc");
    let paths = tasks.map(|task| task.expect("it is there").path().join("schedstat"));
    paths
        .map(|path| words(&path.to_string_lossy())[0])
        .sum::<f64>()
        * 1e-9
}

/// The number that a shell's command says.
fn told(command: &str) -> Option<f64> {
    let output = Command::new("sh").args(["-c", command]).output();
    let said = output.expect("there is a shell").stdout;
    String::from_utf8_lossy(&said).trim().parse().ok()
}

fn close(name: &str, value: f64, expected: f64, by: f64) {
    assert!(
        (value - expected).abs() <= by,
        "{name} is {value}, not {expected}"
    );
}

#[test]
fn they_are_what_the_kernel_says_elsewhere() {
    let exporter = install().expect("there are no conflicts");
    let get = |name: &str| {
        let value = exporter.samples().get(name, &[]);
        value.unwrap_or_else(|| panic!("{name} is on the page"))
    };

    let (cpu, by_scheduler) = (get("process_cpu_seconds_total"), on_cpu());
    let start = Instant::now();
    while on_cpu() - by_scheduler < 0.35 {
        assert!(start.elapsed() < Duration::from_mins(1), "no time on a CPU");
        std::hint::black_box((0..100_000u64).sum::<u64>());
    }
    let (spent, by_scheduler) = (
        get("process_cpu_seconds_total") - cpu,
        on_cpu() - by_scheduler,
    );
    // Ticks are of ten milliseconds; whole seconds would be 0 or 1.
    close("the CPU time spent", spent, by_scheduler, 0.1);

    let block = vec![1u8; 64 << 20];
    let page = told("getconf PAGESIZE").expect("pages have a size");
    let rss = words("/proc/self/statm")[1] * page;
    close(
        "process_resident_memory_bytes",
        get("process_resident_memory_bytes"),
        rss,
        4e6,
    );
    let mapped = words("/proc/self/statm")[0] * page;
    close(
        "process_virtual_memory_bytes",
        get("process_virtual_memory_bytes"),
        mapped,
        4e6,
    );
    drop(block);

    // The folder itself is open while it is read.
    close(
        "process_open_fds",
        get("process_open_fds"),
        entries("/proc/self/fd") - 1.0,
        0.0,
    );
    // It says a word where there is no limit.
    let limit = told("ulimit -n").unwrap_or(f64::INFINITY);
    close("process_max_fds", get("process_max_fds"), limit, 0.0);

    close(
        "process_threads",
        get("process_threads"),
        entries("/proc/self/task"),
        0.0,
    );
    let (hold, released) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || released.recv());
    close(
        "process_threads",
        get("process_threads"),
        entries("/proc/self/task"),
        0.0,
    );
    drop(hold);
    assert!(thread.join().expect("it does not panic").is_err());

    let text = fs::read_to_string("/proc/self/stat").expect("there is a /proc");
    let after_name = text.rsplit(')').next().expect("it has a name");
    let ticks: f64 = after_name
        .split_whitespace()
        .nth(19)
        .and_then(|word| word.parse().ok())
        .expect("a start");
    let age = words("/proc/uptime")[0] - ticks / 100.0;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is past 1970");
    // The boot time is told in whole seconds.
    close(
        "process_start_time_seconds",
        get("process_start_time_seconds"),
        now.as_secs_f64() - age,
        2.0,
    );
}
