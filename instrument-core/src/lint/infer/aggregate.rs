//! `sum by (…)` and its kin: which labels are left.

use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::selector::unknown_label;
use super::{Infer, bare};
use crate::lint::code::Code;
use crate::lint::labels::Labels;
use crate::lint::names::nearest;
use crate::lint::query::is_variable;
use crate::lint::shape::{Flow, Shape};
use crate::lint::unit::{Range, Unit};

impl Infer<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &AggregateExpr) -> Shape {
        let inner = self.shape(&aggregate.expr);
        let op = aggregate.op.to_string();
        if let Some(param) = &aggregate.param {
            self.shape(param);
        }
        self.grouping(aggregate.modifier.as_ref(), &inner);
        if matches!(op.as_str(), "topk" | "bottomk" | "limitk" | "limit_ratio") {
            return inner;
        }
        let mut labels = grouped(aggregate.modifier.as_ref(), &inner.labels);
        if op == "count_values"
            && let Some(promql_parser::parser::Expr::StringLiteral(key)) =
                aggregate.param.as_deref().map(bare)
        {
            labels.add(&key.val, true);
        }
        of_values(
            &op,
            Shape {
                labels,
                selected: None,
                aggregated: true,
                ..inner
            },
        )
    }

    /// Checks that the labels of `by` and `without` exist.
    fn grouping(&mut self, modifier: Option<&LabelModifier>, inner: &Shape) {
        let Some(modifier) = modifier else { return };
        let word = if modifier.is_include() {
            "by"
        } else {
            "without"
        };
        let keys = &modifier.labels().labels;
        for key in keys {
            if inner.foreign.is_some() && is_tolerated(key, modifier, &inner.labels) {
                continue;
            }
            if is_variable(key)
                || inner.labels.can_have(key)
                || inner.is_scalar()
                || key == "le" && inner.bucket_series
            {
                continue;
            }
            let what = match (&inner.metric, inner.aggregated) {
                (Some(name), false) => format!("`{word}`: `{name}`"),
                _ => format!("`{word}`: what is aggregated here"),
            };
            let text = unknown_label(&what, &inner.labels, key);
            let list = keys.join(",");
            self.mark(
                Code::UnknownLabel,
                [format!("{word}({list})"), key.clone()],
                text,
            );
        }
    }
}

/// Rule sets for many setups name labels that only some of them have: dropping one that is not there changes nothing,
/// and neither does keeping it beside one that is.
fn is_tolerated(key: &str, modifier: &LabelModifier, labels: &Labels) -> bool {
    let mut others = modifier.labels().labels.iter();
    let is_misspelt = nearest(key, labels.keys().into_iter()).is_some();
    !modifier.is_include() || others.any(|other| labels.can_have(other)) && !is_misspelt
}

fn grouped(modifier: Option<&LabelModifier>, labels: &Labels) -> Labels {
    match modifier {
        None => Labels::default(),
        Some(modifier) if modifier.labels().labels.iter().any(|key| is_variable(key)) => {
            Labels::unknown()
        }
        Some(LabelModifier::Include(keys)) => labels.only(&keys.labels),
        Some(LabelModifier::Exclude(keys)) => labels.without(&keys.labels),
    }
}

/// The value of an aggregation.
fn of_values(op: &str, inner: Shape) -> Shape {
    match op {
        "sum" => {
            let range = if inner.range.low >= 0.0 {
                Range::at_least(inner.range.low)
            } else {
                Range::default()
            };
            Shape { range, ..inner }
        }
        "avg" | "min" | "max" | "quantile" => inner,
        "count" | "count_values" => Shape {
            range: Range::at_least(1.0),
            bucket_series: false,
            ..inner.same_labels()
        },
        "group" => Shape {
            range: Range::point(1.0),
            ..inner.same_labels()
        },
        _ => Shape {
            flow: Flow::Unknown,
            unit: Unit::Unknown,
            range: Range::default(),
            ..inner
        },
    }
}
