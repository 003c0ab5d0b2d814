//! The `process_*` families of Prometheus' client libraries, read from `/proc` at each scrape. Nothing where there is none.

use std::fs::{self, File};
use std::io::Read as _;
use std::sync::OnceLock;

use crate::metric::{Kind, Place};
use crate::observe::Own;

/// Clock ticks in `/proc`: 100 a second for every program on Linux, whatever the kernel's own.
const USER_HZ: f64 = 100.0;

/// By name.
pub(crate) static FAMILIES: [Own; 7] = [
    Own {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        help: "CPU time in user and system mode.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.cpu),
    },
    Own {
        name: "process_max_fds",
        kind: Kind::Gauge,
        help: "Most file descriptors that may be open.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.max_fds),
    },
    Own {
        name: "process_open_fds",
        kind: Kind::Gauge,
        help: "Open file descriptors.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.open_fds),
    },
    Own {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        help: "Memory that is in RAM.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.resident),
    },
    Own {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        help: "When the process was started, in unix time.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.started),
    },
    Own {
        name: "process_threads",
        kind: Kind::Gauge,
        help: "Threads of the process.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.threads),
    },
    Own {
        name: "process_virtual_memory_bytes",
        kind: Kind::Gauge,
        help: "Memory that is mapped.",
        labels: &[],
        place: Place::here(),
        write: |scrape, sink| sink.put_known(scrape.process.mapped),
    },
];

/// What can be read of the process.
#[derive(Debug, Default)]
pub(crate) struct Status {
    cpu: Option<f64>,
    max_fds: Option<f64>,
    open_fds: Option<f64>,
    resident: Option<f64>,
    started: Option<f64>,
    threads: Option<f64>,
    mapped: Option<f64>,
}

impl Status {
    /// Reads it, with one buffer for all files.
    pub(crate) fn read() -> Self {
        let mut buffer = String::with_capacity(8 * 1024);
        let stat = read(&mut buffer, "/proc/self/stat").and_then(times);
        let (cpu, since_boot) = stat.unzip();
        let max_fds = read(&mut buffer, "/proc/self/limits").and_then(max_fds);
        let started = boot(&mut buffer)
            .zip(since_boot)
            .map(|(boot, since)| boot + since);
        let status = read(&mut buffer, "/proc/self/status").unwrap_or_default();
        Self {
            cpu,
            max_fds,
            open_fds: open_fds(),
            resident: bytes(status, "VmRSS:"),
            started,
            threads: field(status, "Threads:"),
            mapped: bytes(status, "VmSize:"),
        }
    }
}

fn read<'a>(buffer: &'a mut String, path: &str) -> Option<&'a str> {
    buffer.clear();
    File::open(path).ok()?.read_to_string(buffer).ok()?;
    Some(buffer)
}

/// The kernel tells the number as the size of the directory since Linux 6.2. Before, that is 0, and they are counted;
/// the directory is open itself meanwhile.
fn open_fds() -> Option<f64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        0 => Some(fs::read_dir(FOLDER).ok()?.count().saturating_sub(1) as f64),
        open => Some(open as f64),
    }
}

/// When the machine was started, in unix time. Read once: the kernel moves it whenever the wall clock is set, and a
/// process does not start anew then.
fn boot(buffer: &mut String) -> Option<f64> {
    static BOOT: OnceLock<Option<f64>> = OnceLock::new();
    *BOOT.get_or_init(|| field(read(buffer, "/proc/stat")?, "btime "))
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
        assert_eq!(field("cpu 1\nbtime 1700000000\n", "btime "), Some(1.7e9));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn descriptors_are_counted_as_they_are_opened() {
        let before = open_fds().expect("there is a /proc");
        let files: Vec<File> = (0..40)
            .map(|_| File::open("/dev/null").expect("it is there"))
            .collect();
        let after = open_fds().expect("there is a /proc");
        assert!(after >= before + 30.0, "{before} then {after}");
        drop(files);
    }
}
