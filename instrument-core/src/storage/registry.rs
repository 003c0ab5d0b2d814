//! Where series are registered, and what is refused. Cold.
//!
//! Threads that register wait for each other, on `state`, and on a shard of `Index` (`facade.rs`) where the facade's
//! macros look for a key. Renders take neither; they learn of what is new by `changes`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Key, Unit};

use super::changes::{Change, Changes, Current};
use super::counter::Counter;
use super::family::{Described, Family, Page, Series, Shape, Value, identity};
use super::gauge::Gauge;
use super::histogram::{Bounds, Histogram};
use super::name;
use super::summary::{Summaries, matches_pattern};
use crate::catalogue::FUNCTION_BUCKETS;
use crate::clock;
use crate::metric::Kind;

/// Why a key gets no storage. Found only when the program runs, so it gets a handle that does nothing.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Refused {
    /// The name belongs to a family of another kind.
    #[error("`{name}` is a {has} already, not a {wanted}")]
    Kind {
        name: String,
        has: &'static str,
        wanted: &'static str,
    },
    /// Two names become one when made valid.
    #[error("`{raw}` would be `{name}` on the page, as `{has}` is")]
    Name {
        raw: String,
        name: String,
        has: String,
    },
    /// A line of a family would look like one of another family.
    #[error("`{name}` would have lines named `{line}`, as `{family}` has")]
    Line {
        name: String,
        line: String,
        family: String,
    },
    /// Two sets of labels become one when made valid.
    #[error("labels of `{name}` are the same once their keys are made valid: {labels}")]
    Labels { name: String, labels: String },
}

/// What a storage needs to know before its first series.
#[derive(Default)]
pub(crate) struct Options {
    /// Labels of every series.
    pub(crate) global_labels: Vec<(String, String)>,
    /// The bounds of histograms that have some of their own.
    pub(crate) buckets: HashMap<String, Arc<Bounds>>,
    /// Bounds of all others whose name matches a pattern; the first one holds.
    pub(crate) patterns: Vec<(String, Arc<Bounds>)>,
    /// Patterns of the names that are summaries.
    pub(crate) summaries: Vec<String>,
    /// Whether `OpenMetrics` pages tell when each series began.
    pub(crate) created: bool,
}

/// Everything registered.
pub(crate) struct Registry {
    state: Mutex<State>,
    changes: Changes,
    global_labels: Vec<(String, String)>,
    buckets: HashMap<String, Arc<Bounds>>,
    patterns: Vec<(String, Arc<Bounds>)>,
    default_buckets: Arc<Bounds>,
    summaries: Option<Summaries>,
    conflicts: AtomicU64,
}

#[derive(Default)]
struct State {
    families: HashMap<Arc<str>, Known>,
    /// Every name that a line may start with, and whose it is.
    lines: HashMap<String, Arc<str>>,
    /// The first description of each name, for families that are not there yet.
    described: HashMap<String, Described>,
    /// Names whose conflicts have been logged.
    logged: BTreeSet<String>,
}

/// A family and all its series, whether they are on the page or not.
struct Known {
    name: Arc<str>,
    /// The name before it was made valid.
    raw: String,
    shape: Shape,
    /// The label keys in the order of the page.
    keys: Vec<String>,
    series: HashMap<Arc<str>, Arc<Series>>,
}

impl Known {
    /// Puts labels into the order of the page: known keys first, as they came, then those not seen before.
    fn arrange(&mut self, labels: &mut [(String, String)]) {
        for (key, _) in &*labels {
            if !self.keys.contains(key) {
                self.keys.push(key.clone());
            }
        }
        let place = |key: &str| self.keys.iter().position(|known| known == key);
        labels.sort_by_key(|(key, _)| place(key));
    }
}

impl Registry {
    /// # Errors
    /// The upkeep thread of summaries cannot be started.
    pub(crate) fn new(options: Options) -> std::io::Result<Self> {
        clock::start();
        let Options {
            global_labels,
            buckets,
            patterns,
            summaries,
            created,
        } = options;
        let mut labels = BTreeMap::new();
        for (key, value) in &global_labels {
            labels.insert(name::label(key, None).into_owned(), value.clone());
        }
        Ok(Self {
            state: Mutex::default(),
            changes: Changes::new(Page {
                families: BTreeMap::new(),
                created,
                global_labels: labels.into_iter().collect(),
            }),
            global_labels,
            buckets,
            patterns,
            default_buckets: Arc::new(Bounds::new(&FUNCTION_BUCKETS)),
            summaries: match summaries {
                none if none.is_empty() => None,
                patterns => Some(Summaries::start(patterns)?),
            },
            conflicts: AtomicU64::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All families as they are now. While it is held, other renders wait, and nobody else.
    pub(crate) fn page(&self) -> Current<'_> {
        self.changes.page()
    }

    /// How many changes the page does not know of.
    #[cfg(test)]
    pub(super) fn unseen(&self) -> usize {
        self.changes.unseen()
    }

    /// How many keys have been refused.
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Keeps the first description of a name. A unit changes no name; it is told where the name ends in it.
    pub(super) fn describe(&self, raw: &str, unit: Option<Unit>, help: &str) {
        let mut state = self.state();
        if state.described.contains_key(raw) {
            return;
        }
        let described = Described {
            help: Some(help.into()),
            unit: unit.map(|unit| unit.as_str()),
        };
        state.described.insert(raw.to_owned(), described.clone());
        if let Some(family) = state.families.get(&*name::metric(raw))
            && family.raw == raw
        {
            self.changes
                .send(Change::Describe(Arc::clone(&family.name), described));
        }
    }

    /// The storage of `key`, new or known; `None`, after a line in the log, if it cannot be on the page.
    pub(super) fn register(&self, kind: Kind, key: &Key) -> Option<Value> {
        let mut state = self.state();
        match self.try_register(&mut state, kind, key) {
            Ok(value) => Some(value),
            Err(refused) => {
                self.conflicts.fetch_add(1, Ordering::Relaxed);
                let first = state.logged.insert(key.name().to_owned());
                drop(state);
                if first {
                    tracing::error!(%refused, "a metric is not recorded");
                }
                None
            }
        }
    }

    /// Takes a series off the page, or puts it back. Its handles record all the while.
    pub(crate) fn list(&self, key: &Key, listed: bool) {
        let mut state = self.state();
        let Some(family) = state.families.get_mut(&*name::metric(key.name())) else {
            return;
        };
        let Ok((mut labels, _)) = self.labels(&family.name, &family.shape, key) else {
            return;
        };
        family.arrange(&mut labels);
        if let Some(series) = family.series.get(&*identity(&labels)) {
            let (family, series) = (Arc::clone(&family.name), Arc::clone(series));
            self.changes.send(if listed {
                Change::List(family, series)
            } else {
                Change::Unlist(family, series)
            });
        }
    }

    fn try_register(&self, state: &mut State, kind: Kind, key: &Key) -> Result<Value, Refused> {
        let name = name::metric(key.name());
        if !state.families.contains_key(&*name) {
            self.add_family(state, kind, &name, key.name())?;
        }
        let family = state
            .families
            .get_mut(&*name)
            .expect("it is there or was just made");
        check(family, kind, key.name())?;
        let (mut labels, raw) = self.labels(&name, &family.shape, key)?;
        family.arrange(&mut labels);
        let identity = identity(&labels);
        if let Some(series) = family.series.get(&*identity) {
            if series.raw == raw {
                return Ok(series.value().clone());
            }
            let name = name.into_owned();
            return Err(Refused::Labels {
                name,
                labels: identity,
            });
        }
        let value = self.value(&family.shape);
        let series = Series::new(&name, &labels, raw, value.clone(), clock::unix_seconds());
        let series = Arc::new(series);
        family
            .series
            .insert(Arc::clone(&series.key), Arc::clone(&series));
        self.changes
            .send(Change::List(Arc::clone(&family.name), series));
        Ok(value)
    }

    fn add_family(
        &self,
        state: &mut State,
        kind: Kind,
        name: &str,
        raw: &str,
    ) -> Result<(), Refused> {
        let shape = self.shape(kind, name);
        let name = claim(state, name, &shape)?;
        let described = state.described.get(raw).cloned().unwrap_or_default();
        let listed = Family::new(Arc::clone(&name), shape.clone(), described);
        self.changes.send(Change::Family(Box::new(listed)));
        let known = Known {
            name: Arc::clone(&name),
            raw: raw.to_owned(),
            shape,
            keys: Vec::new(),
            series: HashMap::new(),
        };
        state.families.insert(name, known);
        Ok(())
    }

    fn shape(&self, kind: Kind, name: &str) -> Shape {
        match kind {
            Kind::Counter => Shape::Counter,
            Kind::Gauge => Shape::Gauge,
            Kind::Histogram
                if self
                    .summaries
                    .as_ref()
                    .is_some_and(|some| some.chooses(name)) =>
            {
                Shape::Summary
            }
            Kind::Histogram => Shape::Histogram(self.bounds(name)),
        }
    }

    /// The bounds of the buckets of a histogram with that name.
    pub(crate) fn bounds(&self, name: &str) -> Arc<Bounds> {
        let mut patterns = self.patterns.iter();
        let mut chosen = || patterns.find(|(pattern, _)| matches_pattern(pattern, name));
        let bounds = self.buckets.get(name);
        let bounds = bounds.or_else(|| chosen().map(|(_, bounds)| bounds));
        Arc::clone(bounds.unwrap_or(&self.default_buckets))
    }

    fn value(&self, shape: &Shape) -> Value {
        match (shape, &self.summaries) {
            (Shape::Counter, _) => Value::Counter(Arc::new(Counter::new())),
            (Shape::Gauge, _) => Value::Gauge(Arc::new(Gauge::default())),
            (Shape::Summary, Some(summaries)) => Value::Summary(Arc::new(summaries.register())),
            (Shape::Histogram(bounds), _) => {
                Value::Histogram(Arc::new(Histogram::new(Arc::clone(bounds))))
            }
            (Shape::Summary, None) => {
                Value::Histogram(Arc::new(Histogram::new(Arc::clone(&self.default_buckets))))
            }
        }
    }

    /// The labels of a key with valid keys, and which keys had to be changed for it. Of a key that is given twice the
    /// last value holds, as in the exporter of the facade.
    fn labels(&self, name: &str, shape: &Shape, key: &Key) -> Result<Labels, Refused> {
        let global = self.global_labels.iter();
        let global = global.map(|(key, value)| (key.as_str(), value.as_str()));
        let own = key.labels().map(|label| (label.key(), label.value()));
        let (mut labels, mut raws) = (Vec::<(String, String)>::new(), Vec::new());
        for (raw, value) in global.chain(own) {
            let valid = name::label(raw, shape.reserved_label());
            match labels.iter().position(|(key, _)| *key == valid) {
                Some(place) if raws[place] == raw => value.clone_into(&mut labels[place].1),
                Some(_) => {
                    return Err(Refused::Labels {
                        name: name.to_owned(),
                        labels: format!("{raw:?}"),
                    });
                }
                None => {
                    labels.push((valid.into_owned(), value.to_owned()));
                    raws.push(raw);
                }
            }
        }
        let mut changed: Vec<&str> = raws
            .iter()
            .zip(&labels)
            .filter(|(raw, (key, value))| **raw != *key && !value.is_empty())
            .map(|(raw, _)| *raw)
            .collect();
        changed.sort_unstable();
        let raw = (!changed.is_empty()).then(|| changed.join("\0").into());
        Ok((labels, raw))
    }
}

type Labels = (Vec<(String, String)>, Option<Box<str>>);

/// Reserves the names of a family's lines, and returns its own.
fn claim(state: &mut State, name: &str, shape: &Shape) -> Result<Arc<str>, Refused> {
    let lines: Vec<String> = shape
        .suffixes()
        .iter()
        .map(|suffix| format!("{name}{suffix}"))
        .collect();
    if let Some((line, family)) = lines
        .iter()
        .find_map(|line| Some((line, state.lines.get(line)?)))
    {
        return Err(Refused::Line {
            name: name.to_owned(),
            line: line.clone(),
            family: family.to_string(),
        });
    }
    let family: Arc<str> = name.into();
    state
        .lines
        .extend(lines.into_iter().map(|line| (line, Arc::clone(&family))));
    Ok(family)
}

fn check(family: &Known, kind: Kind, raw: &str) -> Result<(), Refused> {
    let same = match family.shape {
        Shape::Counter => kind == Kind::Counter,
        Shape::Gauge => kind == Kind::Gauge,
        Shape::Histogram(_) | Shape::Summary => kind == Kind::Histogram,
    };
    if !same {
        return Err(Refused::Kind {
            name: raw.to_owned(),
            has: family.shape.name(),
            wanted: kind.name(),
        });
    }
    if family.raw != raw {
        return Err(Refused::Name {
            raw: raw.to_owned(),
            name: family.name.to_string(),
            has: family.raw.clone(),
        });
    }
    Ok(())
}
