//! The `process_*` families of Prometheus' client libraries, read from `/proc` at each scrape. Nothing where there is none.

use std::fs;

use crate::exposition::{About, Computed};
use crate::metric::Kind::{Counter, Gauge};

/// Clock ticks in `/proc`: 100 a second for every program on Linux, whatever the kernel's own.
const USER_HZ: f64 = 100.0;

/// Every family, by name.
pub(crate) static ABOUT: [About<'static>; 7] = [
    About::new(
        "process_cpu_seconds_total",
        Counter,
        "CPU time in user and system mode.",
    ),
    About::new(
        "process_max_fds",
        Gauge,
        "Most file descriptors that may be open.",
    ),
    About::new("process_open_fds", Gauge, "Open file descriptors."),
    About::new(
        "process_resident_memory_bytes",
        Gauge,
        "Memory that is in RAM.",
    ),
    About::new(
        "process_start_time_seconds",
        Gauge,
        "When the process was started, in unix time.",
    ),
    About::new("process_threads", Gauge, "Threads of the process."),
    About::new(
        "process_virtual_memory_bytes",
        Gauge,
        "Memory that is mapped.",
    ),
];

/// Every family of which the numbers can be read.
pub(crate) fn families() -> Vec<Computed<'static>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/stat").unwrap_or_default();
    // The directory is open itself while it is read.
    let fds = fs::read_dir("/proc/self/fd").map(|fds| fds.count().saturating_sub(1) as f64);
    let (cpu, started) = times(&stat).unzip();
    let started = boot(&kernel).zip(started).map(|(boot, since)| boot + since);
    let values = [
        cpu,
        max_fds(&limits),
        fds.ok(),
        bytes(&status, "VmRSS:"),
        started,
        field(&status, "Threads:"),
        bytes(&status, "VmSize:"),
    ];
    let families = ABOUT.iter().zip(values);
    families
        .filter_map(|(about, value)| Some(about.plain(value?)))
        .collect()
}

/// CPU seconds, and seconds from boot to start; fields 14, 15 and 22 of proc(5)'s stat.
fn times(stat: &str) -> Option<(f64, f64)> {
    // The second field is the name in brackets, which may hold anything; the state after it is field 3.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let field = |number: usize| -> Option<f64> {
        after_name.split_whitespace().nth(number - 3)?.parse().ok()
    };
    Some(((field(14)? + field(15)?) / USER_HZ, field(22)? / USER_HZ))
}

fn boot(kernel: &str) -> Option<f64> {
    field(kernel, "btime ")
}

/// The number after `label` at the start of a line.
fn field(text: &str, label: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A size that is told in kB, which are of 1024 bytes.
fn bytes(status: &str, label: &str) -> Option<f64> {
    Some(field(status, label)? * 1024.0)
}

/// The soft limit.
fn max_fds(limits: &str) -> Option<f64> {
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .next()?;
    if soft == "unlimited" {
        Some(f64::INFINITY)
    } else {
        soft.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_after_a_name_with_brackets_and_have_fractions() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20 0 4 0 250 99";
        assert_eq!(times(stat), Some((1.68, 2.5)));
        assert_eq!(times("7 (cut"), None);
    }

    #[test]
    fn fields_have_their_units() {
        assert_eq!(
            bytes("VmPeak:  9 kB\nVmRSS:\t  3 kB\n", "VmRSS:"),
            Some(3072.0)
        );
        let limits = |soft| format!("Limit  Soft  Hard\nMax open files   {soft}  4096  files\n");
        assert_eq!(max_fds(&limits("1024")), Some(1024.0));
        assert_eq!(max_fds(&limits("unlimited")), Some(f64::INFINITY));
        assert_eq!(boot("cpu 1\nbtime 1700000000\n"), Some(1.7e9));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_of_them() {
        let families = families();
        assert_eq!(families.len(), 7);
        assert!(families.iter().all(|family| family.samples[0].1 >= 0.0));
        assert!(families.is_sorted_by_key(|family| family.about.name));
    }
}
