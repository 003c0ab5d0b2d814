//! What the page consists of: families, their series, and the text of each line up to its number. Cold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arena::Place;
use super::counter::Counter;
use super::gauge::Gauge;
use super::histogram::{Bounds, Histogram};
use super::sorted::{Chunk, Keyed, Sorted};
use super::summary::Summary;
use crate::exposition::text::Head;
use crate::exposition::{Format, text};

/// All families. Only renders see it.
pub(crate) struct Page {
    pub(super) families: BTreeMap<Arc<str>, Family>,
    /// Whether `OpenMetrics` pages tell when each series began.
    pub(super) created: bool,
    /// Labels of every series, with valid keys.
    pub(super) global_labels: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }

    /// By name.
    pub(crate) fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    pub(crate) const fn has_created(&self) -> bool {
        self.created
    }

    pub(crate) fn global_labels(&self) -> &[(String, String)] {
        &self.global_labels
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

/// What is said of a family.
#[derive(Clone, Default)]
pub(crate) struct Described {
    pub(super) help: Option<Arc<str>>,
    pub(super) unit: Option<&'static str>,
}

/// Series of one name.
pub(crate) struct Family {
    pub(super) name: Arc<str>,
    shape: Shape,
    pub(super) described: Described,
    pub(super) series: Sorted<Arc<Series>>,
    /// `le="0.5"} ` and so on, in both formats.
    ladders: [Box<[String]>; 2],
}

impl Family {
    pub(super) fn new(name: Arc<str>, shape: Shape, described: Described) -> Self {
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
            ladders: [ladder(Format::Text), ladder(Format::OpenMetrics)],
            name,
            shape,
            described,
            series: Sorted::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            name: &self.name,
            kind: self.shape.name(),
            help: self.described.help.as_deref(),
            unit: self.described.unit,
        }
    }

    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
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

    /// The same, by many at once.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk<Arc<Series>>> {
        self.series.chunks()
    }

    /// The ends of a histogram's bucket lines.
    pub(crate) fn ladder(&self, format: Format) -> &[String] {
        &self.ladders[usize::from(format == Format::OpenMetrics)]
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
    pub(super) key: Arc<str>,
    /// The label keys that had to be changed to become valid.
    pub(super) raw: Option<Box<str>>,
    /// The starts of its lines, one after another: up to the number, or up to the last label of a histogram's bucket
    /// or a summary's quantile; then those of the sum and of the count.
    text: Box<str>,
    ends: [usize; 2],
    value: Value,
    created: f64,
}

/// What a render needs of a chunk of series, side by side in memory: it is bound by cache misses otherwise, of which
/// a series costs five (two reads more for the counter), and takes five times as long.
pub(crate) struct Lines {
    text: String,
    starts: Vec<Start>,
}

/// What a render needs of one series.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// Where its text ends, and in it the first two starts of lines.
    ends: [u32; 3],
    /// Where its samples are, if they are in the arena.
    pub(crate) place: Place,
    /// When it was registered, in unix seconds.
    pub(crate) created: f64,
}

impl Lines {
    /// Each series' starts of lines: the first, and those of the sum and of the count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ([&str; 3], Start)> {
        let mut at = 0;
        self.starts.iter().map(move |start| {
            let [first, second, end] = start.ends.map(|end| end as usize);
            let lines = [
                &self.text[at..first],
                &self.text[first..second],
                &self.text[second..end],
            ];
            at = end;
            (lines, *start)
        })
    }
}

impl Keyed for Arc<Series> {
    type Digest = Lines;

    fn key(&self) -> &str {
        &self.key
    }

    fn digest(items: &[Self]) -> Lines {
        let mut text = String::with_capacity(items.iter().map(|series| series.text.len()).sum());
        let starts = items.iter().map(|series| {
            let at = text.len();
            text.push_str(&series.text);
            let ends = [at + series.ends[0], at + series.ends[1], text.len()];
            Start {
                ends: ends.map(|end| end as u32),
                place: series.value.place(),
                created: series.created,
            }
        });
        let starts = starts.collect();
        Lines { text, starts }
    }
}

impl Value {
    fn place(&self) -> Place {
        match self {
            Self::Counter(counter) => counter.place(),
            Self::Histogram(histogram) => histogram.place(),
            Self::Gauge(_) | Self::Summary(_) => Place::default(),
        }
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
            text: parts.concat().into(),
            value,
            created,
        }
    }

    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }
}
