//! What is registered, what is refused, and what a handle does.

#![allow(clippy::float_cmp, reason = "sums of whole numbers are exact")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use metrics::Recorder as _;

use super::histogram::record_ticks;
use super::{Options, Recorder, Registry};
use crate::clock;
use crate::exposition::{self, Format, Samples};
use crate::metric::Kind;

mod threads;

const METADATA: metrics::Metadata<'_> = metrics::Metadata::new("", metrics::Level::INFO, None);

pub(crate) fn recorder(options: Options) -> Recorder {
    Recorder::new(Arc::new(
        Registry::new(options).expect("a thread can be started"),
    ))
}

pub(crate) fn key(name: &str, labels: &[(&str, &str)]) -> metrics::Key {
    let labels = labels
        .iter()
        .map(|&(key, value)| metrics::Label::new(key.to_owned(), value.to_owned()))
        .collect::<Vec<_>>();
    metrics::Key::from_parts(name.to_owned(), labels)
}

pub(crate) fn text(recorder: &Recorder, format: Format) -> String {
    let mut out = String::new();
    let none: [exposition::tests::Fixed; 0] = [];
    exposition::page(&mut out, &recorder.registry().page(), none, format);
    out
}

fn samples(recorder: &Recorder) -> Samples {
    Samples::parse(&text(recorder, Format::Text))
}

fn counter(recorder: &Recorder, name: &str) -> metrics::Counter {
    recorder.register_counter(&key(name, &[]), &METADATA)
}

fn histogram(recorder: &Recorder, name: &str) -> metrics::Histogram {
    recorder.register_histogram(&key(name, &[]), &METADATA)
}

fn get(recorder: &Recorder, name: &str) -> f64 {
    samples(recorder).get(name, &[]).expect("it is registered")
}

#[test]
fn an_absolute_value_never_lowers_a_counter() {
    let recorder = recorder(Options::default());
    let count = counter(&recorder, "c");
    count.increment(5);
    count.absolute(3);
    assert_eq!(get(&recorder, "c"), 5.0);
    count.absolute(100);
    count.increment(1);
    assert_eq!(get(&recorder, "c"), 101.0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..=1000).for_each(|value| count.absolute(value)));
        }
    });
    assert_eq!(get(&recorder, "c"), 1000.0);
}

#[test]
fn gauges_hold_the_last_value_and_add_from_many_threads() {
    let recorder = recorder(Options::default());
    let gauge = recorder.register_gauge(&key("g", &[]), &METADATA);
    gauge.set(10.0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    gauge.increment(2.0);
                    gauge.decrement(1.0);
                }
            });
        }
    });
    assert_eq!(get(&recorder, "g"), 4010.0);
    gauge.set(f64::NEG_INFINITY);
    assert_eq!(get(&recorder, "g"), f64::NEG_INFINITY);
}

#[test]
fn a_series_can_leave_the_page_and_come_back() {
    let recorder = recorder(Options::default());
    let of = |server| key("c", &[("server", server)]);
    let kept = recorder.register_counter(&of("a"), &METADATA);
    recorder.register_counter(&of("b"), &METADATA).increment(3);
    recorder.registry().list(&of("a"), false);
    recorder.registry().list(&of("never there"), false);
    recorder.registry().list(&of("never there"), true);
    kept.increment(1);
    let page = text(&recorder, Format::Text);
    assert_eq!(page, "# TYPE c counter\nc{server=\"b\"} 3\n");
    recorder.registry().list(&of("b"), false);
    assert_eq!(text(&recorder, Format::Text), "", "no head without series");
    recorder.registry().list(&of("a"), true);
    assert_eq!(samples(&recorder).get("c", &[("server", "a")]), Some(1.0));
}

#[test]
fn what_collides_gets_a_handle_that_does_nothing_and_is_counted_once() {
    let recorder = recorder(Options::default());
    counter(&recorder, "a_b").increment(1);
    for _ in 0..2 {
        counter(&recorder, "a.b").increment(10);
        histogram(&recorder, "a_b").record(1.0);
        recorder
            .register_gauge(&key("a_b", &[]), &METADATA)
            .set(7.0);
    }
    histogram(&recorder, "x").record(1.0);
    counter(&recorder, "x_count").increment(10);
    counter(&recorder, "y_sum").increment(1);
    histogram(&recorder, "y").record(1.0);
    for (labels, by) in [
        ([("k.k", "1")], 1),
        ([("k_k", "1")], 10),
        ([("k_k", "2")], 1),
    ] {
        recorder
            .register_counter(&key("z", &labels), &METADATA)
            .increment(by);
    }
    let both = [("k.k", "1"), ("k_k", "2")];
    recorder
        .register_counter(&key("z", &both), &METADATA)
        .increment(10);
    let page = samples(&recorder);
    assert_eq!(page.get("a_b", &[]), Some(1.0));
    assert_eq!(
        (page.get("x_count", &[]), page.series("y_count")),
        (Some(1.0), 0)
    );
    assert_eq!(page.get("y_sum", &[]), Some(1.0));
    assert_eq!(page.get("z", &[("k_k", "1")]), Some(1.0));
    assert_eq!(
        (page.get("z", &[("k_k", "2")]), page.series("z")),
        (Some(1.0), 2)
    );
    assert_eq!(recorder.registry().conflicts(), 7);
}

#[test]
fn the_order_of_labels_and_empty_values_make_no_other_series() {
    let recorder = recorder(Options {
        global_labels: vec![("env".to_owned(), "test".to_owned())],
        ..Options::default()
    });
    for labels in [
        &[("b", "1"), ("a", "2")][..],
        &[("a", "2"), ("b", "1")],
        &[("a", "2"), ("b", "1"), ("c", "")],
        &[("a", "9"), ("a", "2"), ("b", "1")],
    ] {
        recorder
            .register_counter(&key("c", labels), &METADATA)
            .increment(1);
    }
    let page = text(&recorder, Format::Text);
    assert_eq!(
        page,
        "# TYPE c counter\nc{env=\"test\",b=\"1\",a=\"2\"} 4\n"
    );
}

#[test]
fn chosen_histograms_are_summaries_on_the_same_page() {
    let recorder = recorder(Options {
        summaries: vec!["rpc_*".to_owned()],
        ..Options::default()
    });
    let rpc = recorder.register_histogram(&key("rpc_seconds", &[("m", "\\\"")]), &METADATA);
    let idle = recorder.register_histogram(&key("rpc_seconds", &[("m", "idle")]), &METADATA);
    histogram(&recorder, "other").record(1.0);
    // That crate forgets those before the last block of 64 in its first quantiles.
    (1..=60).for_each(|i| rpc.record(f64::from(i)));
    rpc.record(f64::NAN);
    let page = text(&recorder, Format::Text);
    let (other, head) = (
        page.find("other_bucket"),
        page.find("# TYPE rpc_seconds summary"),
    );
    assert!(other < head, "{page}");
    let page = Samples::parse(&page);
    let label = ("m", "\\\"");
    let median = page
        .get("rpc_seconds", &[label, ("quantile", "0.5")])
        .unwrap();
    assert!((median - 30.0).abs() < 1.0, "{median}");
    assert_eq!(page.get("rpc_seconds_count", &[label]), Some(60.0));
    assert_eq!(page.get("rpc_seconds_sum", &[label]), Some(1830.0));
    let nothing = page.get("rpc_seconds", &[("m", "idle"), ("quantile", "0.5")]);
    assert!(
        nothing.is_some_and(f64::is_nan),
        "an idle service is not fast"
    );
    drop(idle);
}

#[test]
fn series_are_registered_while_pages_are_written() {
    let recorder = recorder(Options::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut before = 0;
            while !done.load(Ordering::Relaxed) {
                let now = samples(&recorder).series("c");
                assert!(now >= before);
                before = now;
            }
        });
        for i in 0..3000 {
            let labels = [("i", i.to_string())];
            let labels = labels.each_ref().map(|(key, value)| (*key, value.as_str()));
            recorder
                .register_counter(&key("c", &labels), &METADATA)
                .increment(1);
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert_eq!(
        (samples(&recorder).series("c"), samples(&recorder).sum("c")),
        (3000, 3000.0)
    );
}

#[test]
fn a_handle_of_ours_and_one_of_the_facade_are_the_same_series() {
    let recorder = recorder(Options::default());
    let ours = recorder.place(Kind::Counter, &key("c", &[]));
    super::counter::add(ours.expect("nothing collides"), 2);
    counter(&recorder, "c").increment(1);
    assert_eq!(get(&recorder, "c"), 3.0);
    let durations = recorder.place(Kind::Histogram, &key("h", &[]));
    let bounds = recorder.registry().bounds("h");
    let ticks = clock::ticks_in(0.25);
    record_ticks(durations.expect("nothing collides"), &bounds, ticks);
    histogram(&recorder, "h").record(0.25);
    assert_eq!(get(&recorder, "h_count"), 2.0);
    assert!((get(&recorder, "h_sum") - 0.5).abs() < 1e-8);
    assert_eq!(
        recorder.place(Kind::Gauge, &key("c", &[])),
        None,
        "it is a counter"
    );
}
