//! Where series are registered, and what is refused. Cold.
//!
//! Two locks, and no thread that records through a handle takes either:
//! - `state`, to register a series; a render holds it while it copies one reference, so that a thread that registers
//!   waits for another that does, but not for a page to be written;
//! - a shard of `Index`, to find the handle of a key that is known: read by every uncached call of the facade's
//!   macros, written only to add a key. Renders do not touch it.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::Key;

use super::counter::Counter;
use super::family::{Family, Page, Series, Shape, Value, identity};
use super::gauge::Gauge;
use super::histogram::{Bounds, Histogram};
use super::name;
use super::summary::Summaries;
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
    /// Patterns of the names that are summaries.
    pub(crate) summaries: Vec<String>,
    /// Whether `OpenMetrics` pages tell when each series began.
    pub(crate) created: bool,
}

/// Everything registered.
pub(crate) struct Registry {
    state: Mutex<State>,
    global_labels: Vec<(String, String)>,
    buckets: HashMap<String, Arc<Bounds>>,
    default_buckets: Arc<Bounds>,
    summaries: Option<Summaries>,
    conflicts: AtomicU64,
}

#[derive(Default)]
struct State {
    page: Arc<Page>,
    /// Every name that a line may start with, and whose it is.
    lines: HashMap<String, Arc<str>>,
    /// The first description of each name, for families that are not there yet.
    described: HashMap<String, Arc<str>>,
    /// Series that are not on the page for now, by family and labels.
    unlisted: HashMap<(String, String), Arc<Series>>,
    /// Names whose conflicts have been logged.
    logged: BTreeSet<String>,
}

impl Registry {
    /// # Errors
    /// The upkeep thread of summaries cannot be started.
    pub(crate) fn new(options: Options) -> std::io::Result<Self> {
        clock::start();
        let Options {
            global_labels,
            buckets,
            summaries,
            created,
        } = options;
        let mut state = State::default();
        Arc::make_mut(&mut state.page).created = created;
        Ok(Self {
            state: Mutex::new(state),
            global_labels,
            buckets,
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

    /// All families as they are now.
    pub(crate) fn page(&self) -> Arc<Page> {
        Arc::clone(&self.state().page)
    }

    /// How many keys have been refused.
    pub(crate) fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Keeps the first description of a name.
    pub(super) fn describe(&self, raw: &str, help: &str) {
        let mut state = self.state();
        if state.described.contains_key(raw) {
            return;
        }
        let help: Arc<str> = help.into();
        state.described.insert(raw.to_owned(), Arc::clone(&help));
        let name = name::metric(raw);
        if state
            .page
            .family(&name)
            .is_some_and(|family| &*family.raw == raw)
            && let Some(family) = Arc::make_mut(&mut state.page).families.get_mut(&name)
        {
            family.help = Some(help);
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
        let state = &mut *state;
        let name = name::metric(key.name());
        let Some(family) = Arc::make_mut(&mut state.page).families.get_mut(&name) else {
            return;
        };
        let Ok((mut labels, _)) = self.labels(&family.name, &family.shape, key) else {
            return;
        };
        family.arrange(&mut labels);
        let place = (name.into_owned(), identity(&labels));
        if !listed {
            let series = family.series.remove(&place.1);
            state.unlisted.extend(series.map(|series| (place, series)));
        } else if let Some(series) = state.unlisted.remove(&place) {
            family.series.insert(series);
        }
    }

    fn try_register(&self, state: &mut State, kind: Kind, key: &Key) -> Result<Value, Refused> {
        let name = name::metric(key.name());
        if state.page.family(&name).is_none() {
            let shape = self.shape(kind, &name);
            claim(state, &name, &shape)?;
            let help = state.described.get(key.name()).cloned();
            let family = Family::new(&name, key.name(), shape, help);
            Arc::make_mut(&mut state.page)
                .families
                .insert(Arc::new(family));
        }
        let family = Arc::make_mut(&mut state.page)
            .families
            .get_mut(&name)
            .expect("it is there or was just made");
        check(family, kind, key.name())?;
        let (mut labels, raw) = self.labels(&name, &family.shape, key)?;
        family.arrange(&mut labels);
        let identity = identity(&labels);
        if let Some(series) = family.series.get(&identity) {
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
        family.series.insert(Arc::new(series));
        Ok(value)
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
        Arc::clone(self.buckets.get(name).unwrap_or(&self.default_buckets))
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

/// Reserves the names of a family's lines.
fn claim(state: &mut State, name: &str, shape: &Shape) -> Result<(), Refused> {
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
    Ok(())
}

fn check(family: &Family, kind: Kind, raw: &str) -> Result<(), Refused> {
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
    if *family.raw != *raw {
        return Err(Refused::Name {
            raw: raw.to_owned(),
            name: family.name.to_string(),
            has: family.raw.to_string(),
        });
    }
    Ok(())
}
