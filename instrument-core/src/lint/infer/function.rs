//! Functions: what each makes of its argument, and whether it may be used on it.

use std::rc::Rc;

use promql_parser::label::MatchOp;
use promql_parser::parser::{Call, Expr};

use super::selector::unknown_label;
use super::{Infer, bare, no_buckets, spellings};
use crate::lint::code::Code;
use crate::lint::labels::Labels;
use crate::lint::shape::{Flow, Shape};
use crate::lint::unit::{Range, Unit};

/// How many scrapes a range must hold: one may fail, and two must remain at either end.
const SCRAPES_IN_A_RANGE: f64 = 4.0;

impl Infer<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Shape {
        let args: Vec<&Expr> = call.args.args.iter().map(|arg| bare(arg)).collect();
        match call.func.name {
            "rate" | "irate" | "increase" => self.rate(call, &args),
            "delta" | "idelta" | "deriv" => self.delta(call, &args),
            "histogram_quantile" => self.quantile(call, &args),
            "absent" | "absent_over_time" => self.absence(&args),
            "label_replace" | "label_join" => self.relabelled(call, &args),
            "vector" => self.vector(&args),
            "scalar" => {
                let inner = self.first(&args);
                Shape {
                    flow: Flow::Scalar,
                    labels: Labels::default(),
                    selected: None,
                    ..inner
                }
            }
            "time" => Shape::scalar(Unit::Timestamp),
            "pi" | "start" | "end" | "step" | "range" => Shape::scalar(Unit::Unknown),
            "info" => {
                for arg in &args {
                    self.shape(arg);
                }
                Shape::unknown()
            }
            name => self.plain(name, &args),
        }
    }

    fn first(&mut self, args: &[&Expr]) -> Shape {
        args.first()
            .map_or_else(Shape::unknown, |arg| self.shape(arg))
    }

    fn rate(&mut self, call: &Call, args: &[&Expr]) -> Shape {
        let inner = self.first(args);
        let name = call.func.name;
        self.range(call, args);
        let why = match inner.flow {
            Flow::Gauge => Some(
                "is a gauge: falling values count as restarts; use `delta` or `deriv`, or a counter",
            ),
            Flow::Rate => Some("is a rate already; use it as it is, or `avg_over_time`"),
            _ => None,
        };
        if inner.flow == Flow::Counter && inner.aggregated {
            let text = format!(
                "`{name}` of counters of `{}` that were added up goes wrong when one of them restarts; add up their rates",
                inner.name()
            );
            self.mark(Code::RawCounter, spellings(&Expr::Call(call.clone())), text);
        }
        if let Some(why) = why {
            let text = format!("`{name}` of `{}`, which {why}", inner.name());
            self.mark(
                Code::RateOfGauge,
                spellings(&Expr::Call(call.clone())),
                text,
            );
        }
        Shape {
            flow: Flow::Rate,
            per_second: name != "increase",
            range: Range::at_least(0.0),
            ..inner
        }
    }

    fn delta(&mut self, call: &Call, args: &[&Expr]) -> Shape {
        let inner = self.first(args);
        let name = call.func.name;
        self.range(call, args);
        if inner.flow == Flow::Counter {
            let meant = if name == "deriv" { "rate" } else { "increase" };
            let text = format!(
                "`{name}` of the counter `{}` goes wrong at each restart; use `{meant}`",
                inner.name()
            );
            self.mark(Code::RawCounter, spellings(&Expr::Call(call.clone())), text);
        }
        Shape {
            flow: Flow::Unknown,
            per_second: name == "deriv",
            range: Range::default(),
            ..inner
        }
    }

    /// Whether the range of a rate holds enough samples.
    fn range(&mut self, call: &Call, args: &[&Expr]) {
        let Some(Expr::MatrixSelector(matrix)) = args.first() else {
            return;
        };
        let recorded = matrix
            .vs
            .name
            .as_ref()
            .and_then(|name| self.names.recorded.get(name));
        let (interval, of) = match recorded.and_then(|recorded| recorded.interval) {
            Some(interval) => (interval, "evaluation"),
            None => (self.scrape, "scrape"),
        };
        let (range, least) = (matrix.range.as_secs_f64(), SCRAPES_IN_A_RANGE * interval);
        if range < least {
            let text = format!(
                "a range of {range} s is shorter than four {of} intervals of {interval} s; use at least [{least}s]{}",
                if of == "scrape" {
                    ", or [$__rate_interval] in a dashboard"
                } else {
                    ""
                }
            );
            let whole = Expr::Call(call.clone());
            self.mark(Code::ShortRange, spellings(&whole), text);
        }
    }

    fn quantile(&mut self, call: &Call, args: &[&Expr]) -> Shape {
        let [level, vector] = args else {
            return Shape::unknown();
        };
        let level = self.shape(level).number;
        let inner = self.shape(vector);
        self.quantile_faults(call, level, &inner);
        let top = inner.buckets.last().copied().unwrap_or(f64::INFINITY);
        let low = if inner.buckets.first().is_some_and(|edge| *edge > 0.0) {
            0.0
        } else {
            f64::NEG_INFINITY
        };
        let mut labels = inner.labels.clone();
        labels.remove("le");
        Shape {
            labels,
            flow: Flow::Gauge,
            unit: inner.bucket_unit,
            per_second: false,
            bucket_series: false,
            range: Range::new(low, top),
            selected: None,
            ..inner
        }
    }

    fn quantile_faults(&mut self, call: &Call, level: Option<f64>, inner: &Shape) {
        let whole = Expr::Call(call.clone());
        let name = inner.name().to_owned();
        if let Some(level) = level.filter(|level| !(0.0..=1.0).contains(level)) {
            let text = format!(
                "the level {level} is not between 0 and 1; did you mean {}?",
                level / 100.0
            );
            self.mark(Code::Quantile, spellings(&whole), text);
        }
        let known = inner.metric.is_some() && !inner.labels.open;
        if known && !inner.labels.can_have("le") {
            let fault = if inner.bucket_series {
                format!(
                    "the label `le` of `{name}` is dropped before the quantile; aggregate with `sum by (le)`"
                )
            } else {
                format!(
                    "`{name}` has no buckets: a quantile needs `…_bucket` series, summed by `le`"
                )
            };
            self.mark(Code::Quantile, spellings(&whole), fault);
        } else if known && !inner.aggregated && !self.is_meant_for_each(inner) {
            let text = format!(
                "a quantile for each series of `{name}` on its own; sum the buckets first: `histogram_quantile(…, sum by (le) (rate({name}[…])))`"
            );
            self.mark(Code::Quantile, spellings(&whole), text);
        }
        if inner.flow == Flow::Counter && inner.bucket_series {
            let text = format!(
                "a quantile of all observations since the start: put `rate(…)` around `{name}`"
            );
            self.mark(Code::RawCounter, spellings(&whole), text);
        }
    }

    /// Someone else's histogram without labels of its own has one series a target, and a quantile for each target is as
    /// sound as one for all. With labels, the alert's text tells whether it is about one value of them.
    fn is_meant_for_each(&self, inner: &Shape) -> bool {
        let own = inner.foreign.as_ref();
        own.is_some_and(|own| own.iter().all(|key| self.told.contains(key)))
    }

    fn absence(&mut self, args: &[&Expr]) -> Shape {
        let outer = std::mem::replace(&mut self.asking_absence, true);
        let inner = self.first(args);
        self.asking_absence = outer;
        let selector = match args.first() {
            Some(Expr::VectorSelector(selector)) => Some(selector),
            Some(Expr::MatrixSelector(matrix)) => Some(&matrix.vs),
            _ => None,
        };
        let mut labels = Labels::default();
        for matcher in selector
            .iter()
            .flat_map(|selector| &selector.matchers.matchers)
        {
            if matches!(matcher.op, MatchOp::Equal)
                && matcher.name != "__name__"
                && !matcher.value.is_empty()
            {
                labels.add(&matcher.name, true);
                labels
                    .values
                    .insert(matcher.name.clone(), [matcher.value.clone()].into());
            }
        }
        Shape {
            labels,
            range: Range::point(1.0),
            metric: inner.metric,
            ..Shape::default()
        }
    }

    fn relabelled(&mut self, call: &Call, args: &[&Expr]) -> Shape {
        let mut inner = self.first(args);
        let text = |index: usize| match args.get(index) {
            Some(Expr::StringLiteral(literal)) => Some(literal.val.clone()),
            _ => None,
        };
        let sources: Vec<String> = if call.func.name == "label_replace" {
            text(3).into_iter().collect()
        } else {
            (3..args.len()).filter_map(text).collect()
        };
        for source in sources.iter().filter(|source| !source.is_empty()) {
            if !inner.labels.can_have(source) {
                let fault = unknown_label(
                    &format!("`{}`: `{}`", call.func.name, inner.name()),
                    &inner.labels,
                    source,
                );
                self.mark(
                    Code::UnknownLabel,
                    [format!("\"{source}\""), source.clone()],
                    fault,
                );
            }
        }
        if let Some(target) = text(1) {
            let always = inner.labels.has(&target);
            inner.labels.add(&target, always);
        }
        Shape {
            selected: None,
            ..inner
        }
    }

    fn vector(&mut self, args: &[&Expr]) -> Shape {
        let inner = self.first(args);
        Shape {
            flow: Flow::Unknown,
            number: None,
            labels: Labels::default(),
            ..inner
        }
    }

    /// All other functions: the labels stay.
    fn plain(&mut self, name: &str, args: &[&Expr]) -> Shape {
        let mut vector = None;
        for arg in args {
            let shape = self.shape(arg);
            if !shape.is_scalar() && vector.is_none() {
                vector = Some(shape);
            }
        }
        let Some(inner) = vector else {
            return Shape {
                flow: Flow::Unknown,
                ..Shape::default()
            };
        };
        match name {
            "avg_over_time" | "min_over_time" | "max_over_time" | "last_over_time"
            | "first_over_time" | "quantile_over_time" | "sort" | "sort_desc" | "sort_by_label"
            | "sort_by_label_desc" => inner,
            "sum_over_time" | "abs" | "ceil" | "floor" | "round" | "clamp" | "clamp_min"
            | "clamp_max" | "predict_linear" => Shape {
                range: Range::default(),
                ..inner
            },
            "count_over_time" => Shape {
                range: Range::at_least(1.0),
                ..plain_number(inner)
            },
            "changes" | "resets" => Shape {
                range: Range::at_least(0.0),
                ..plain_number(inner)
            },
            "present_over_time" => Shape {
                range: Range::point(1.0),
                ..plain_number(inner)
            },
            "timestamp" => Shape {
                unit: Unit::Timestamp,
                ..plain_number(inner)
            },
            _ => plain_number(inner),
        }
    }
}

fn plain_number(inner: Shape) -> Shape {
    Shape {
        buckets: no_buckets(),
        ..inner.same_labels()
    }
}

/// The edges of a histogram as text.
pub(crate) fn edges(buckets: &Rc<[f64]>) -> String {
    buckets
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
