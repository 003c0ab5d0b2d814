//! Another crate's recorder was there first: sites record through the facade, and our page stays without them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use instrument_core::{LabelValue, counted, timed};
use metrics::{Key, KeyName, Metadata, SharedString, Unit};

/// Everything recorded, by the text of its key.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

struct Handle(Tally, String);

impl Handle {
    fn new(tally: &Tally, key: &Key) -> Arc<Self> {
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Self(
            tally.clone(),
            key.name().to_owned() + &labels.collect::<String>(),
        ))
    }

    fn push(&self, value: f64) {
        let mut all = self.0.0.lock().unwrap();
        all.entry(self.1.clone()).or_default().push(value);
    }
}

impl metrics::CounterFn for Handle {
    fn increment(&self, value: u64) {
        self.push(value as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("no site sets a counter")
    }
}

impl metrics::GaugeFn for Handle {
    fn increment(&self, value: f64) {
        self.push(value);
    }

    fn decrement(&self, value: f64) {
        self.push(-value);
    }

    fn set(&self, value: f64) {
        self.push(value);
    }
}

impl metrics::HistogramFn for Handle {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl metrics::Recorder for Tally {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(Handle::new(self, key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(Handle::new(self, key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(Handle::new(self, key))
    }
}

#[derive(Clone, Copy, LabelValue)]
enum Side {
    Buy,
    Sell,
}

#[timed]
fn waits() -> Result<(), ()> {
    std::thread::yield_now();
    Ok(())
}

#[timed("other_order", labels(side, symbol = %symbol), limit = 4, in_flight)]
#[counted("other_lots", by = lots, outcome = false, labels(side))]
fn order(side: Side, symbol: &str, lots: u64) -> usize {
    let _ = (side, lots);
    symbol.len()
}

#[test]
fn sites_record_with_the_recorder_that_was_there_first() {
    let tally = Tally::default();
    metrics::set_global_recorder(tally.clone()).expect("nothing is installed yet");
    let exporter = instrument_core::install().expect("there are no conflicts");
    for _ in 0..2 {
        waits().expect("it never fails");
        order(Side::Sell, "EURUSD", 3);
    }
    order(Side::Buy, "GBPUSD", 1);

    let all = tally.0.lock().unwrap();
    let durations = |key: &str| {
        let some = all.get(key).map_or(&[][..], Vec::as_slice);
        assert!(
            some.iter().all(|&seconds| (0.0..60.0).contains(&seconds)),
            "{some:?}"
        );
        some.len()
    };
    let own = "function_duration_seconds module=other_recorder function=waits outcome=ok";
    assert_eq!(durations(own), 2, "{all:?}");
    let sell = "other_order_duration_seconds side=sell symbol=EURUSD outcome=ok";
    assert_eq!(durations(sell), 2, "{all:?}");
    assert_eq!(all["other_lots_total side=sell"], [3.0, 3.0]);
    assert_eq!(all["other_lots_total side=buy"], [1.0]);
    assert_eq!(
        all["other_order_in_flight side=buy symbol=GBPUSD"],
        [1.0, -1.0]
    );
    assert!(
        !exporter.render().contains("other_order"),
        "our page stays without them"
    );
}
