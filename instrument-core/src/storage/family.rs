//! What the page consists of: families, their series, and the text of each line up to its number. Cold.

use std::sync::Arc;

use super::counter::Counter;
use super::gauge::Gauge;
use super::histogram::{Bounds, Histogram};
use super::sorted::{Keyed, Sorted};
use super::summary::Summary;
use crate::exposition::{Format, text};

/// All families at one moment, cheap to copy.
#[derive(Clone, Default)]
pub(crate) struct Page {
    pub(super) families: Sorted<Family>,
    /// Whether `OpenMetrics` pages tell when each series began.
    pub(super) created: bool,
}

impl Page {
    pub(crate) fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name).map(|family| &**family)
    }

    /// By name.
    pub(crate) fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.iter().map(|family| &**family)
    }

    pub(crate) const fn has_created(&self) -> bool {
        self.created
    }
}

/// What the samples of a family mean, and what its series need.
#[derive(Clone)]
pub(crate) enum Shape {
    Counter,
    Gauge,
    Histogram(Arc<Bounds>),
    Summary,
}

impl Shape {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
            Self::Summary => "summary",
        }
    }

    /// The label that the family's own lines need.
    pub(super) const fn reserved_label(&self) -> Option<&'static str> {
        match self {
            Self::Counter | Self::Gauge => None,
            Self::Histogram(_) => Some("le"),
            Self::Summary => Some("quantile"),
        }
    }

    /// What follows the family's name in its lines.
    pub(super) const fn suffixes(&self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge => &[""],
            Self::Histogram(_) => &["", "_bucket", "_sum", "_count"],
            Self::Summary => &["", "_sum", "_count"],
        }
    }
}

/// Series of one name.
#[derive(Clone)]
pub(crate) struct Family {
    pub(super) name: Arc<str>,
    /// The name before it was made valid.
    pub(super) raw: Arc<str>,
    pub(super) shape: Shape,
    pub(super) help: Option<Arc<str>>,
    /// The label keys in the order of the page.
    pub(super) keys: Vec<String>,
    pub(super) series: Sorted<Series>,
    /// `le="0.5"} ` and so on, in both formats.
    ladders: Arc<[Box<[String]>; 2]>,
}

impl Keyed for Family {
    fn key(&self) -> &str {
        &self.name
    }
}

impl Family {
    pub(super) fn new(name: &str, raw: &str, shape: Shape, help: Option<Arc<str>>) -> Self {
        let ladder = |format| match &shape {
            Shape::Histogram(bounds) => bounds
                .values()
                .iter()
                .chain(&[f64::INFINITY])
                .map(|&bound| format!("le=\"{}\"}} ", text::bound(bound, format)))
                .collect(),
            _ => Box::default(),
        };
        Self {
            ladders: Arc::new([ladder(Format::Text), ladder(Format::OpenMetrics)]),
            name: name.into(),
            raw: raw.into(),
            shape,
            help,
            keys: Vec::new(),
            series: Sorted::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Name, type and help.
    pub(crate) fn head(&self) -> (&str, &'static str, Option<&str>) {
        (&self.name, self.shape.name(), self.help.as_deref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.series.len() == 0
    }

    /// How many series Prometheus keeps for it.
    pub(crate) fn samples(&self) -> usize {
        let lines = match &self.shape {
            Shape::Counter | Shape::Gauge => 1,
            Shape::Histogram(bounds) => bounds.values().len() + 3,
            Shape::Summary => super::summary::QUANTILES.len() + 2,
        };
        self.series.len() * lines
    }

    /// By labels.
    pub(crate) fn series(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().map(|series| &**series)
    }

    /// The ends of a histogram's bucket lines.
    pub(crate) fn ladder(&self, format: Format) -> &[String] {
        &self.ladders[usize::from(format == Format::OpenMetrics)]
    }

    /// Puts labels into the order of the page: known keys first, as they came, then those not seen before.
    pub(super) fn arrange(&mut self, labels: &mut [(String, String)]) {
        for (key, _) in &*labels {
            if !self.keys.contains(key) {
                self.keys.push(key.clone());
            }
        }
        let place = |key: &str| self.keys.iter().position(|known| known == key);
        labels.sort_by_key(|(key, _)| place(key));
    }
}

/// Where a series' samples are.
#[derive(Clone)]
pub(crate) enum Value {
    Counter(Arc<Counter>),
    Gauge(Arc<Gauge>),
    Histogram(Arc<Histogram>),
    Summary(Arc<Summary>),
}

/// One set of label values of a family.
pub(crate) struct Series {
    /// The labels as on the page, without empty ones, which Prometheus takes for absent.
    key: Box<str>,
    /// The label keys that had to be changed to become valid.
    pub(super) raw: Option<Box<str>>,
    /// The starts of its lines, one after another.
    text: Box<str>,
    ends: [usize; 2],
    name_end: usize,
    value: Value,
    created: f64,
}

impl Keyed for Series {
    fn key(&self) -> &str {
        &self.key
    }
}

/// `a="x",b="y"`.
pub(super) fn join<'a>(labels: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut out = String::new();
    for (key, value) in labels {
        if !out.is_empty() {
            out.push(',');
        }
        out.extend([key, "=\""]);
        text::push_label_value(&mut out, value);
        out.push('"');
    }
    out
}

/// What a series is known by.
pub(super) fn identity(labels: &[(String, String)]) -> String {
    join(labels.iter().filter(|(_, value)| !value.is_empty()))
}

impl Series {
    pub(super) fn new(
        name: &str,
        labels: &[(String, String)],
        raw: Option<Box<str>>,
        value: Value,
        created: f64,
    ) -> Self {
        let joined = join(labels.iter());
        let (open, closed) = if joined.is_empty() {
            ("{".to_owned(), " ".to_owned())
        } else {
            (format!("{{{joined},"), format!("{{{joined}}} "))
        };
        let parts = match value {
            Value::Counter(_) | Value::Gauge(_) => {
                [format!("{name}{closed}"), String::new(), String::new()]
            }
            Value::Histogram(_) | Value::Summary(_) => {
                let bucket = if matches!(value, Value::Summary(_)) {
                    ""
                } else {
                    "_bucket"
                };
                [
                    format!("{name}{bucket}{open}"),
                    format!("{name}_sum{closed}"),
                    format!("{name}_count{closed}"),
                ]
            }
        };
        let first = parts[0].len();
        Self {
            key: identity(labels).into(),
            raw,
            ends: [first, first + parts[1].len()],
            name_end: name.len(),
            text: parts.concat().into(),
            value,
            created,
        }
    }

    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }

    /// When it was registered, in unix seconds.
    pub(crate) const fn created(&self) -> f64 {
        self.created
    }

    /// Up to the number; up to the last label of a histogram's bucket or a summary's quantile.
    pub(crate) fn line(&self) -> &str {
        &self.text[..self.ends[0]]
    }

    /// Both lines up to the number.
    pub(crate) fn sum_and_count(&self) -> (&str, &str) {
        (
            &self.text[self.ends[0]..self.ends[1]],
            &self.text[self.ends[1]..],
        )
    }

    /// What follows the name in a line without further labels, up to the number.
    pub(crate) fn labels(&self) -> &str {
        match self.value {
            Value::Counter(_) | Value::Gauge(_) => &self.line()[self.name_end..],
            Value::Histogram(_) | Value::Summary(_) => {
                &self.sum_and_count().0[self.name_end + "_sum".len()..]
            }
        }
    }
}
