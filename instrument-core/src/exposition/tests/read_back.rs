//! parse(render(x)) = x, by a reader that is written from the specifications.

use std::collections::BTreeMap;

use metrics::Recorder as _;
use proptest::prelude::*;

use super::METADATA;
use crate::catalogue::FUNCTION_BUCKETS;
use crate::exposition::Format;
use crate::storage::tests::{key, recorder, text};
use crate::storage::{Options, Recorder};

#[path = "../../../tests/spec/mod.rs"]
mod spec;

use spec::{Family, Series, Spec, parse};

type Labels = BTreeMap<String, String>;

/// What is recorded: help, and for each set of labels the values.
type Recorded<V> = Vec<(Option<String>, BTreeMap<Labels, V>)>;

#[derive(Debug)]
struct Model {
    counters: Recorded<u64>,
    gauges: Recorded<f64>,
    histograms: Recorded<Vec<f64>>,
}

fn hostile() -> &'static str {
    r#"[a\\"\n \u{1F4C8}{},=\r\t#\u{0}é]{1,6}"#
}

fn recorded<V: std::fmt::Debug + 'static>(
    value: impl Strategy<Value = V> + 'static,
) -> impl Strategy<Value = Recorded<V>> {
    let labels = prop::collection::btree_map("[a-d]{1,3}", hostile(), 0..4);
    let series = prop::collection::btree_map(labels, value, 1..6);
    prop::collection::vec((prop::option::of(hostile()), series), 0..4)
}

/// Observations are at least so many eighths.
fn model(least: i32) -> impl Strategy<Value = Model> {
    let odd = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)];
    // Sums of eighths are exact in any order.
    let observed =
        prop_oneof![9 => (least..100).prop_map(|n| f64::from(n) / 8.0), 1 => odd.clone()];
    let observed = prop::collection::vec(observed, 0..20);
    let gauge = prop_oneof![4 => any::<f64>(), 1 => odd];
    (recorded(any::<u64>()), recorded(gauge), recorded(observed)).prop_map(
        |(counters, gauges, histograms)| Model {
            counters,
            gauges,
            histograms,
        },
    )
}

/// The families of a kind, by name and with their help described.
fn each<V>(
    recorder: &Recorder,
    all: &Recorded<V>,
    name: fn(usize) -> String,
    mut record: impl FnMut(&metrics::Key, &V),
) {
    for (i, (help, series)) in all.iter().enumerate() {
        if let Some(help) = help {
            recorder.describe_gauge(name(i).into(), None, help.clone().into());
        }
        for (labels, value) in series {
            let labels: Vec<_> = labels
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            record(&key(&name(i), &labels), value);
        }
    }
}

fn counter_name(i: usize) -> String {
    // Every other one has no suffix, which `OpenMetrics` does not take for a counter.
    format!("c{i}{}", if i.is_multiple_of(2) { "_total" } else { "" })
}

fn gauge_name(i: usize) -> String {
    format!("g{i}_bytes")
}

fn histogram_name(i: usize) -> String {
    format!("h{i}_seconds")
}

fn record(model: &Model) -> Recorder {
    let recorder = recorder(Options {
        created: true,
        ..Options::default()
    });
    each(&recorder, &model.counters, counter_name, |key, value| {
        recorder.register_counter(key, &METADATA).increment(*value);
    });
    each(&recorder, &model.gauges, gauge_name, |key, value| {
        recorder.register_gauge(key, &METADATA).set(*value);
    });
    each(
        &recorder,
        &model.histograms,
        histogram_name,
        |key, values| {
            let histogram = recorder.register_histogram(key, &METADATA);
            for &value in values {
                histogram.record(value);
            }
        },
    );
    recorder
}

fn family(kind: &str, help: Option<&String>, unit: Option<&str>) -> Family {
    Family {
        kind: kind.to_owned(),
        help: help.cloned(),
        unit: unit.map(str::to_owned),
        samples: BTreeMap::new(),
    }
}

/// What the page must say, without the times of `_created`.
fn expected(model: &Model, spec: Spec) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    let open = spec == Spec::OpenMetrics;
    let unit = |unit| open.then_some(unit);
    for (i, (help, series)) in model.counters.iter().enumerate() {
        let name = counter_name(i);
        let short = name.strip_suffix("_total").filter(|_| open);
        let kind = if open && short.is_none() {
            "unknown"
        } else {
            "counter"
        };
        let mut family = family(kind, help.as_ref(), None);
        for (labels, value) in series {
            let sample = (name.clone(), labels.clone());
            family.samples.insert(sample, *value as f64);
        }
        families.insert(short.unwrap_or(&name).to_owned(), family);
    }
    for (i, (help, series)) in model.gauges.iter().enumerate() {
        let mut family = family("gauge", help.as_ref(), unit("bytes"));
        for (labels, value) in series {
            family
                .samples
                .insert((gauge_name(i), labels.clone()), *value);
        }
        families.insert(gauge_name(i), family);
    }
    for (i, (help, series)) in model.histograms.iter().enumerate() {
        let mut family = family("histogram", help.as_ref(), unit("seconds"));
        for (labels, values) in series {
            let mut put = |suffix: &str, le: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(le.map(|le| ("le".to_owned(), le.to_string())));
                let name = histogram_name(i) + suffix;
                family.samples.insert((name, labels), value);
            };
            for bound in FUNCTION_BUCKETS.into_iter().chain([f64::INFINITY]) {
                let count = values.iter().filter(|&&value| value <= bound).count();
                put("_bucket", Some(bound), count as f64);
            }
            let counted = values.iter().filter(|value| !value.is_nan()).count();
            put("_count", None, counted as f64);
            let summed = values.iter().filter(|value| value.is_finite());
            put("_sum", None, summed.sum::<f64>() + 0.0);
        }
        families.insert(histogram_name(i), family);
    }
    families
}

/// Bounds as numbers, whatever their spelling, and no `_created`, whose value is a time.
fn comparable(
    families: BTreeMap<String, Family>,
) -> BTreeMap<String, (Family, BTreeMap<Series, u64>)> {
    let comparable = |mut family: Family| {
        let samples = std::mem::take(&mut family.samples);
        let samples = samples
            .into_iter()
            .filter(|((name, _), _)| !name.ends_with("_created"))
            .map(|((name, mut labels), value)| {
                if let Some(le) = labels.get_mut("le") {
                    let bound: f64 = le.parse().expect("a bound is a number");
                    *le = bound.to_string();
                }
                let value = if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                };
                ((name, labels), value.to_bits())
            });
        (family, samples.collect())
    };
    let families = families.into_iter();
    families
        .map(|(name, family)| (name, comparable(family)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_page_reads_back_as_what_was_recorded(model in model(-100)) {
        let recorder = record(&model);
        for (format, spec) in [(Format::Text, Spec::Text), (Format::OpenMetrics, Spec::OpenMetrics)] {
            let page = text(&recorder, format);
            let read = parse(&page, spec);
            prop_assert!(read.is_ok(), "{}\n{}", read.unwrap_err(), page);
            let read = read.unwrap();
            // Each series of a kind that has it tells when it began.
            let of = |suffix: &str| {
                let series = read.values().flat_map(|family| &family.samples);
                series.filter(|((name, _), _)| name.ends_with(suffix)).count()
            };
            if spec == Spec::OpenMetrics {
                prop_assert_eq!(of("_created"), of("_total") + of("_count"));
            }
            prop_assert_eq!(comparable(read), comparable(expected(&model, spec)));
            prop_assert_eq!(page, text(&recorder, format), "the order does not change");
        }
    }
}

/// Against a reader that others wrote.
mod full {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::test_runner::TestRunner;

    use super::*;

    const SCRIPT: &str = "import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text
page = sys.stdin.buffer.read().decode()
read = openmetrics if page.endswith('# EOF\\n') else text
print(sum(len(family.samples) for family in read(page)))";

    fn samples_by_python(page: &str) -> Result<usize, String> {
        let mut child = Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is installed by ./test.sh --full");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(page.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.trim()
            .parse()
            .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[test]
    #[ignore = "needs Python's prometheus_client"]
    fn python_reads_both_formats() {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
        // It takes no sum below zero, which Prometheus itself does.
        let checked = runner.run(&model(0), |model| {
            let recorder = record(&model);
            for format in [Format::Text, Format::OpenMetrics] {
                let page = text(&recorder, format);
                let lines = page.lines().filter(|line| !line.starts_with('#'));
                prop_assert_eq!(samples_by_python(&page), Ok(lines.count()), "{}", page);
            }
            Ok(())
        });
        checked.unwrap();
    }
}
