//! A comparison with a number: can it be true, and does the number have the unit.

use promql_parser::parser::{BinaryExpr, Expr};

use crate::lint::code::Code;
use crate::lint::infer::function::edges;
use crate::lint::infer::{Infer, bare, spellings};
use crate::lint::shape::{Flow, Shape};
use crate::lint::unit::{Range, Unit};

/// Names of what lasts moments: a hundred seconds of it is a mistake of unit.
const SHORT_LIVED: &[&str] = &[
    "latency",
    "rtt",
    "round_trip",
    "response_time",
    "request_duration",
];
/// From here on a duration that is short by its name is taken for milliseconds, in seconds.
const LONG_FOR_A_LATENCY: f64 = 100.0;
/// Any point in time of the last decades is greater, in seconds since 1970.
const EARLIEST_TIMESTAMP: f64 = 1e9;

impl Infer<'_> {
    /// `vector op scalar`.
    pub(super) fn compared(
        &mut self,
        binary: &BinaryExpr,
        op: &str,
        vector: Shape,
        scalar: &Shape,
    ) -> Shape {
        let bool = binary
            .modifier
            .as_ref()
            .is_some_and(|modifier| modifier.return_bool);
        let limit = scalar.number.map_or_else(Range::default, Range::point);
        let left = vector.range.filtered(op, limit);
        if let Some(number) = scalar.number.filter(|_| !bool) {
            self.judge(binary, op, &vector, number, left.is_none());
        }
        if bool {
            return Shape {
                range: Range::new(0.0, 1.0),
                selected: None,
                ..vector.same_labels()
            };
        }
        Shape {
            range: left.unwrap_or_default(),
            selected: None,
            flow: filtered(vector.flow),
            ..vector
        }
    }

    fn judge(&mut self, binary: &BinaryExpr, op: &str, vector: &Shape, number: f64, never: bool) {
        let needles = || spellings(&Expr::Binary(binary.clone()));
        if let Some(text) = unit_fault(vector, number) {
            self.mark(Code::Unit, needles(), text);
        } else if never {
            let text = format!("`{op} {number}` is never true: {}", why_never(vector));
            self.mark(Code::NeverTrue, needles(), text);
        } else if let Some(text) = between_edges(binary, vector, number) {
            self.mark(Code::BetweenEdges, needles(), text);
        } else if vector.flow == Flow::Counter
            && !(number == 0.0 && (op == "==" || self.is_condition))
        {
            let name = vector.name();
            let text = format!(
                "the counter `{name}` is compared as it stands, so this depends on the last restart; use `increase({name}[…])` or `rate`"
            );
            self.mark(Code::RawCounter, needles(), text);
        }
    }
}

/// A quantile of our own histogram, held against a number that no bucket counts up to.
fn between_edges(binary: &BinaryExpr, vector: &Shape, number: f64) -> Option<String> {
    let is_quantile =
        matches!(bare(&binary.lhs), Expr::Call(call) if call.func.name == "histogram_quantile");
    if !is_quantile || vector.foreign.is_some() {
        return None;
    }
    let above = vector.buckets.iter().position(|edge| *edge >= number)?;
    let (below, edge) = (
        vector.buckets.get(above.checked_sub(1)?)?,
        vector.buckets[above],
    );
    ((edge - number).abs() > 1e-12 * edge).then(|| {
        format!(
            "{number} is no bucket edge of `{}`, so whether the quantile passes it is guessed between {below} and {edge}",
            vector.name()
        )
    })
}

/// What passed a filter is no longer the whole counter.
fn filtered(flow: Flow) -> Flow {
    if flow == Flow::Counter {
        Flow::Unknown
    } else {
        flow
    }
}

fn why_never(vector: &Shape) -> String {
    let name = vector.name();
    let (low, high) = (rounded(vector.range.low), rounded(vector.range.high));
    if !vector.buckets.is_empty() && high.is_finite() {
        return format!(
            "a quantile of `{name}` is at most its greatest edge; edges: {}",
            edges(&vector.buckets)
        );
    }
    let values = match (low.is_finite(), high.is_finite()) {
        (true, true) if low.total_cmp(&high).is_eq() => format!("always {low}"),
        (true, true) => format!("from {low} to {high}"),
        (true, false) => format!("{low} or more"),
        _ => format!("{high} or less"),
    };
    let hint = if vector.range.low.total_cmp(&1.0).is_eq() && high.is_infinite() {
        "; of no series there is no count: add `or vector(0)`, or use `absent(…)`"
    } else {
        "; a comparison keeps the value of its left side"
    };
    format!("what is compared is {values}{hint}")
}

/// Whether a number of seconds must be one of milliseconds. `fits` if the buckets go up to `top`, and a thousandth of it
/// is among them.
fn is_too_long(name: &str, top: Option<f64>, fits: bool, number: f64) -> bool {
    match top {
        Some(top) => number > top && fits,
        None => {
            let is_brief = SHORT_LIVED.iter().any(|word| name.contains(word));
            is_brief && number >= LONG_FOR_A_LATENCY || is_odd_for_seconds(number)
        }
    }
}

/// Hours of seconds that are whole thousands, but no whole hours: nobody thinks of a time so.
fn is_odd_for_seconds(number: f64) -> bool {
    let divides = |by: f64| (number / by).fract() == 0.0;
    number >= 10_000.0 && divides(1_000.0) && !divides(3_600.0)
}

/// Without the last bit by which an open end differs from its limit.
fn rounded(bound: f64) -> f64 {
    (bound * 1e9).round() / 1e9
}

/// Why a number cannot be meant in the unit of the vector.
fn unit_fault(vector: &Shape, number: f64) -> Option<String> {
    if vector.per_second {
        return None;
    }
    let name = vector.name();
    let (first, top) = (
        vector.buckets.first().copied(),
        vector.buckets.last().copied(),
    );
    let within = |value: f64| {
        first
            .zip(top)
            .is_some_and(|(first, top)| value >= first && value <= top)
    };
    let says = |meant: &str| {
        Some(format!(
            "`{name}` is in {}, and {number} looks like {meant}",
            vector.unit.name()
        ))
    };
    match vector.unit {
        Unit::Seconds if is_too_long(name, top, within(number / 1e3), number) => {
            says(&format!("milliseconds: did you mean {}?", number / 1e3))
        }
        Unit::Milliseconds
            if number > 0.0
                && first.map_or(number < 1.0, |first| number < first && within(number * 1e3)) =>
        {
            says(&format!("seconds: did you mean {}?", number * 1e3))
        }
        Unit::Ratio if number > 1.0 && number <= 100.0 => {
            says(&format!("percent: did you mean {}?", number / 100.0))
        }
        Unit::Timestamp | Unit::TimestampMillis
            if number != 0.0 && number.abs() < EARLIEST_TIMESTAMP =>
        {
            let scale = if vector.unit == Unit::Timestamp {
                ""
            } else {
                " / 1000"
            };
            Some(format!(
                "`{name}` is a point in time, in {}; its age is `time() - {name}{scale}`",
                vector.unit.name()
            ))
        }
        _ => None,
    }
}
