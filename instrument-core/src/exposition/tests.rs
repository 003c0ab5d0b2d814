//! Pages read back: by our own reader, by a strict one, by that of Prometheus, and beside the facade's own exporter.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use metrics::Recorder as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use proptest::prelude::*;

use super::*;
use crate::catalogue::FUNCTION_BUCKETS;
use crate::storage::Options;
use crate::storage::tests::{key, recorder, text};

mod read_back;

const METADATA: metrics::Metadata<'_> = metrics::Metadata::new("", metrics::Level::INFO, None);

/// One call of the facade.
#[derive(Debug, Clone)]
struct Call {
    kind: u8,
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

fn make(recorder: &dyn metrics::Recorder, calls: &[Call]) {
    for call in calls {
        let labels: Vec<_> = call
            .labels
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let key = key(&call.name, &labels);
        match call.kind {
            0 => recorder
                .register_counter(&key, &METADATA)
                .increment(call.value.abs() as u64),
            1 => recorder.register_gauge(&key, &METADATA).set(call.value),
            2 => recorder
                .register_gauge(&key, &METADATA)
                .increment(call.value),
            _ => recorder
                .register_histogram(&key, &METADATA)
                .record(call.value),
        }
    }
}

fn calls(
    name: &'static str,
    label_key: &'static str,
    label_value: &'static str,
    value: impl Strategy<Value = f64> + 'static,
) -> impl Strategy<Value = Vec<Call>> {
    let labels = prop::collection::vec((label_key, label_value), 0..4);
    let call = (0..4u8, name, labels, value).prop_map(|(kind, name, labels, value)| Call {
        kind,
        name,
        labels,
        value,
    });
    prop::collection::vec(call, 1..60)
}

/// Anything a crate might say.
fn hostile() -> impl Strategy<Value = Vec<Call>> {
    let value = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        -10.0..10.0f64
    ];
    calls(
        "[ab.é:_]{0,3}(_total|_sum|_count|_bucket|_created|)",
        "[ab.é_0]{0,2}|le|quantile|__name__",
        r#"[a\\"\n \u{1F4C8}{},=\r\t\u{0}]{0,4}"#,
        value,
    )
}

/// Checks a page by the rules of its format and returns its samples. Panics at the first mistake.
fn strict(page: &str, format: Format) -> BTreeSet<String> {
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind) = ("", "");
    assert!(page.is_empty() || page.ends_with('\n'));
    for line in page.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            (family, kind) = rest.split_once(' ').expect("a type");
            assert!(families.insert(family), "{family} comes twice");
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, key) = read(line);
        let suffix = name.strip_prefix(family).expect("a line of the family");
        let expected: &[&str] = match (kind, format) {
            ("counter", Format::Text) | ("gauge" | "unknown", _) => &[""],
            ("counter", Format::OpenMetrics) => &["_total", "_created"],
            ("histogram", Format::Text) => &["_bucket", "_sum", "_count"],
            ("histogram", Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
            other => panic!("{other:?}"),
        };
        assert!(expected.contains(&suffix), "{line} in a {kind}");
        assert!(series.insert(key.clone()), "{key} comes twice");
    }
    assert_eq!(page.ends_with("# EOF\n"), format == Format::OpenMetrics);
    series
}

/// The name, and the name with its labels sorted and without empty ones.
fn read(line: &str) -> (&str, String) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_end = line
        .find(|c: char| !word(c) && c != ':')
        .expect("a name ends");
    let (name, mut rest) = line.split_at(name_end);
    assert!(
        !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()),
        "{line}"
    );
    let mut labels = BTreeSet::new();
    let mut keys = BTreeSet::new();
    while let Some(inside) = rest.strip_prefix(['{', ',']) {
        let (key, quoted) = inside.split_once("=\"").expect("a value");
        assert!(key.chars().all(word) && !key.starts_with("__"), "{line}");
        assert!(!key.is_empty() && !key.starts_with(|c: char| c.is_ascii_digit()));
        assert!(keys.insert(key), "{key} twice in {line}");
        let (mut escaped, mut end) = (false, None);
        for (at, c) in quoted.char_indices() {
            if escaped {
                assert!(['\\', '"', 'n'].contains(&c), "{line}");
            } else if c == '"' {
                end = Some(at);
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let (value, after) = quoted.split_at(end.expect("a closing quote"));
        if !value.is_empty() {
            labels.insert(format!("{key}={value}"));
        }
        rest = after[1..].strip_prefix('}').unwrap_or(&after[1..]);
    }
    let number = rest.strip_prefix(' ').expect("a space before the number");
    number.parse::<f64>().expect("a number");
    (name, format!("{name}{labels:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_call_makes_an_invalid_page(calls in hostile(), help in r#"[a\\"\n]{0,5}"#) {
        let global_labels = vec![("le".to_owned(), help.clone())];
        let recorder = recorder(Options { created: true, global_labels, ..Options::default() });
        for call in &calls {
            recorder.describe_counter(call.name.clone().into(), None, help.clone().into());
        }
        make(&recorder, &calls);
        let of_text = strict(&text(&recorder, Format::Text), Format::Text);
        let of_openmetrics = strict(&text(&recorder, Format::OpenMetrics), Format::OpenMetrics);
        let same: BTreeSet<_> = of_openmetrics.iter().filter(|series| of_text.contains(*series)).collect();
        // `le` is written differently, as the formats want it; nothing else is.
        let other = of_text.iter().filter(|series| !same.contains(series));
        prop_assert!(other.clone().all(|series| series.contains("_bucket")), "{:?}", other.collect::<Vec<_>>());
    }

    /// Gauges with any label values and values read back as they were set.
    #[test]
    fn what_is_written_reads_back(
        gauges in prop::collection::btree_map(
            prop::collection::btree_map("[a-z]{1,3}", r#"[a\\"\n \u{1F4C8}{},=\r\t#]{1,6}"#, 0..4),
            any::<f64>(),
            1..20,
        )
    ) {
        let recorder = recorder(Options::default());
        let calls: Vec<_> = gauges.iter().map(|(labels, &value)| Call {
            kind: 1,
            name: "g".to_owned(),
            labels: labels.clone().into_iter().collect(),
            value,
        }).collect();
        make(&recorder, &calls);
        for format in [Format::Text, Format::OpenMetrics] {
            let page = Samples::parse(&text(&recorder, format));
            prop_assert_eq!(page.series("g"), gauges.len());
            for call in &calls {
                let labels: Vec<_> = call.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                let read = page.get("g", &labels).unwrap();
                let same = read.to_bits() == (call.value + 0.0).to_bits() || read.is_nan() && call.value.is_nan();
                prop_assert!(same, "{} {}", read, call.value);
            }
        }
    }

    /// The same calls through the facade's own exporter give the same samples, its listed defects apart: so names
    /// that need no change and are of one kind, plain label values, finite numbers.
    #[test]
    fn the_facades_own_exporter_agrees(calls in calls("[abc]", "[kl]", "[xyz é,={}]{1,2}", (-1000i32..1000).prop_map(f64::from)).prop_map(by_kind)) {
        let ours = recorder(Options::default());
        let stock = PrometheusBuilder::new().set_buckets(&FUNCTION_BUCKETS).unwrap().build_recorder();
        make(&ours, &calls);
        make(&stock, &calls);
        let (ours, stock) = (text(&ours, Format::Text), stock.handle().render());
        let heads = |page: &str| page.lines().filter(|line| line.starts_with("# TYPE")).map(str::to_owned).collect::<BTreeSet<_>>();
        prop_assert_eq!(heads(&ours), heads(&stock));
        prop_assert_eq!(normal(&ours), normal(&stock));
    }
}

/// One kind for each name, a label key once, and whole eighths as values, of which sums are exact in any order.
fn by_kind(calls: Vec<Call>) -> Vec<Call> {
    calls
        .into_iter()
        .map(|call| Call {
            labels: BTreeMap::from_iter(call.labels).into_iter().collect(),
            name: format!(
                "{}{}",
                call.name,
                ["c", "g", "g", "h"][usize::from(call.kind)]
            ),
            value: call.value / 8.0,
            kind: call.kind,
        })
        .collect()
}

/// Samples by name and labels without empty ones, which Prometheus takes for absent.
fn normal(page: &str) -> Vec<(String, String)> {
    let lines = page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut all: Vec<_> = lines
        .map(|line| {
            let number: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            (read(line).1, format!("{number}"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn formats_differ_only_where_they_must() {
    let recorder = recorder(Options {
        created: true,
        ..Options::default()
    });
    recorder.describe_counter("a_seconds_total".into(), None, "Time\nspent.".into());
    recorder
        .register_counter(&key("a_seconds_total", &[("k", "v")]), &METADATA)
        .increment(2);
    recorder
        .register_counter(&key("b", &[]), &METADATA)
        .increment(3);
    assert_eq!(
        text(&recorder, Format::Text),
        "# HELP a_seconds_total Time\\nspent.\n# TYPE a_seconds_total counter\na_seconds_total{k=\"v\"} 2\n\
         # TYPE b counter\nb 3\n"
    );
    let page = text(&recorder, Format::OpenMetrics);
    let created = Samples::parse(&page)
        .get("a_seconds_created", &[("k", "v")])
        .unwrap();
    let known = page.replace(&format!("{{k=\"v\"}} {created}"), "{k=\"v\"} NOW");
    assert_eq!(
        known,
        "# HELP a_seconds Time\\nspent.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
         a_seconds_total{k=\"v\"} 2\na_seconds_created{k=\"v\"} NOW\n# TYPE b unknown\nb 3\n# EOF\n"
    );
}

/// A computed family of one sample, if it is known.
pub(crate) struct Fixed(&'static str, Option<f64>);

impl Computed for Fixed {
    fn name(&self) -> &'static str {
        self.0
    }

    fn kind(&self) -> Kind {
        Kind::Gauge
    }

    fn help(&self) -> &'static str {
        "Computed."
    }

    fn write(&self, sink: &mut Sink<'_>) {
        sink.put_known(self.1);
        if let Some(value) = self.1 {
            sink.put(&[("k", "\"")], value);
        }
    }
}

#[test]
fn a_registered_family_wins_over_a_computed_one() {
    let pairs = [("env", "x"), ("k", "overridden"), ("env", "y")];
    let recorder = recorder(Options {
        global_labels: pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        ..Options::default()
    });
    recorder
        .register_gauge(&key("process_threads", &[]), &METADATA)
        .set(3.0);
    let all = [
        Fixed("a", Some(1.5)),
        Fixed("n", None),
        Fixed("process_threads", Some(1.0)),
        Fixed("z", Some(f64::NAN)),
    ];
    let mut out = String::new();
    page(&mut out, &recorder.registry().page(), all, Format::Text);
    assert_eq!(
        out,
        "# HELP a Computed.\n# TYPE a gauge\n\
         a{env=\"y\",k=\"overridden\"} 1.5\na{env=\"y\",k=\"\\\"\"} 1.5\n\
         # TYPE process_threads gauge\nprocess_threads{env=\"y\",k=\"overridden\"} 3\n\
         # HELP z Computed.\n# TYPE z gauge\n\
         z{env=\"y\",k=\"overridden\"} NaN\nz{env=\"y\",k=\"\\\"\"} NaN\n"
    );
}

/// What `promtool check metrics` says: 0 nothing, 1 it cannot read the page, 3 it dislikes names. The program is
/// looked up in the path, or given by `PROMTOOL`.
fn promtool(page: &str) -> (Option<i32>, String) {
    let program = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
#[ignore = "needs promtool"]
fn promtool_reads_every_hostile_page() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let checked = runner.run(&hostile(), |calls| {
        let recorder = recorder(Options::default());
        make(&recorder, &calls);
        let page = text(&recorder, Format::Text);
        let (code, said) = promtool(&page);
        prop_assert!(matches!(code, Some(0 | 3)), "{code:?} {said}\n{page}");
        Ok(())
    });
    checked.unwrap();
}
