//! The whole page of a program: its own families, those of crates on the facade, the process, and the page itself.

#![allow(
    clippy::disallowed_macros,
    reason = "as a library would that knows only the facade"
)]
#![allow(clippy::float_cmp, reason = "counts")]

use std::sync::OnceLock;

use instrument_core::{Builder, Exporter, metrics, testing, timed};

metrics! {
    /// Orders sent.
    static ORDERS: Counter = "page_orders_total";
    /// What the broker said last.
    static SPREAD: Histogram = "page_spread_ratio", buckets = [0.1, 0.5];
}

#[timed]
fn probe() {}

fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let builder = Builder::new().program("page \"test\"", "1.2.3");
        let builder = builder.global_label("desk", "one").summaries("rpc_*");
        builder.install().expect("there are no conflicts")
    })
}

fn get(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    exporter().samples().get(name, labels)
}

const DESK: (&str, &str) = ("desk", "one");

#[test]
fn crates_on_the_facade_share_the_page() {
    exporter();
    ::metrics::describe_counter!("lib.requests", "Requests of a library.");
    for _ in 0..3 {
        ::metrics::counter!("lib.requests", "path" => "/").increment(1);
    }
    ::metrics::histogram!("lib_wait_seconds").record(0.25);
    ::metrics::histogram!("rpc_seconds").record(0.25);
    // A library that uses the name of another kind must not take the program's metric away.
    ::metrics::gauge!("page_orders_total").set(99.0);
    ORDERS.inc();
    assert_eq!(get("lib_requests", &[DESK, ("path", "/")]), Some(3.0));
    assert_eq!(
        get("lib_wait_seconds_bucket", &[DESK, ("le", "0.5")]),
        Some(1.0)
    );
    assert_eq!(get("rpc_seconds", &[DESK, ("quantile", "1")]), Some(0.25));
    assert_eq!(get("page_orders_total", &[DESK]), Some(1.0));
    assert_eq!(get("instrument_conflicts_total", &[DESK]), Some(1.0));
    let page = exporter().render();
    assert!(
        page.contains("# HELP lib_requests Requests of a library.\n"),
        "{page}"
    );
}

#[test]
fn the_page_tells_of_itself_and_of_the_process() {
    SPREAD.observe(f64::NAN);
    exporter();
    probe();
    let seen = testing::watch();
    SPREAD.observe(f64::NAN);
    SPREAD.observe(f64::INFINITY);
    for reason in ["nan", "infinite"] {
        seen.assert_counter("instrument_invalid_samples_total", &[("reason", reason)], 1);
    }
    let first = exporter().render();
    let page = exporter().samples();
    let spread = [DESK, ("family", "page_spread_ratio")];
    assert_eq!(page.get("instrument_family_series", &spread), Some(5.0));
    assert_eq!(page.get("instrument_sites", &[DESK]), Some(3.0));
    assert!(page.get("instrument_scrape_bytes", &[DESK]).unwrap() > first.len() as f64 / 2.0);
    assert!(
        page.get("instrument_scrape_duration_seconds", &[DESK])
            .unwrap()
            > 0.0
    );
    assert_eq!(page.sum("instrument_clock_info"), 1.0);
    let build = [
        DESK,
        ("program", "page \"test\""),
        ("version", "1.2.3"),
        ("instrument_version", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(page.get("instrument_build_info", &build), Some(1.0));
    #[cfg(target_os = "linux")]
    {
        assert!(page.get("process_resident_memory_bytes", &[DESK]).unwrap() > 1e5);
        assert!(page.get("process_start_time_seconds", &[DESK]).unwrap() > 1.6e9);
        assert!(page.get("process_open_fds", &[DESK]).unwrap() >= 3.0);
    }
}

#[test]
fn formats_have_the_same_series_but_for_bounds_and_created() {
    let text = exporter().render();
    let openmetrics = exporter().render_openmetrics();
    assert!(openmetrics.ends_with("# EOF\n"));
    assert!(
        openmetrics.contains("# TYPE page_orders counter\n"),
        "{openmetrics}"
    );
    assert!(openmetrics.contains("# UNIT page_spread_ratio ratio\n"));
    assert!(openmetrics.contains("page_orders_created{desk=\"one\"} 1"));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        assert!(
            line.contains("le=\"") || line.contains("quantile=\"") || openmetrics.contains(series),
            "{series} is not in\n{openmetrics}"
        );
    }
}
