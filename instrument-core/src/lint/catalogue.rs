//! Reads a program's catalogue: `{"schema": 1, "metrics": […]}`.

use std::collections::BTreeSet;

use super::InputError;
use super::labels::Labels;
use super::names::{Family, Kind, Origin};
use super::node::{self, Node, Value};
use super::source::Source;
use super::unit::Unit;

/// The version of the catalogue's format that is understood.
const SCHEMA: &str = "1";

/// The families of a catalogue, each with the place of its name in the file.
///
/// # Errors
/// If the file is no catalogue of this schema; the error names the field and the line.
pub(crate) fn read(source: &Source) -> Result<Vec<(Family, usize)>, InputError> {
    let root = node::json(source)?;
    let wrong = |at, expected| InputError::field(source, at, expected);
    if root.text_of("schema") != Some(SCHEMA) {
        let at = root.get("schema").map_or(root.at, |schema| schema.at);
        return Err(wrong(at, "`schema` to be 1"));
    }
    let metrics = root.get("metrics");
    let at = metrics.map_or(root.at, |metrics| metrics.at);
    let Some(Value::List(metrics)) = metrics.map(|metrics| &metrics.value) else {
        return Err(wrong(at, "a list `metrics`"));
    };
    metrics
        .iter()
        .map(|metric| family(source, metric))
        .collect()
}

fn family(source: &Source, metric: &Node) -> Result<(Family, usize), InputError> {
    let wrong = |at, expected| InputError::field(source, at, expected);
    let name = metric
        .get("name")
        .ok_or_else(|| wrong(metric.at, "a metric to have a `name`"))?;
    let text = name
        .text()
        .ok_or_else(|| wrong(name.at, "`name` to be a string"))?;
    let kind_at = metric.get("kind").map_or(metric.at, |kind| kind.at);
    let kind = metric
        .text_of("kind")
        .and_then(|kind| Kind::of(&kind.to_ascii_lowercase()))
        .ok_or_else(|| {
            wrong(
                kind_at,
                "`kind` to be counter, gauge, histogram, summary or info",
            )
        })?;
    let (labels, dynamic) = labels(source, metric)?;
    let buckets = buckets(source, metric)?.into_iter();
    let family = Family {
        name: text.to_owned(),
        kind,
        unit: Unit::of(metric.text_of("unit").unwrap_or_default(), text),
        labels,
        dynamic,
        buckets: buckets.filter(|edge| edge.is_finite()).collect(),
        origin: Origin::Catalogue,
    };
    Ok((family, name.at))
}

/// The list under a key; none, if it is not there or `null`.
fn list<'a>(
    source: &Source,
    metric: &'a Node,
    key: &str,
    expected: &'static str,
) -> Result<&'a [Node], InputError> {
    match metric.get(key) {
        None => Ok(&[]),
        Some(node) if node.text() == Some("null") => Ok(&[]),
        Some(node) => match &node.value {
            Value::List(items) => Ok(items),
            _ => Err(InputError::field(source, node.at, expected)),
        },
    }
}

fn buckets(source: &Source, metric: &Node) -> Result<Vec<f64>, InputError> {
    let expected = "`buckets` to be a list of numbers, or null";
    let edges = list(source, metric, "buckets", expected)?.iter();
    let number = |edge: &Node| edge.text()?.parse().ok();
    edges
        .map(|edge| number(edge).ok_or_else(|| InputError::field(source, edge.at, expected)))
        .collect()
}

fn labels(source: &Source, metric: &Node) -> Result<(Labels, BTreeSet<String>), InputError> {
    let mut labels = Labels::default();
    let mut dynamic = BTreeSet::new();
    for label in list(source, metric, "labels", "`labels` to be a list")? {
        let key = label
            .text_of("key")
            .ok_or_else(|| InputError::field(source, label.at, "a label to have a `key`"))?;
        labels.add(key, true);
        match label.get("values").map(|values| &values.value) {
            Some(Value::List(values)) => {
                let values = values.iter().filter_map(Node::text).map(str::to_owned);
                labels.values.insert(key.to_owned(), values.collect());
            }
            _ => {
                dynamic.insert(key.to_owned());
            }
        }
    }
    Ok((labels, dynamic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(text: &str) -> Result<Vec<(Family, usize)>, InputError> {
        read(&Source {
            path: "c.json".to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn finite_and_configured_labels_are_told_apart() {
        let families = catalogue(
            r#"{"schema": 1, "metrics": [{"name": "ws_connected", "kind": "gauge", "unit": null, "help": "h",
               "labels": [{"key": "symbol", "values": null}, {"key": "side", "values": ["BUY", "SELL"]}],
               "buckets": null, "sites": []}]}"#,
        )
        .expect("a catalogue");
        let family = &families[0].0;
        assert!(family.dynamic.contains("symbol") && !family.dynamic.contains("side"));
        assert_eq!(family.labels.values["side"].len(), 2);
    }

    #[test]
    fn a_wrong_kind_is_refused_with_its_line() {
        let error =
            catalogue("{\"schema\": 1, \"metrics\": [\n{\"name\": \"x\", \"kind\": \"meter\"}]}")
                .expect_err("wrong");
        assert!(error.to_string().starts_with("c.json:2:"), "{error}");
    }

    #[test]
    fn what_is_no_list_is_refused_by_name() {
        let of = |field: &str| {
            let text = format!(
                r#"{{"schema": 1, "metrics": [{{"name": "x", "kind": "histogram", {field}}}]}}"#
            );
            catalogue(&text).expect_err("wrong").to_string()
        };
        assert!(of(r#""labels": {"a": 1}"#).ends_with("expected `labels` to be a list"));
        assert!(
            of(r#""buckets": ["a"]"#)
                .ends_with("expected `buckets` to be a list of numbers, or null")
        );
        assert!(catalogue(r#"{"schema": 1, "metrics": 5}"#).is_err());
    }

    #[test]
    fn another_schema_is_refused() {
        assert!(catalogue("{\"schema\": 2, \"metrics\": []}").is_err());
    }
}
