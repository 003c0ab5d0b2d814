//! Reads an exposition page of someone else's exporter: the text format or OpenMetrics.

use std::collections::{BTreeMap, BTreeSet};

use super::InputError;
use super::labels::Labels;
use super::names::{Family, Kind, Origin};
use super::source::Source;
use super::unit::Unit;

/// The families on a page.
///
/// Labels are those of the samples that are there; a family without samples may have any. Values are not taken as a
/// domain: a page is a snapshot.
///
/// # Errors
/// If a line is neither a comment nor a sample; the error names it.
pub(crate) fn read(source: &Source) -> Result<Vec<Family>, InputError> {
    let mut types: BTreeMap<&str, Kind> = BTreeMap::new();
    let mut samples: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            if let Some((name, kind)) = rest.trim().split_once(char::is_whitespace) {
                types.insert(name, Kind::of(kind.trim()).unwrap_or(Kind::Unknown));
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            samples.push(sample(line).ok_or_else(|| InputError::Page {
                path: source.path.clone(),
                line: index + 1,
            })?);
        }
    }
    Ok(gather(&types, samples))
}

fn gather<'a>(
    types: &BTreeMap<&'a str, Kind>,
    samples: Vec<(&'a str, Vec<(&'a str, String)>)>,
) -> Vec<Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut seen: BTreeMap<String, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    for (name, labels) in samples {
        let (base, kind) = family_of(types, name);
        let family = families
            .entry(base.clone())
            .or_insert_with(|| empty(&base, kind));
        let (count, keys) = seen.entry(base).or_default();
        *count += 1;
        for (key, value) in labels {
            if take_label(family, key, &value) {
                *keys.entry(key.to_owned()).or_default() += 1;
            }
        }
    }
    for (base, (count, keys)) in seen {
        let Some(family) = families.get_mut(&base) else {
            continue;
        };
        for (key, _) in keys.iter().filter(|(_, times)| **times == count) {
            family.labels.add(key, true);
        }
        family.buckets.sort_by(f64::total_cmp);
    }
    for (name, kind) in types {
        if !families.contains_key(*name) && !families.contains_key(&format!("{name}_total")) {
            let mut family = empty(name, *kind);
            family.labels = Labels::unknown();
            families.insert((*name).to_owned(), family);
        }
    }
    families.into_values().collect()
}

/// Adds a label of a sample to its family; whether it is one that other samples may have as well.
fn take_label(family: &mut Family, key: &str, value: &str) -> bool {
    match key {
        "le" if family.kind == Kind::Histogram => {
            let edge = value.parse().ok().filter(|edge: &f64| edge.is_finite());
            let edge = edge.filter(|edge| !family.buckets.contains(edge));
            family.buckets.extend(edge);
            return false;
        }
        "quantile" if family.kind == Kind::Summary => return false,
        _ => family.labels.add(key, false),
    }
    !value.is_empty()
}

/// The family that a sample belongs to, under the name that a query uses.
fn family_of(types: &BTreeMap<&str, Kind>, name: &str) -> (String, Kind) {
    if let Some(kind) = types.get(name) {
        return (name.to_owned(), *kind);
    }
    for suffix in ["_bucket", "_sum", "_count"] {
        if let Some(base) = name.strip_suffix(suffix)
            && let Some(kind @ (Kind::Histogram | Kind::Summary)) = types.get(base)
        {
            return (base.to_owned(), *kind);
        }
    }
    // OpenMetrics types `x`, and the samples are `x_total`, `x_info`, `x_created`.
    let kind = match name.rsplit_once('_') {
        Some((base, "total" | "info")) => types.get(base).copied(),
        Some((base, "created")) if types.contains_key(base) => Some(Kind::Gauge),
        _ => None,
    };
    (name.to_owned(), kind.unwrap_or(Kind::Unknown))
}

fn empty(name: &str, kind: Kind) -> Family {
    Family {
        name: name.to_owned(),
        kind,
        unit: Unit::of("", name),
        labels: Labels::default(),
        dynamic: BTreeSet::new(),
        buckets: Vec::new(),
        origin: Origin::External,
    }
}

/// The name and labels of a sample line.
fn sample(line: &str) -> Option<(&str, Vec<(&str, String)>)> {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut labels = Vec::new();
    let mut value = rest;
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            inside = inside.trim_start_matches([',', ' ']);
            if let Some(after) = inside.strip_prefix('}') {
                value = after;
                break;
            }
            let (key, after) = inside.split_once('=')?;
            let (text, after) = quoted(after)?;
            labels.push((key.trim(), text));
            inside = after;
        }
    }
    let number = value.split_whitespace().next()?.to_ascii_lowercase();
    number
        .trim_start_matches('+')
        .parse::<f64>()
        .ok()
        .map(|_| (name, labels))
}

/// A quoted value and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.trim_start().strip_prefix('"')?;
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => {
                value.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &inside[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Result<Vec<Family>, InputError> {
        read(&Source {
            path: "p.prom".to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn labels_that_all_samples_have_are_certain_and_others_possible() {
        let families = page("# TYPE a gauge\na{x=\"1\",y=\"b}\\\"\"} 1\na{x=\"2\",y=\"\"} NaN\n")
            .expect("a page");
        assert_eq!(families[0].labels.must, ["x".to_owned()].into());
        assert_eq!(families[0].labels.may, ["y".to_owned()].into());
    }

    #[test]
    fn a_histogram_gets_its_edges_from_its_samples() {
        let families = page("# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n").expect("a page");
        assert_eq!(
            (families.len(), families[0].buckets.clone()),
            (1, vec![0.5])
        );
    }

    #[test]
    fn openmetrics_types_a_counter_without_its_suffix() {
        let families = page("# TYPE jobs counter\njobs_total 3\n# EOF\n").expect("a page");
        assert_eq!(
            (families[0].name.as_str(), families[0].kind),
            ("jobs_total", Kind::Counter)
        );
        assert_eq!(families.len(), 1);
    }

    #[test]
    fn a_line_that_is_no_sample_is_refused_by_number() {
        let error = page("a 1\n<html>\n").expect_err("no page");
        assert!(matches!(error, InputError::Page { line: 2, .. }), "{error}");
    }
}
