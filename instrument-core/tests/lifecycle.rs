//! From before `install()` to a second one. One test, as a process is installed once.

mod page;

use std::sync::Arc;

use instrument_core::{InstallError, counted, metrics, timed};
use page::{calls, exporter, sample};

metrics! {
    /// Whether the feed of a symbol is connected.
    static CONNECTED: Gauge<(symbol: configured)> = "lifecycle_connected";
    /// Steps taken.
    static STEPS: Counter = "lifecycle_steps_total";
}

#[timed]
fn step(n: u32) -> u32 {
    STEPS.inc();
    n + 1
}

#[timed]
async fn begun_before() -> Result<(), ()> {
    tokio::task::yield_now().await;
    Ok(())
}

#[counted("lifecycle_symbols", labels(symbol = %symbol), limit = 4, outcome = false)]
fn subscribe(symbol: &str) -> usize {
    symbol.len()
}

/// A recorder that nothing may reach.
struct Nobody;

impl metrics::Recorder for Nobody {
    fn describe_counter(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }
    fn describe_gauge(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }
    fn describe_histogram(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        panic!("{key} went to a local recorder")
    }

    fn register_gauge(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        panic!("{key} went to a local recorder")
    }

    fn register_histogram(
        &self,
        key: &metrics::Key,
        _: &metrics::Metadata<'_>,
    ) -> metrics::Histogram {
        panic!("{key} went to a local recorder")
    }
}

#[test]
fn early_calls_are_nothing_and_sites_ignore_local_recorders() {
    assert_eq!(step(1), 2);
    let mut begun = Box::pin(begun_before());
    assert!(page::poll(begun.as_mut()).is_none());
    let early = CONNECTED.series("EURUSD");
    early.set(9.0);

    exporter();
    assert_eq!(
        calls("lifecycle", "step"),
        "0 - 0 -",
        "a call before remembers nothing, and is no deaf handle"
    );
    assert!(page::poll(begun.as_mut()).is_some());
    assert_eq!(
        calls("lifecycle", "begun_before"),
        "0 0 0 0",
        "a call is recorded whole or not at all"
    );
    assert_eq!(
        sample("lifecycle_connected", &[("symbol", "EURUSD")]),
        Some(0.0)
    );
    early.set(1.0);
    assert_eq!(
        sample("lifecycle_connected", &[("symbol", "EURUSD")]),
        Some(1.0)
    );

    metrics::with_local_recorder(&Nobody, || {
        step(1);
        subscribe("a new value in here");
        drop(CONNECTED.series("GBPUSD"));
    });
    assert_eq!(calls("lifecycle", "step"), "1 - 0 -");
    assert_eq!(
        sample(
            "lifecycle_symbols_total",
            &[("symbol", "a new value in here")]
        ),
        Some(1.0)
    );

    let barrier = Arc::new(std::sync::Barrier::new(16));
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || {
                barrier.wait();
                step(n);
                subscribe(&n.to_string());
                exporter().render().len()
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() > 0));
    assert_eq!(sample("lifecycle_steps_total", &[]), Some(17.0));
    let subscribed = exporter().samples().sum("lifecycle_symbols_total");
    assert_eq!(
        Some(subscribed),
        Some(17.0),
        "beyond the limit, but not lost"
    );
    assert!(matches!(
        instrument_core::install(),
        Err(InstallError::AlreadyInstalled)
    ));
}
