//! What an operator makes of two results: labels, unit, bounds.

use promql_parser::parser::{BinModifier, VectorMatchCardinality};

use super::meeting;
use crate::lint::infer::no_buckets;
use crate::lint::labels::Labels;
use crate::lint::shape::{Flow, Shape};
use crate::lint::unit::{Range, Unit};

/// The operator with its sides exchanged.
pub(super) fn mirrored(op: &str) -> &str {
    match op {
        ">" => "<",
        "<" => ">",
        ">=" => "<=",
        "<=" => ">=",
        other => other,
    }
}

pub(super) fn scalars(op: &str, left: &Shape, right: &Shape) -> Shape {
    let number = left.number.zip(right.number).and_then(|(a, b)| {
        Some(match op {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "^" => a.powf(b),
            "%" => a % b,
            _ => return None,
        })
    });
    if let Some(value) = number {
        return Shape::number(value);
    }
    Shape::scalar(unit_of(op, left, right))
}

fn unit_of(op: &str, left: &Shape, right: &Shape) -> Unit {
    match (op, left.number, right.number) {
        ("*", _, Some(factor)) => left.unit.scaled(factor),
        ("*", Some(factor), _) => right.unit.scaled(factor),
        ("/", _, Some(divisor)) => left.unit.scaled(1.0 / divisor),
        ("+" | "-", _, Some(_)) => left.unit,
        ("-", _, _) => left.unit.minus(right.unit),
        ("+", _, _) if left.unit == right.unit || right.unit == Unit::Unknown => left.unit,
        ("+", _, _) if left.unit == Unit::Unknown => right.unit,
        _ => Unit::Unknown,
    }
}

pub(super) fn with_number(op: &str, left: Shape, right: &Shape) -> Shape {
    let unit = unit_of(op, &left, right);
    let range = right
        .number
        .map_or_else(Range::default, |factor| left.range.with_number(op, factor));
    let buckets = match right.number {
        Some(factor) if matches!(op, "*" | "/") && !left.buckets.is_empty() => left
            .buckets
            .iter()
            .map(|edge| {
                if op == "*" {
                    edge * factor
                } else {
                    edge / factor
                }
            })
            .collect(),
        _ => left.buckets.clone(),
    };
    Shape {
        unit,
        range,
        buckets,
        number: None,
        ..left
    }
}

pub(super) fn number_with(op: &str, left: &Shape, right: Shape) -> Shape {
    let range = match (op, left.number) {
        ("*" | "+", Some(number)) => right.range.with_number(op, number),
        ("-", Some(number)) => {
            let minus = right.range.with_number("-", number);
            Range::new(-minus.high, -minus.low)
        }
        _ => Range::default(),
    };
    Shape {
        flow: if op == "*" { right.flow } else { Flow::Unknown },
        unit: unit_of(op, left, &right),
        range,
        buckets: no_buckets(),
        ..right
    }
}

/// The result of an operator between two vectors.
pub(super) fn matched(
    op: &str,
    compares: bool,
    modifier: Option<&BinModifier>,
    left: Shape,
    right: &Shape,
) -> Shape {
    let filtered = Shape {
        selected: None,
        metric: left.metric.clone().or_else(|| right.metric.clone()),
        aggregated: left.aggregated || right.aggregated,
        ..left
    };
    let labels = joined(modifier, &filtered.labels, &right.labels);
    match op {
        "and" | "unless" => filtered,
        "or" => either(filtered, right),
        _ if compares && modifier.is_some_and(|modifier| modifier.return_bool) => Shape {
            labels,
            range: Range::new(0.0, 1.0),
            ..filtered.same_labels()
        },
        _ if compares => Shape { labels, ..filtered },
        _ => Shape {
            labels,
            ..computed(op, filtered, right)
        },
    }
}

/// Arithmetic between two vectors.
fn computed(op: &str, left: Shape, right: &Shape) -> Shape {
    // Seconds a second over calls a second are seconds a call.
    let per_event = op == "/"
        && left.per_second == right.per_second
        && right.unit == Unit::Unknown
        && left.flow == right.flow
        && matches!(left.flow, Flow::Rate | Flow::Counter);
    let both_positive =
        left.range.low >= 0.0 && right.range.low >= 0.0 && matches!(op, "+" | "*" | "/");
    Shape {
        flow: Flow::Unknown,
        unit: if per_event {
            left.unit
        } else {
            unit_of(op, &left, right)
        },
        per_second: !per_event && op != "/" && (left.per_second || right.per_second),
        range: if both_positive {
            Range::at_least(0.0)
        } else {
            Range::default()
        },
        number: None,
        buckets: if per_event && !left.bucket_series {
            left.buckets.clone()
        } else {
            no_buckets()
        },
        bucket_series: left.bucket_series && right.bucket_series,
        ..left
    }
}

fn either(left: Shape, right: &Shape) -> Shape {
    let range = Range::new(
        left.range.low.min(right.range.low),
        left.range.high.max(right.range.high),
    );
    Shape {
        labels: left.labels.either(&right.labels),
        flow: if left.flow == right.flow {
            left.flow
        } else {
            Flow::Unknown
        },
        unit: if left.unit == right.unit {
            left.unit
        } else {
            Unit::Unknown
        },
        range,
        selected: None,
        aggregated: left.aggregated || right.aggregated,
        metric: left.metric.clone().or_else(|| right.metric.clone()),
        ..left
    }
}

/// The labels that matching leaves.
fn joined(modifier: Option<&BinModifier>, left: &Labels, right: &Labels) -> Labels {
    let on = modifier.and_then(|modifier| modifier.matching.as_ref());
    let (many, one, extra) = match modifier.map(|modifier| &modifier.card) {
        Some(VectorMatchCardinality::ManyToOne(extra)) => (left, right, extra),
        Some(VectorMatchCardinality::OneToMany(extra)) => (right, left, extra),
        _ => return meeting(left, on),
    };
    let mut labels = many.clone();
    for key in &extra.labels {
        labels.add(key, one.has(key));
    }
    labels
}
