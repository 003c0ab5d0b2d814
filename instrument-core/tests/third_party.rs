//! A crate that knows only the facade: what it records is on our page, read here from `render()` and over HTTP.

#![allow(
    clippy::disallowed_macros,
    reason = "as a library would that knows only the facade"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, OnceLock, PoisonError};

use instrument_core::{Builder, Exporter, InstallError, Samples, Server};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use tracing_subscriber::fmt::MakeWriter;

instrument_core::metrics! {
    /// Orders sent.
    static ORDERS: Counter = "own_orders_total";
}

/// What was logged.
struct Log;

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        logged.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

fn logged_of(part: &str) -> Vec<String> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&logged);
    let lines = text.lines().filter(|line| line.contains(part));
    lines.map(str::to_owned).collect()
}

fn program() -> &'static (Exporter, Server) {
    static PROGRAM: OnceLock<(Exporter, Server)> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_writer(Log)
            .with_ansi(false)
            .init();
        let builder = Builder::new()
            .buckets("rpc_size_*", &[100.0, 1000.0])
            .buckets("rpc_*", &[0.5])
            .summaries("job_*");
        let exporter = builder.install().expect("there are no conflicts");
        let server = exporter.serve("127.0.0.1:0").expect("a port is free");
        (exporter, server)
    })
}

/// The page as a scraper gets it, in the format asked for.
fn scraped(accept: &str) -> String {
    let mut stream = TcpStream::connect(program().1.local_addr()).expect("the endpoint listens");
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}

/// The page by every way that there is.
fn pages() -> [String; 4] {
    let exporter = &program().0;
    [
        exporter.render(),
        scraped("text/plain"),
        exporter.render_openmetrics(),
        scraped("application/openmetrics-text"),
    ]
}

fn everywhere(name: &str, labels: &[(&str, &str)], expected: f64) {
    for page in pages() {
        let value = Samples::parse(&page).get(name, labels);
        assert_eq!(value, Some(expected), "{name}{labels:?} in\n{page}");
    }
}

fn everywhere_says(text: [&str; 2]) {
    let [plain, plain_scraped, open, open_scraped] = pages();
    for (page, line) in [
        (plain, text[0]),
        (plain_scraped, text[0]),
        (open, text[1]),
        (open_scraped, text[1]),
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

#[test]
fn counters_rise_by_what_is_added_and_to_what_is_told() {
    program();
    counter!("http.requests_total", "path" => "/a\"\\\n").increment(2);
    counter!("http.requests_total", "path" => "/a\"\\\n").increment(3);
    everywhere("http_requests_total", &[("path", "/a\"\\\n")], 5.0);
    let told = counter!("bytes_read_total");
    told.absolute(10);
    told.absolute(7);
    everywhere("bytes_read_total", &[], 10.0);
    told.increment(1);
    everywhere("bytes_read_total", &[], 11.0);
    let held = counter!("held_total");
    everywhere("held_total", &[], 0.0);
    std::thread::spawn(move || held.increment(1))
        .join()
        .unwrap();
    everywhere("held_total", &[], 1.0);
}

#[test]
fn gauges_are_set_raised_and_lowered() {
    program();
    let depth = gauge!("queue_depth", "queue" => "in");
    depth.set(10.5);
    depth.increment(1.0);
    depth.decrement(4.0);
    everywhere("queue_depth", &[("queue", "in")], 7.5);
    depth.set(f64::NEG_INFINITY);
    everywhere("queue_depth", &[("queue", "in")], f64::NEG_INFINITY);
}

#[test]
fn histograms_have_the_buckets_of_the_first_pattern_or_those_of_durations() {
    program();
    histogram!("plain_seconds").record(0.02);
    histogram!("rpc_seconds").record(0.5);
    let size = histogram!("rpc_size_bytes");
    size.record(100.0);
    size.record_many(5000.0, 3);
    size.record(f64::NAN);
    everywhere("plain_seconds_bucket", &[("le", "0.01")], 0.0);
    everywhere("plain_seconds_bucket", &[("le", "0.05")], 1.0);
    everywhere("plain_seconds_sum", &[], 0.02);
    let page = Samples::parse(&program().0.render());
    assert_eq!(page.series("plain_seconds_bucket"), 15);
    assert_eq!(page.series("rpc_seconds_bucket"), 2);
    everywhere("rpc_seconds_bucket", &[("le", "0.5")], 1.0);
    everywhere("rpc_size_bytes_bucket", &[("le", "+Inf")], 4.0);
    everywhere("rpc_size_bytes_count", &[], 4.0);
    everywhere("rpc_size_bytes_sum", &[], 15_100.0);
    assert_eq!(
        page.get("rpc_size_bytes_bucket", &[("le", "100")]),
        Some(1.0)
    );
}

#[test]
fn the_first_description_holds_before_and_after_the_first_sample() {
    program();
    describe_histogram!(
        "disk_wait_milliseconds",
        Unit::Milliseconds,
        "Time the disk\ntook."
    );
    histogram!("disk_wait_milliseconds").record(1.0);
    describe_histogram!("disk_wait_milliseconds", Unit::Seconds, "Another.");
    everywhere_says([
        "# HELP disk_wait_milliseconds Time the disk\\ntook.\n# TYPE disk_wait_milliseconds histogram\n",
        "# HELP disk_wait_milliseconds Time the disk\\ntook.\n# TYPE disk_wait_milliseconds histogram\n\
         # UNIT disk_wait_milliseconds milliseconds\n",
    ]);
    counter!("late_seconds_total").increment(1);
    describe_counter!("late_seconds_total", "Described later.");
    everywhere_says([
        "# HELP late_seconds_total Described later.\n# TYPE late_seconds_total counter\n",
        "# HELP late_seconds Described later.\n# TYPE late_seconds counter\n# UNIT late_seconds seconds\n",
    ]);
    // A unit that the name does not end in changes no name, and OpenMetrics forbids to tell it.
    describe_gauge!("heat", Unit::Percent, "How hot.");
    gauge!("heat").set(1.0);
    everywhere_says(["# HELP heat How hot.\n# TYPE heat gauge\nheat 1\n"; 2]);
    describe_gauge!("never_set", "Nobody sets it.");
    assert!(pages().iter().all(|page| !page.contains("never_set")));
}

#[test]
fn a_name_of_another_kind_records_nothing_and_is_told_once() {
    let exporter = &program().0;
    let conflicts = || exporter.samples().sum("instrument_conflicts_total");
    counter!("twofold").increment(1);
    let before = conflicts();
    for _ in 0..3 {
        gauge!("twofold").set(99.0);
        gauge!("twofold").increment(1.0);
    }
    histogram!("own_orders_total").record(5.0);
    ORDERS.inc();
    everywhere("twofold", &[], 1.0);
    everywhere("own_orders_total", &[], 1.0);
    // One for each key that was refused, however often it is used.
    assert!((conflicts() - before - 2.0).abs() < f64::EPSILON);
    let told = logged_of("twofold");
    assert_eq!(told.len(), 1, "{told:?}");
    for part in ["ERROR", "`twofold` is a counter already, not a gauge"] {
        assert!(told[0].contains(part), "{part} is not in {told:?}");
    }
}

#[test]
fn chosen_histograms_are_summaries_with_upkeep_on_the_same_page() {
    program();
    let job = histogram!("job_seconds", "job" => "sweep");
    (1..=60).for_each(|i| job.record(f64::from(i)));
    job.record(f64::NAN);
    everywhere("job_seconds_count", &[("job", "sweep")], 60.0);
    everywhere("job_seconds_sum", &[("job", "sweep")], 1830.0);
    for page in pages() {
        assert!(page.contains("# TYPE job_seconds summary\n"), "{page}");
        assert!(
            page.contains("# TYPE instrument_sites gauge\n"),
            "one page for all"
        );
    }
    let page = Samples::parse(&program().0.render());
    assert_eq!(page.series("job_seconds_bucket"), 0);
    let label = ("job", "sweep");
    let median = page.get("job_seconds", &[label, ("quantile", "0.5")]);
    assert!(
        median.is_some_and(|median| (median - 30.0).abs() < 1.0),
        "{median:?}"
    );
    #[cfg(target_os = "linux")]
    {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default()
        };
        assert!(tasks.map(name).any(|name| name.trim() == "metrics-upkeep"));
    }
}

#[test]
fn buckets_that_are_none_are_refused() {
    for bounds in [
        &[][..],
        &[1.0, 1.0],
        &[2.0, 1.0],
        &[f64::NAN],
        &[f64::INFINITY],
    ] {
        match Builder::new().buckets("x", bounds).install() {
            Err(InstallError::Buckets { pattern, .. }) => assert_eq!(pattern, "x"),
            other => panic!("{bounds:?}: {:?}", other.err()),
        }
    }
}
