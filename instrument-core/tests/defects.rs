//! The same calls through the facade's own exporter and through ours: what ours does better, one test for each of its
//! defects, and that nothing else differs where there is none.

#![allow(
    clippy::disallowed_macros,
    reason = "as a library would that knows only the facade"
)]
#![allow(clippy::float_cmp, reason = "whole numbers")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use instrument_core::{Builder, Exporter};
use metrics::{counter, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

mod spec;

use spec::{Family, Spec, parse};

fn ours() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let builder = Builder::new().summaries("d7_*").summaries("d8_summary");
        builder.install().expect("there are no conflicts")
    })
}

/// Runs the calls through both; returns the other exporter's handle.
fn both(calls: impl Fn()) -> PrometheusHandle {
    ours();
    calls();
    let stock = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&stock, calls);
    stock.handle()
}

fn families() -> BTreeMap<String, Family> {
    let page = ours().render();
    parse(&page, Spec::Text).unwrap_or_else(|why| panic!("{why} in\n{page}"))
}

fn value(family: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let labels = labels.iter().map(owned).collect();
    let families = families();
    let samples = &families.get(family)?.samples;
    samples.get(&(name.to_owned(), labels)).copied()
}

fn lines<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| line.starts_with(name)).collect()
}

#[test]
fn d1_samples_are_not_kept_until_somebody_asks() {
    const SAMPLES: i64 = 100_000;
    let kept = |record: &dyn Fn()| {
        record();
        allocation_counter::measure(|| (0..SAMPLES).for_each(|_| record())).bytes_current
    };
    ours();
    let of_ours = histogram!("d1_seconds");
    assert_eq!(kept(&|| of_ours.record(0.5)), 0);
    let stock = PrometheusBuilder::new().build_recorder();
    let of_stock = metrics::with_local_recorder(&stock, || histogram!("d1_seconds"));
    assert!(kept(&|| of_stock.record(0.5)) > 8 * SAMPLES);
}

#[test]
fn d2_two_names_that_become_one_do_not_overwrite_each_other() {
    let stock = both(|| {
        counter!("d2.calls").increment(5);
        counter!("d2_calls").increment(3);
    });
    for _ in 0..5 {
        assert_eq!(
            value("d2_calls", "d2_calls", &[]),
            Some(5.0),
            "the first one holds"
        );
    }
    let page = stock.render();
    let [one] = lines(&page, "d2_calls")[..] else {
        panic!("{page}");
    };
    assert!(["d2_calls 5", "d2_calls 3"].contains(&one), "{one}");
}

#[test]
fn d3_a_name_that_ends_like_a_suffix_still_gets_its_own() {
    let stock = both(|| {
        histogram!("d3_discount").record(2.0);
        histogram!("d3_checksum").record(2.0);
        counter!("d3_subtotal").increment(1);
    });
    for name in ["d3_discount", "d3_checksum"] {
        assert_eq!(value(name, &format!("{name}_count"), &[]), Some(1.0));
        assert_eq!(value(name, &format!("{name}_sum"), &[]), Some(2.0));
    }
    assert_eq!(value("d3_subtotal", "d3_subtotal", &[]), Some(1.0));
    let page = stock.render();
    assert!(lines(&page, "d3_discount_count").is_empty(), "{page}");
    assert!(lines(&page, "d3_checksum_sum").is_empty(), "{page}");
}

#[test]
fn d4_no_format_renames_a_series() {
    ours();
    describe_histogram!("d4.wait", metrics::Unit::Seconds, "Waits.");
    histogram!("d4.wait", "a.b" => "c").record(1.0);
    let series = |page: &str| {
        let lines = lines(page, "d4_");
        let series = lines.iter().filter_map(|line| line.rsplit_once(' '));
        let series = series.map(|(series, _)| series.to_owned());
        series
            .filter(|series| !series.contains("le=") && !series.contains("_created"))
            .collect::<Vec<_>>()
    };
    let expected = ["d4_wait_sum{a_b=\"c\"}", "d4_wait_count{a_b=\"c\"}"];
    assert_eq!(series(&ours().render()), expected);
    assert_eq!(series(&ours().render_openmetrics()), expected);
}

#[test]
fn d5_label_values_stay_apart_whatever_they_hold() {
    let values = ["\\", "\\\\", "\"", "\\\"", "\n", "\\n"];
    let stock = both(|| {
        for (i, value) in (1..).zip(values) {
            gauge!("d5", "v" => value).set(f64::from(i));
        }
    });
    for (i, text) in (1..).zip(values) {
        assert_eq!(
            value("d5", "d5", &[("v", text)]),
            Some(f64::from(i)),
            "{text:?}"
        );
    }
    let page = stock.render();
    let mut of_stock = lines(&page, "d5{");
    for line in &mut of_stock {
        *line = line.rsplit_once(' ').unwrap().0;
    }
    of_stock.sort_unstable();
    of_stock.dedup();
    assert!(of_stock.len() < values.len(), "{of_stock:?}");
}

#[test]
fn d6_every_histogram_is_in_the_text_with_its_help() {
    ours();
    describe_histogram!("d6_seconds", "Help.");
    histogram!("d6_seconds").record(0.2);
    let family = families().remove("d6_seconds").expect("it is on the page");
    assert_eq!(
        (family.kind.as_str(), family.help.as_deref()),
        ("histogram", Some("Help."))
    );
    assert_eq!(family.samples.len(), 17);
}

#[test]
fn d7_an_idle_summary_is_not_fast() {
    let stock = both(|| drop(histogram!("d7_seconds")));
    let idle = value("d7_seconds", "d7_seconds", &[("quantile", "0.99")]);
    assert!(idle.is_some_and(f64::is_nan), "{idle:?}");
    assert_eq!(value("d7_seconds", "d7_seconds_count", &[]), Some(0.0));
    let page = stock.render();
    assert!(page.contains("d7_seconds{quantile=\"0.99\"} 0\n"), "{page}");
}

#[test]
fn d8_nan_poisons_no_sum() {
    let stock = both(|| {
        for name in ["d8_seconds", "d8_summary"] {
            let histogram = histogram!(name);
            histogram.record(f64::NAN);
            histogram.record(2.0);
        }
    });
    for name in ["d8_seconds", "d8_summary"] {
        assert_eq!(value(name, &format!("{name}_sum"), &[]), Some(2.0));
        assert_eq!(value(name, &format!("{name}_count"), &[]), Some(1.0));
    }
    let page = stock.render();
    assert!(page.contains("d8_seconds_sum NaN\n"), "{page}");
}
