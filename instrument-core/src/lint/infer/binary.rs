//! Operators: can the sides match, do their units agree, and what is the result.

mod compare;
mod result;

use promql_parser::parser::{BinaryExpr, Expr, LabelModifier, VectorMatchCardinality};

use super::selector::unknown_label;
use super::{Infer, bare, quoted, spellings};
use crate::lint::code::Code;
use crate::lint::labels::{Contradiction, Labels};
use crate::lint::query::is_variable;
use crate::lint::shape::{Flow, Selected, Shape};
use result::{matched, mirrored, number_with, scalars, with_number};

impl Infer<'_> {
    pub(super) fn binary(&mut self, binary: &BinaryExpr) -> Shape {
        let left = self.shape(&binary.lhs);
        let op = binary.op.to_string();
        let outer = self.is_condition;
        self.is_condition |= matches!(op.as_str(), "and" | "unless");
        let right = self.shape(&binary.rhs);
        self.is_condition = outer;
        let compares = binary.op.is_comparison_operator();
        if compares || op == "-" || op == "+" {
            self.units(binary, &left, &right);
        }
        match (left.is_scalar(), right.is_scalar()) {
            (true, true) => scalars(&op, &left, &right),
            (false, true) if compares => self.compared(binary, &op, left, &right),
            (true, false) if compares => self.compared(binary, mirrored(&op), right, &left),
            (false, true) => with_number(&op, left, &right),
            (true, false) => number_with(&op, &left, right),
            (false, false) => {
                self.matching(binary, &op, &left, &right);
                matched(&op, compares, binary.modifier.as_ref(), left, &right)
            }
        }
    }

    fn units(&mut self, binary: &BinaryExpr, left: &Shape, right: &Shape) {
        if left.unit.clashes(right.unit) && left.number.is_none() && right.number.is_none() {
            let text = format!(
                "{} {} {}: convert one side, for example `/ 1000`",
                left.unit.name(),
                binary.op,
                right.unit.name()
            );
            self.mark(Code::Unit, spellings(&Expr::Binary(binary.clone())), text);
        }
    }

    /// Whether series of the two sides can meet.
    fn matching(&mut self, binary: &BinaryExpr, op: &str, left: &Shape, right: &Shape) {
        let modifier = binary.modifier.as_ref();
        let on = modifier.and_then(|modifier| modifier.matching.as_ref());
        if op == "/" {
            self.ratio(binary, left, right);
            self.since_the_start(binary, left, right);
        }
        self.matching_labels(on, left, right);
        if op == "or" {
            return;
        }
        let (a, b) = (meeting(&left.labels, on), meeting(&right.labels, on));
        if let Some(contradiction) = a.contradiction(&b) {
            self.never(binary, op, &contradiction, (&a, &b), (left, right));
        } else if !binary.op.is_set_operator() {
            self.many(binary, on, left, right);
        }
    }

    fn never(
        &mut self,
        binary: &BinaryExpr,
        op: &str,
        why: &Contradiction,
        keys: (&Labels, &Labels),
        sides: (&Shape, &Shape),
    ) {
        let effect = if op == "unless" {
            "removes nothing"
        } else {
            "never has a result"
        };
        let (reason, advice) = explained(why, op, keys, sides);
        let text = format!("`{op}` {effect}: {reason}; {advice}");
        self.mark(
            Code::NeverMatches,
            spellings(&Expr::Binary(binary.clone())),
            text,
        );
    }

    /// A label of `on (…)` that neither side has.
    fn matching_labels(&mut self, on: Option<&LabelModifier>, left: &Shape, right: &Shape) {
        let Some(LabelModifier::Include(keys)) = on else {
            return;
        };
        for key in keys.labels.iter().filter(|key| !is_variable(key)) {
            if !left.labels.can_have(key) && !right.labels.can_have(key) {
                let text = unknown_label(&format!("`on`: `{}`", left.name()), &left.labels, key);
                self.mark(
                    Code::UnknownLabel,
                    [format!("on({})", keys.labels.join(",")), key.clone()],
                    text,
                );
            }
        }
    }

    /// A part over its whole, series by series: each is divided by itself.
    fn ratio(&mut self, binary: &BinaryExpr, left: &Shape, right: &Shape) {
        let (Some(part), Some(whole)) = (&left.selected, &right.selected) else {
            return;
        };
        let matching = binary
            .modifier
            .as_ref()
            .and_then(|modifier| modifier.matching.as_ref());
        let narrower = |a: &Selected, b: &Selected| {
            a.matchers.len() > b.matchers.len()
                && b.matchers
                    .iter()
                    .all(|(key, value)| a.matchers.get(key) == Some(value))
        };
        let nested = narrower(part, whole) || narrower(whole, part);
        if part.name == whole.name && nested && matching.is_none() {
            let name = &part.name;
            let text = format!(
                "each series of `{name}` is divided by itself, so the ratio is always 1: `sum(rate({name}{{…}}[…])) / sum(rate({name}[…]))`"
            );
            self.mark(Code::Ratio, spellings(&Expr::Binary(binary.clone())), text);
        }
    }

    /// A counter over another as they stand: what was long ago weighs as much as what is now.
    fn since_the_start(&mut self, binary: &BinaryExpr, left: &Shape, right: &Shape) {
        let is_raw = |side: &Shape| side.flow == Flow::Counter && side.foreign.is_none();
        if is_raw(left) && is_raw(right) {
            let text = format!(
                "`{}` over `{}` as they stand tells of all since the start, and hardly moves; divide their rates",
                left.name(),
                right.name()
            );
            self.mark(
                Code::RawCounter,
                spellings(&Expr::Binary(binary.clone())),
                text,
            );
        }
    }

    /// More than one series for certain on a side that may have one.
    fn many(
        &mut self,
        binary: &BinaryExpr,
        on: Option<&LabelModifier>,
        left: &Shape,
        right: &Shape,
    ) {
        let (a, b) = (
            several(on, left, &binary.lhs),
            several(on, right, &binary.rhs),
        );
        let card = binary.modifier.as_ref().map(|modifier| &modifier.card);
        let (fault, word) = match card {
            Some(VectorMatchCardinality::ManyToOne(_)) => {
                (b.map(|key| (right, key)), "the right side")
            }
            Some(VectorMatchCardinality::OneToMany(_)) => {
                (a.map(|key| (left, key)), "the left side")
            }
            _ => match (a, b) {
                (Some(key), _) => (Some((left, key)), "the left side, without `group_left`,"),
                (None, b) => (
                    b.map(|key| (right, key)),
                    "the right side, without `group_right`,",
                ),
            },
        };
        if let Some((side, key)) = fault {
            let text = format!(
                "{word} has several series of `{}` for one match, one for each `{key}`, and the query fails; aggregate `{key}` away",
                side.name()
            );
            self.mark(
                Code::ManyMatches,
                spellings(&Expr::Binary(binary.clone())),
                text,
            );
        }
    }
}

/// Why the two sides never match, and what to write instead.
fn explained(
    why: &Contradiction,
    op: &str,
    keys: (&Labels, &Labels),
    sides: (&Shape, &Shape),
) -> (String, String) {
    let (left, right) = (sides.0.name(), sides.1.name());
    match why {
        Contradiction::LeftOnly(key) | Contradiction::RightOnly(key) => {
            let (has, lacks) = if matches!(why, Contradiction::LeftOnly(_)) {
                (left, right)
            } else {
                (right, left)
            };
            let common: Vec<&str> = keys
                .0
                .must
                .intersection(&keys.1.must)
                .map(String::as_str)
                .collect();
            let reason = format!(
                "each series of the side with `{has}` has the label `{key}`, none of the side with `{lacks}`"
            );
            (
                reason,
                format!(
                    "match `{op} on({})`, or aggregate both sides to the same labels",
                    common.join(", ")
                ),
            )
        }
        Contradiction::Values(key) => {
            let values = |labels: &Labels| {
                quoted(
                    labels
                        .values
                        .get(key)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                )
            };
            let reason = format!(
                "`{key}` is {} on the left and {} on the right",
                values(keys.0),
                values(keys.1)
            );
            (
                reason,
                format!("add `ignoring({key})` or aggregate both sides"),
            )
        }
    }
}

/// A label by which a side certainly has several series for one match.
fn several(on: Option<&LabelModifier>, side: &Shape, expr: &Expr) -> Option<String> {
    if !is_complete(expr) {
        return None;
    }
    let kept = meeting(&side.labels, on);
    let has_several = |key: &&String| {
        let values = side.labels.values.get(*key);
        !kept.can_have(key) && values.is_some_and(|values| values.len() > 1)
    };
    side.labels.must.iter().find(has_several).cloned()
}

/// Whether an expression has all series of its selectors: nothing in it filters.
fn is_complete(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Binary(binary) => {
            let bool = binary
                .modifier
                .as_ref()
                .is_some_and(|modifier| modifier.return_bool);
            (!binary.op.is_comparison_operator() || bool)
                && !binary.op.is_set_operator()
                && is_complete(&binary.lhs)
                && is_complete(&binary.rhs)
        }
        Expr::Aggregate(aggregate) => {
            !aggregate.op.to_string().contains('k') && is_complete(&aggregate.expr)
        }
        Expr::Call(call) => call.args.args.iter().all(|arg| is_complete(arg)),
        Expr::Unary(unary) => is_complete(&unary.expr),
        Expr::Subquery(subquery) => is_complete(&subquery.expr),
        _ => true,
    }
}

/// The labels by which a side is matched.
fn meeting(labels: &Labels, on: Option<&LabelModifier>) -> Labels {
    match on {
        None => labels.clone(),
        Some(modifier) if modifier.labels().labels.iter().any(|key| is_variable(key)) => {
            Labels::unknown()
        }
        Some(LabelModifier::Include(keys)) => labels.only(&keys.labels),
        Some(LabelModifier::Exclude(keys)) => labels.without(&keys.labels),
    }
}
