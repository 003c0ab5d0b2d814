//! Which series an alert needs to see in order to fire: if one is missing, the alert is silent and nobody knows.
//!
//! A rule that fires on too much (`errors > 5`) may be silent without a series: nothing happened. One that fires on too
//! little or on age (`connected == 0`, `jobs < 1`, `time() - last_success > 600`) must not.

use promql_parser::label::MatchOp;
use promql_parser::parser::{BinaryExpr, Expr};

use super::infer::bare;

/// A series that an alert waits for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Awaited {
    pub(crate) metric: String,
    /// The metric itself is compared with 0, as one does with a health gauge.
    pub(crate) is_zero_check: bool,
    /// The labels by which it asks for one series, whose absence counts if any of them is known from configuration only.
    pub(crate) chosen_by: Option<Vec<String>>,
}

/// The metrics that an alert's expression waits for.
pub(crate) fn awaited(expr: &Expr) -> Vec<Awaited> {
    let mut found = Vec::new();
    walk(expr, &mut found);
    found
}

fn walk(expr: &Expr, found: &mut Vec<Awaited>) {
    let Expr::Binary(binary) = bare(expr) else {
        return;
    };
    match binary.op.to_string().as_str() {
        "and" | "unless" => walk(&binary.lhs, found),
        "or" => {
            walk(&binary.lhs, found);
            walk(&binary.rhs, found);
        }
        _ if binary.op.is_comparison_operator() => compared(binary, found),
        _ => {}
    }
}

fn compared(binary: &BinaryExpr, found: &mut Vec<Awaited>) {
    let op = binary.op.to_string();
    let Some(limit) = number(&binary.rhs) else {
        return;
    };
    let vector = bare(&binary.lhs);
    if has_fallback(vector) {
        return;
    }
    let too_little = matches!(op.as_str(), "<" | "<=")
        || op == "==" && limit == 0.0
        || op == "!=" && limit != 0.0;
    let too_old = matches!(op.as_str(), ">" | ">=") && age_of(vector).is_some();
    let mut metrics = Vec::new();
    if too_little {
        selectors(vector, &mut metrics);
    } else if too_old {
        metrics.extend(age_of(vector));
    }
    let is_zero_check = op == "==" && matches!(vector, Expr::VectorSelector(_));
    found.extend(metrics.into_iter().map(|metric| Awaited {
        metric,
        is_zero_check,
        chosen_by: None,
    }));
    if op == "==" && !too_little {
        found.extend(state(vector));
    }
}

/// A series in a certain state, as `breaker{name="x"} == 1`.
fn state(vector: &Expr) -> Option<Awaited> {
    let Expr::VectorSelector(selector) = vector else {
        return None;
    };
    let equal = selector.matchers.matchers.iter();
    let equal = equal.filter(|matcher| matches!(matcher.op, MatchOp::Equal));
    Some(Awaited {
        metric: selector.name.clone()?,
        is_zero_check: false,
        chosen_by: Some(equal.map(|matcher| matcher.name.clone()).collect()),
    })
}

fn number(expr: &Expr) -> Option<f64> {
    match bare(expr) {
        Expr::NumberLiteral(literal) => Some(literal.val),
        Expr::Unary(unary) => number(&unary.expr).map(|value| -value),
        Expr::Binary(binary) => number(&binary.lhs).and(number(&binary.rhs)),
        _ => None,
    }
}

/// The metric whose age this is: `time() - metric`.
fn age_of(expr: &Expr) -> Option<String> {
    let Expr::Binary(binary) = bare(expr) else {
        return None;
    };
    let is_time = matches!(bare(&binary.lhs), Expr::Call(call) if call.func.name == "time");
    let mut metrics = Vec::new();
    selectors(&binary.rhs, &mut metrics);
    metrics
        .into_iter()
        .next()
        .filter(|_| is_time && binary.op.to_string() == "-")
}

fn has_fallback(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Binary(binary) => {
            binary.op.to_string() == "or" || has_fallback(&binary.lhs) || has_fallback(&binary.rhs)
        }
        Expr::Call(call) => {
            call.func.name.starts_with("absent")
                || call.args.args.iter().any(|arg| has_fallback(arg))
        }
        Expr::Aggregate(aggregate) => has_fallback(&aggregate.expr),
        _ => false,
    }
}

fn selectors(expr: &Expr, found: &mut Vec<String>) {
    match bare(expr) {
        Expr::VectorSelector(selector) => found.extend(selector.name.clone()),
        Expr::MatrixSelector(matrix) => found.extend(matrix.vs.name.clone()),
        Expr::Subquery(subquery) => selectors(&subquery.expr, found),
        Expr::Aggregate(aggregate) => selectors(&aggregate.expr, found),
        Expr::Unary(unary) => selectors(&unary.expr, found),
        Expr::Call(call) => call.args.args.iter().for_each(|arg| selectors(arg, found)),
        Expr::Binary(binary) => {
            selectors(&binary.lhs, found);
            selectors(&binary.rhs, found);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(text: &str) -> Vec<String> {
        let expr = promql_parser::parser::parse(text).expect("valid");
        awaited(&expr)
            .into_iter()
            .filter(|awaited| {
                awaited
                    .chosen_by
                    .as_ref()
                    .is_none_or(|keys| !keys.is_empty())
            })
            .map(|awaited| awaited.metric)
            .collect()
    }

    #[test]
    fn too_little_and_too_old_wait_for_the_series() {
        assert_eq!(metrics("ws_connected == 0"), ["ws_connected"]);
        assert_eq!(
            metrics("sum(rate(orders_total[5m])) < 1 and on() open == 1"),
            ["orders_total"]
        );
        assert_eq!(
            metrics("time() - max(last_success) > 600"),
            ["last_success"]
        );
    }

    #[test]
    fn too_much_does_not_wait_nor_what_has_a_fallback() {
        assert!(metrics("rate(errors_total[5m]) > 5").is_empty());
        assert!(metrics("(sum(x) or vector(0)) < 1").is_empty());
        assert!(metrics("state == 3").is_empty());
        assert_eq!(metrics("state{worktree=\"dev\"} == 3"), ["state"]);
    }
}
