//! Metrics that are not calls: computed at scrape, held by guards, with series that come and go with configuration.

mod page;

use std::sync::atomic::{AtomicBool, Ordering};

use instrument_core::{LabelValue, metrics};
use page::{exporter, sample};

#[derive(Clone, Copy, LabelValue)]
enum Status {
    Success,
    Failure,
}

static PANICS: AtomicBool = AtomicBool::new(false);

metrics! {
    /// Whether the server answers.
    static UP: Gauge<(server_name: configured)> = "declared_up";
    /// Runs of a job.
    static RUNS: Counter<(job: configured, status: Status)> = "declared_runs_total";
    /// Seconds of a job.
    static SECONDS: Histogram<(group: configured, job: configured)> = "declared_job_seconds", buckets = linear(1.0, 1.0, 2);
    /// What was built.
    static BUILD: Info<(version: configured, commit: configured)> = "declared_build_info";
    /// Whether the feed of a symbol is connected.
    static CONNECTED: Gauge<(symbol: configured)> = "declared_connected";
    /// Computed, and it may panic.
    static COMPUTED: Gauge = "declared_computed", compute = || {
        assert!(!PANICS.load(Ordering::Relaxed), "asked to");
        5.0
    };
    /// Open connections.
    static OPEN: Gauge<(status: Status)> = "declared_open";
    /// Seconds of a step.
    static STEP: Histogram<(status: Status)> = "declared_step_seconds", buckets = [60.0];
    /// Far too many.
    static MANY: Gauge<(n: configured)> = "declared_many";
    /// In other builds only.
    #[cfg(any())]
    static ABSENT: Gauge<(of: Missing)> = "declared_absent";
}

#[test]
fn a_configured_series_lives_as_long_as_its_guard() {
    exporter();
    let value = |server| sample("declared_up", &[("server_name", server)]);
    assert_eq!(value("rag-query"), None);
    let rag = UP.series("rag-query");
    let git = UP.series("git");
    assert_eq!(
        (value("rag-query"), value("git")),
        (Some(0.0), Some(0.0)),
        "there at once, at zero"
    );
    rag.set(1.0);
    git.set(2.0);
    assert_eq!((value("rag-query"), value("git")), (Some(1.0), Some(2.0)));
    let again = UP.series("rag-query");
    drop(rag);
    assert_eq!(value("rag-query"), Some(1.0), "another guard holds it");
    drop(again);
    assert_eq!((value("rag-query"), value("git")), (None, Some(2.0)));
    let _back = UP.series("rag-query");
    assert_eq!(value("rag-query"), Some(0.0), "it starts again at zero");
}

#[test]
fn configured_series_of_counters_histograms_and_information() {
    exporter();
    let backup = RUNS.series("backup");
    backup.inc(Status::Success);
    let runs = |job, status| sample("declared_runs_total", &[("job", job), ("status", status)]);
    assert_eq!(
        (runs("backup", "success"), runs("backup", "failure")),
        (Some(1.0), Some(0.0))
    );
    drop(backup);
    assert_eq!(
        (runs("backup", "success"), runs("backup", "failure")),
        (None, None)
    );
    let backup = RUNS.series("backup");
    backup.inc(Status::Failure);
    assert_eq!(
        runs("backup", "success"),
        Some(1.0),
        "a counter goes on where it stopped"
    );

    let nightly = SECONDS.series("nightly", "backup");
    nightly.observe(1.5);
    let labels = [("group", "nightly"), ("job", "backup"), ("le", "2")];
    assert_eq!(sample("declared_job_seconds_bucket", &labels), Some(1.0));
    drop(nightly);
    assert_eq!(
        exporter().samples().series("declared_job_seconds_bucket"),
        0
    );

    let build = BUILD.series("1.2", "ab\"c");
    assert_eq!(
        sample(
            "declared_build_info",
            &[("version", "1.2"), ("commit", "ab\"c")]
        ),
        Some(1.0)
    );
    drop(build);
    assert_eq!(exporter().samples().series("declared_build_info"), 0);
}

#[test]
fn a_configured_series_is_switched_with_its_family() {
    exporter();
    let connected = CONNECTED.series("EURUSD");
    connected.set(4.0);
    exporter().set_enabled("declared_connected", false);
    connected.set(5.0);
    exporter().set_enabled("declared_connected", true);
    assert_eq!(
        sample("declared_connected", &[("symbol", "EURUSD")]),
        Some(4.0)
    );
}

#[test]
fn too_many_configured_series_end_in_other() {
    exporter();
    let series: Vec<_> = (0..1002).map(|n| MANY.series(&n.to_string())).collect();
    series[1001].set(3.0);
    assert_eq!(sample("declared_many", &[("n", "_other")]), Some(3.0));
    assert_eq!(exporter().samples().series("declared_many"), 1001);
    assert_eq!(
        sample(
            "instrument_label_overflow_total",
            &[("metric", "declared_many")]
        ),
        Some(2.0)
    );
}

#[test]
fn a_computed_gauge_that_panics_leaves_the_page_whole_and_is_counted() {
    exporter();
    assert_eq!(sample("declared_computed", &[]), Some(5.0));
    let panics = || {
        sample(
            "instrument_compute_panics_total",
            &[("metric", "declared_computed")],
        )
    };
    let before = panics().expect("there at zero");
    PANICS.store(true, Ordering::Relaxed);
    let samples = exporter().samples();
    PANICS.store(false, Ordering::Relaxed);
    assert!(
        samples
            .get("declared_computed", &[])
            .expect("still there")
            .is_nan()
    );
    assert!(
        samples
            .get("declared_open", &[("status", "success")])
            .is_some()
    );
    assert!(panics() >= Some(before + 1.0));
}

#[test]
fn guards_hold_a_gauge_and_time_a_step() {
    exporter();
    let open = |status| sample("declared_open", &[("status", status)]);
    {
        let _one = OPEN.hold(Status::Success);
        let _two = OPEN.hold(Status::Success);
        OPEN.add(Status::Failure, -1.5);
        assert_eq!((open("success"), open("failure")), (Some(2.0), Some(-1.5)));
    }
    assert_eq!(open("success"), Some(0.0));
    assert!(exporter().catalogue().family("declared_absent").is_none());
    drop(STEP.time(Status::Success));
    assert_eq!(
        sample(
            "declared_step_seconds_bucket",
            &[("status", "success"), ("le", "60")]
        ),
        Some(1.0)
    );
}
