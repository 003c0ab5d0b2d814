//! What a builder leaves out is not there in any way, and what shares a function with it is.

use instrument_core::{Builder, counted, metrics, timed};

metrics! {
    /// Jobs that run.
    static JOBS: Gauge<(job: configured)> = "left_jobs";
    /// Sweeps.
    static SWEEPS: Counter = "left_sweeps_total";
    /// Orders by symbol.
    static KEPT: Counter<(symbol: configured)> = "kept_orders_total";
}

/// Both families on one function.
#[timed("left_work")]
#[counted("kept_work")]
fn both() {
    SWEEPS.inc();
}

#[timed("left_alone")]
fn alone() {}

#[test]
fn what_is_left_out_is_neither_on_the_page_nor_in_the_catalogue() {
    let early = JOBS.series("early");
    let exporter = Builder::new()
        .leave_out("left_jobs")
        .leave_out("left_sweeps_total")
        .leave_out("left_work*")
        .leave_out("left_alone*")
        .install()
        .unwrap();
    let late = JOBS.series("late");
    let kept = KEPT.series("EURUSD");
    both();
    alone();
    early.set(1.0);
    late.set(1.0);
    kept.inc();
    // In HELP, as a label of what the framework keeps of a family, or as the number of its series.
    let page = exporter.render();
    assert!(!page.contains("left_"), "{page}");
    let samples = exporter.samples();
    let worked = samples.get("kept_work_total", &[("outcome", "ok")]);
    assert_eq!(worked, Some(1.0), "{page}");
    let orders = samples.get("kept_orders_total", &[("symbol", "EURUSD")]);
    assert_eq!(orders, Some(1.0));
    assert!(exporter.catalogue().family("left_jobs").is_none());
    assert!(exporter.catalogue().family("kept_work_total").is_some());
    assert_eq!(exporter.set_enabled("left_jobs*", true), 0);
}
