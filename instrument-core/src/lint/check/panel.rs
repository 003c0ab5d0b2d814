//! What is asked of a query because of where it stands on a dashboard.

use promql_parser::parser::Expr;

use super::{Linter, Run};
use crate::lint::code::Code;
use crate::lint::dashboard::Purpose;
use crate::lint::infer::{Mark, selector};
use crate::lint::query::{Query, is_variable};
use crate::lint::shape::{Flow, Shape};
use crate::lint::template;
use crate::lint::unit::Unit;

impl Linter {
    pub(super) fn check_panel(
        &mut self,
        query: &Query,
        purpose: &Purpose,
        expr: &Expr,
        run: &mut Run,
    ) {
        let shape = self.check_query(query, expr, Vec::new(), run);
        match purpose {
            Purpose::Panel { unit, legend } => {
                self.raw_counter(query, &shape);
                if let Some((unit, at)) = unit {
                    self.panel_unit(query, &shape, unit, *at);
                }
                if let Some((legend, at)) = legend {
                    self.legend(query, &shape, legend, *at);
                }
            }
            Purpose::LabelValues { label } => {
                if !shape.labels.can_have(label) {
                    let text = selector::unknown_label(
                        &format!("the variable lists `{label}`, and `{}`", shape.name()),
                        &shape.labels,
                        label,
                    );
                    self.place(
                        query,
                        &Mark {
                            code: Code::UnknownLabel,
                            needles: vec![label.clone()],
                            text,
                        },
                    );
                }
            }
            Purpose::Other => {}
        }
    }

    fn raw_counter(&mut self, query: &Query, shape: &Shape) {
        if shape.flow != Flow::Counter {
            return;
        }
        let name = shape.name();
        let text = format!(
            "the panel shows the counter `{name}` as it stands, which only grows until a restart; use `rate({name}[$__rate_interval])` or `increase`"
        );
        let mark = Mark {
            code: Code::RawCounter,
            needles: vec![name.to_owned()],
            text,
        };
        self.place(query, &mark);
    }

    /// Labels that the legend names and the result has not.
    fn legend(&mut self, query: &Query, shape: &Shape, legend: &str, at: usize) {
        for key in template::legend(legend) {
            if !is_variable(key) && !shape.labels.can_have(key) {
                let text = format!(
                    "the legend names `{key}`, and the result has no such label; keep it with `by ({key})`"
                );
                let text = query.signed(&text);
                self.found.push((query.source, at, Code::LostLabel, text));
            }
        }
    }

    fn panel_unit(&mut self, query: &Query, shape: &Shape, unit: &str, at: usize) {
        let shown = match unit {
            "s" | "dtdurations" | "clocks" => Unit::Seconds,
            "ms" | "dtdurationms" | "clockms" => Unit::Milliseconds,
            "percent" => Unit::Percent,
            "percentunit" => Unit::Ratio,
            _ => return,
        };
        if !shape.per_second && shape.unit.clashes(shown) {
            let text = format!(
                "the panel's unit is {}, and `{}` is in {}",
                shown.name(),
                shape.name(),
                shape.unit.name()
            );
            let text = query.signed(&text);
            self.found.push((query.source, at, Code::Unit, text));
        }
    }
}
