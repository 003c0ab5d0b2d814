//! A selector: does the metric exist, and its labels, and their values.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::VectorSelector;
use promql_parser::parser::token::T_EQL_REGEX;

use super::{Infer, no_buckets, quoted};
use crate::lint::code::Code;
use crate::lint::labels::Labels;
use crate::lint::names::{Kind, Origin, Part, Series, nearest};
use crate::lint::query::is_variable;
use crate::lint::shape::{Flow, Selected, Shape};
use crate::lint::unit::{Range, Unit};

impl Infer<'_> {
    pub(super) fn selector(&mut self, selector: &VectorSelector) -> Shape {
        let matchers = &selector.matchers.matchers;
        let by_name = matchers.iter().find(|matcher| matcher.name == "__name__");
        let exact = by_name.filter(|matcher| matches!(matcher.op, MatchOp::Equal));
        let name = match (&selector.name, exact) {
            (Some(name), _) => name.as_str(),
            (None, Some(matcher)) => matcher.value.as_str(),
            (None, None) => {
                if let Some(matcher) = by_name {
                    let fitting = self.names.fitting(|name| matcher.is_match(name));
                    self.used.extend(fitting);
                }
                return Shape::unknown();
            }
        };
        if is_variable(name) || !selector.matchers.or_matchers.is_empty() {
            return Shape::unknown();
        }
        self.named(name, matchers)
    }

    fn named(&mut self, name: &str, matchers: &[Matcher]) -> Shape {
        let mut shape = if let Some(recorded) = self.names.recorded.get(name) {
            self.used.push(name.to_owned());
            recorded.shape.clone()
        } else if let Some(series) = self.names.series(name) {
            self.used.push(series.family.name.clone());
            self.of_series(name, series, matchers)
        } else {
            self.unknown_metric(name);
            return Shape::unknown();
        };
        if self.asking_absence {
            self.absent.push(name.to_owned());
        }
        for matcher in matchers.iter().filter(|matcher| matcher.name != "__name__") {
            self.matcher(name, &mut shape.labels, matcher);
        }
        shape.metric = Some(Rc::from(name));
        shape.selected = Some(Selected {
            name: Rc::from(name),
            matchers: spelled(matchers),
        });
        shape
    }

    fn of_series(&mut self, name: &str, series: Series<'_>, matchers: &[Matcher]) -> Shape {
        let family = series.family;
        let counts =
            series.part != Part::Whole && matches!(family.kind, Kind::Histogram | Kind::Summary);
        let flow = match family.kind {
            _ if counts => Flow::Counter,
            Kind::Counter => Flow::Counter,
            Kind::Gauge | Kind::Summary => Flow::Gauge,
            _ => Flow::Unknown,
        };
        if series.part == Part::Bucket {
            self.edges(name, &family.buckets, matchers);
        }
        let unit = match series.part {
            Part::Whole | Part::Sum => family.unit,
            Part::Bucket | Part::Count => Unit::Unknown,
        };
        let range = match (name, flow) {
            ("up", _) => Range::new(0.0, 1.0),
            (_, Flow::Counter) => Range::at_least(0.0),
            _ => Range::default(),
        };
        Shape {
            labels: self.names.labels(series),
            flow,
            unit,
            bucket_unit: family.unit,
            range,
            buckets: if family.buckets.is_empty() {
                no_buckets()
            } else {
                Rc::from(family.buckets.as_slice())
            },
            bucket_series: series.part == Part::Bucket,
            foreign: (family.origin == Origin::External).then(|| {
                family
                    .labels
                    .keys()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            }),
            ..Shape::default()
        }
    }

    fn unknown_metric(&mut self, name: &str) {
        let hint = if let Some(histogram) = self.names.histogram(name) {
            let base = &histogram.name;
            format!(
                "; `{base}` is a histogram: its series are `{base}_bucket`, `{base}_sum` and `{base}_count`"
            )
        } else {
            match self.names.nearest(name) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => "; add its exporter's page with --external, or remove it".to_owned(),
            }
        };
        let text = format!("no catalogue, page or recording rule has the metric `{name}`{hint}");
        self.mark(Code::UnknownMetric, [name.to_owned()], text);
    }

    fn matcher(&mut self, metric: &str, labels: &mut Labels, matcher: &Matcher) {
        let key = &matcher.name;
        let needles = || {
            let bare = format!("{key}{}", matcher.op);
            [format!("{bare}\"{}\"", matcher.value), bare]
        };
        if !labels.can_have(key) {
            let [_, bare] = needles();
            let text = unknown_label(&format!("`{metric}`"), labels, key);
            self.mark(Code::UnknownLabel, [bare, key.clone()], text);
            return;
        }
        if is_variable(&matcher.value) {
            labels.values.remove(key);
            return;
        }
        if key != "le"
            && let Some(domain) = labels.values.get(key).cloned()
        {
            if let Some(text) = outside(metric, matcher, &domain) {
                self.mark(Code::ImpossibleValue, needles(), text);
                return;
            }
            let left = domain.into_iter().filter(|value| matcher.is_match(value));
            labels.values.insert(key.clone(), left.collect());
        } else if key != "le" && matches!(matcher.op, MatchOp::Equal) && !matcher.value.is_empty() {
            labels.add(key, true);
            labels
                .values
                .insert(key.clone(), [matcher.value.clone()].into());
        }
        if matcher.value.is_empty() && matches!(matcher.op, MatchOp::Equal) {
            labels.remove(key);
        }
    }

    fn edges(&mut self, name: &str, buckets: &[f64], matchers: &[Matcher]) {
        for matcher in matchers
            .iter()
            .filter(|matcher| matcher.name == "le" && !buckets.is_empty())
        {
            let values = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => vec![matcher.value.clone()],
                _ => matcher
                    .value
                    .split('|')
                    .map(|edge| edge.replace('\\', ""))
                    .collect(),
            };
            let wrong = values.iter().find_map(|value| {
                let edge: f64 = value.parse().ok()?;
                let is_edge = edge.is_infinite()
                    || buckets
                        .iter()
                        .any(|known| (known - edge).abs() <= 1e-12 * edge.abs());
                (!is_edge).then(|| (value.clone(), edge))
            });
            if let Some((value, edge)) = wrong {
                let text = no_edge(name, buckets, &value, edge);
                self.mark(
                    Code::NoEdge,
                    [
                        format!("le{}\"{}\"", matcher.op, matcher.value),
                        "le".to_owned(),
                    ],
                    text,
                );
            }
        }
    }
}

/// The message for a `le` that no bucket has.
fn no_edge(name: &str, buckets: &[f64], value: &str, edge: f64) -> String {
    let distance = |other: &f64| (other - edge).abs();
    let nearest = buckets
        .iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let edges: Vec<_> = buckets.iter().map(ToString::to_string).collect();
    format!(
        "`le=\"{value}\"` is no bucket edge of `{name}`, so it selects nothing; the nearest is {}; edges: {}",
        nearest.copied().unwrap_or_default(),
        edges.join(" "),
    )
}

/// The message for a label that is not there.
pub(crate) fn unknown_label(what: &str, labels: &Labels, key: &str) -> String {
    let keys = labels.keys();
    let hint = nearest(key, keys.iter().copied())
        .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let certain: Vec<&str> = labels.must.iter().map(String::as_str).collect();
    format!(
        "{what} has no label `{key}`{hint}; it has {} (--target-label adds one of the scrape configuration)",
        quoted(certain)
    )
}

/// Why a matcher on a finite domain selects nothing, or names a value that cannot be.
fn outside(metric: &str, matcher: &Matcher, domain: &BTreeSet<String>) -> Option<String> {
    let key = &matcher.name;
    let value = matcher.value.as_str();
    let pieces = match &matcher.op {
        MatchOp::NotEqual if value.is_empty() => return None,
        MatchOp::Equal | MatchOp::NotEqual => vec![value],
        MatchOp::Re(_) | MatchOp::NotRe(_) => alternatives(value),
    };
    let can_be = |piece: &str| {
        piece.is_empty() && !matches!(matcher.op, MatchOp::Equal)
            || Matcher::new_matcher(
                T_EQL_REGEX,
                key.clone(),
                if is_regex(matcher) {
                    piece.to_owned()
                } else {
                    escaped(piece)
                },
            )
            .is_ok_and(|piece| domain.iter().any(|known| piece.is_match(known)))
    };
    if let Some(wrong) = pieces.iter().find(|piece| !can_be(piece)) {
        let hint = nearest(wrong, domain.iter().map(String::as_str)).or_else(|| {
            domain
                .iter()
                .map(String::as_str)
                .find(|known| known.eq_ignore_ascii_case(wrong))
        });
        let hint = hint.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        return Some(format!(
            "`{key}` of `{metric}` can never be `{wrong}`{hint}; it is one of {}",
            quoted(domain.iter().map(String::as_str))
        ));
    }
    let none_left = !domain.is_empty() && !domain.iter().any(|known| matcher.is_match(known));
    none_left.then(|| {
        format!(
            "`{key}{}\"{value}\"` excludes every value that `{key}` of `{metric}` can have",
            matcher.op
        )
    })
}

fn is_regex(matcher: &Matcher) -> bool {
    matches!(matcher.op, MatchOp::Re(_) | MatchOp::NotRe(_))
}

/// A literal as a regular expression.
fn escaped(literal: &str) -> String {
    let mut out = String::with_capacity(literal.len());
    for c in literal.chars() {
        if !(c.is_alphanumeric() || c == '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The alternatives of a regular expression at its top level; the whole, if it has groups.
fn alternatives(pattern: &str) -> Vec<&str> {
    let inner = pattern
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .map_or(pattern, |inner| inner.strip_prefix("?:").unwrap_or(inner));
    let nested = |text: &str| text.contains(['(', '[', '\\']);
    if nested(inner) {
        vec![pattern]
    } else {
        inner.split('|').collect()
    }
}

fn spelled(matchers: &[Matcher]) -> BTreeMap<String, String> {
    matchers
        .iter()
        .map(|matcher| {
            (
                matcher.name.clone(),
                format!("{}{}", matcher.op, matcher.value),
            )
        })
        .collect()
}

/// Whether a metric's absence shows in the exporter's own `up`.
pub(crate) fn of_someone_else(origin: Origin) -> bool {
    origin == Origin::External
}
