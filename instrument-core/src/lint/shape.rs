//! What is known of an expression's result.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::labels::Labels;
use super::unit::{Range, Unit};

/// How a value behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Flow {
    /// Not known.
    #[default]
    Unknown,
    /// A number without labels: a literal, `time()`.
    Scalar,
    /// Goes up and down.
    Gauge,
    /// Only grows, until a restart.
    Counter,
    /// Growth of a counter over a range.
    Rate,
}

/// The bottom-up type of an expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) labels: Labels,
    pub(crate) flow: Flow,
    pub(crate) unit: Unit,
    /// Per second of time: the unit holds for one second.
    pub(crate) per_second: bool,
    pub(crate) range: Range,
    /// The value, if it is a literal.
    pub(crate) number: Option<f64>,
    /// Edges of the histogram that it comes from.
    pub(crate) buckets: Rc<[f64]>,
    /// Whether it comes from `_bucket` series.
    pub(crate) bucket_series: bool,
    /// What the buckets count; the value of a `_bucket` series itself is a plain count.
    pub(crate) bucket_unit: Unit,
    /// The one selector below, as long as nothing aggregated it.
    pub(crate) selected: Option<Selected>,
    /// The first metric that it names, for messages.
    pub(crate) metric: Option<Rc<str>>,
    /// The labels that someone else's exporter gives the series; `None` for those of a catalogue.
    pub(crate) foreign: Option<Rc<[String]>>,
    /// Whether an aggregation stands somewhere in it.
    pub(crate) aggregated: bool,
}

/// A selector, as far as ratios care.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selected {
    pub(crate) name: Rc<str>,
    /// Matchers by label, in their spelling.
    pub(crate) matchers: BTreeMap<String, String>,
}

impl Shape {
    /// A result of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            labels: Labels::unknown(),
            ..Self::default()
        }
    }

    pub(crate) fn number(value: f64) -> Self {
        Self {
            flow: Flow::Scalar,
            range: Range::point(value),
            number: Some(value),
            ..Self::default()
        }
    }

    pub(crate) fn scalar(unit: Unit) -> Self {
        Self {
            flow: Flow::Scalar,
            unit,
            ..Self::default()
        }
    }

    pub(crate) fn is_scalar(&self) -> bool {
        self.flow == Flow::Scalar
    }

    /// The metric's name for messages.
    pub(crate) fn name(&self) -> &str {
        self.metric.as_deref().unwrap_or("it")
    }

    /// The same labels, and nothing known of the value.
    pub(crate) fn same_labels(self) -> Self {
        Self {
            flow: Flow::Unknown,
            unit: Unit::Unknown,
            per_second: false,
            range: Range::default(),
            number: None,
            ..self
        }
    }
}
