//! All that a program can emit, collected at link time and checked as a whole. Cold.

use std::collections::BTreeMap;

use crate::label::Label;
use crate::metric::{Desc, Help, Kind, Metric, Place};

/// The most series that one site or declared metric may have.
pub const SERIES_LIMIT: usize = 1000;

/// The name of the family that every `#[timed]` without a name shares.
pub const FUNCTION_DURATION: &str = "function_duration_seconds";
/// The name of the family that every `#[counted]` without a name shares.
pub const FUNCTION_CALLS: &str = "function_calls_total";
/// The buckets of durations for which none are given, in seconds.
pub const FUNCTION_BUCKETS: [f64; 14] = [
    1e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// What an attribute or a declaration hands to the linker: a metric, and who moves it.
pub struct Registration {
    metric: &'static Metric,
    place: Place,
    function: Option<fn() -> String>,
    /// The label keys that an attribute gives to a declared metric.
    keys: Option<&'static [&'static str]>,
}

inventory::collect!(Registration);

impl Registration {
    /// A declared metric.
    #[must_use]
    pub const fn declared(metric: &'static Metric) -> Self {
        Self {
            metric,
            place: metric.desc().place,
            function: None,
            keys: None,
        }
    }

    /// A function that moves `metric`; `keys` are its labels, if the metric is a declared one.
    #[must_use]
    pub const fn site(
        metric: &'static Metric,
        place: Place,
        function: fn() -> String,
        keys: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            metric,
            place,
            function: Some(function),
            keys,
        }
    }
}

/// A family of the catalogue.
#[derive(Clone, Debug)]
pub struct Family {
    /// The full name.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// One line of HELP.
    pub help: String,
    /// The label keys, `outcome` included, in the order of the page.
    pub keys: Vec<&'static str>,
    /// Upper bounds of a histogram's buckets, without `+Inf`.
    pub buckets: &'static [f64],
    /// The functions and declarations that feed it.
    pub sites: Vec<SiteOf>,
    pub(crate) metrics: Vec<&'static Metric>,
    explicit_help: Option<(&'static str, Place)>,
}

/// A place that feeds a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteOf {
    /// File and line.
    pub place: Place,
    /// The function's path below its module; `None` for a declaration.
    pub function: Option<String>,
}

/// Two places of one program that cannot both be true.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// One name, two shapes.
    #[error("`{name}` has two kinds: {first_kind} at {first}, {second_kind} at {second}; rename one", first_kind = first_kind.name(), second_kind = second_kind.name())]
    Kind {
        /// The family.
        name: &'static str,
        /// The kind that was met first.
        first_kind: Kind,
        /// Its place.
        first: Place,
        /// The other kind.
        second_kind: Kind,
        /// Its place.
        second: Place,
    },
    /// One name, two sets of labels.
    #[error(
        "`{name}` has two sets of labels: {first_keys:?} at {first}, {second_keys:?} at {second}; give both the same keys or rename one"
    )]
    Labels {
        /// The family.
        name: &'static str,
        /// The keys that were met first.
        first_keys: Vec<&'static str>,
        /// Their place.
        first: Place,
        /// The other keys.
        second_keys: Vec<&'static str>,
        /// Their place.
        second: Place,
    },
    /// One name, two lists of buckets.
    #[error(
        "`{name}` has two lists of buckets: {first_buckets:?} at {first}, {second_buckets:?} at {second}; give both the same or rename one"
    )]
    Buckets {
        /// The family.
        name: &'static str,
        /// The bounds that were met first.
        first_buckets: &'static [f64],
        /// Their place.
        first: Place,
        /// The other bounds.
        second_buckets: &'static [f64],
        /// Their place.
        second: Place,
    },
    /// One name, two explicit help texts.
    #[error(
        "`{name}` has two help texts: {first_help:?} at {first}, {second_help:?} at {second}; keep one"
    )]
    Help {
        /// The family.
        name: &'static str,
        /// The text that was met first.
        first_help: &'static str,
        /// Its place.
        first: Place,
        /// The other text.
        second_help: &'static str,
        /// Its place.
        second: Place,
    },
    /// More series from one place than anyone can read.
    #[error(
        "`{name}` at {place} has {series} series; at most {limit} are accepted: drop a label or some of its values"
    )]
    TooManySeries {
        /// The family.
        name: &'static str,
        /// The place.
        place: Place,
        /// How many it has.
        series: usize,
        /// How many are accepted.
        limit: usize,
    },
}

impl Family {
    fn new(metric: &'static Metric) -> Self {
        let desc = metric.desc();
        Self {
            name: desc.name,
            kind: desc.kind,
            help: String::new(),
            keys: keys(desc),
            buckets: buckets(desc),
            sites: Vec::new(),
            metrics: Vec::new(),
            explicit_help: None,
        }
    }

    fn first_place(&self) -> Place {
        self.sites[0].place
    }

    fn add(&mut self, registration: &Registration, conflicts: &mut Vec<Conflict>) {
        let (metric, place) = (registration.metric, registration.place);
        let function = registration.function.map(|function| function());
        self.sites.push(SiteOf { place, function });
        let desc = metric.desc();
        if desc.kind != self.kind {
            // Another kind has other labels and buckets too; that is one mistake, not three.
            conflicts.push(Conflict::Kind {
                name: self.name,
                first_kind: self.kind,
                first: self.first_place(),
                second_kind: desc.kind,
                second: desc.place,
            });
            return;
        }
        self.check_keys(registration, conflicts);
        if !self
            .metrics
            .iter()
            .any(|known| std::ptr::eq(*known, metric))
        {
            self.check_shape(desc, conflicts);
            self.metrics.push(metric);
        }
    }

    fn check_keys(&self, registration: &Registration, conflicts: &mut Vec<Conflict>) {
        let desc = registration.metric.desc();
        let mut second_keys = registration.keys.map_or_else(|| keys(desc), <[_]>::to_vec);
        let mut first_keys = self.keys.clone();
        if registration.keys.is_none() {
            // Families of several sites need the same keys; their order is the page's, not the source's.
            second_keys.sort_unstable();
            first_keys.sort_unstable();
        }
        if second_keys != first_keys {
            conflicts.push(Conflict::Labels {
                name: self.name,
                first_keys: self.keys.clone(),
                first: self.first_place(),
                second_keys: registration.keys.map_or_else(|| keys(desc), <[_]>::to_vec),
                second: registration.place,
            });
        }
    }

    fn check_shape(&mut self, desc: &Desc, conflicts: &mut Vec<Conflict>) {
        let (name, first, second) = (self.name, self.first_place(), desc.place);
        if buckets(desc) != self.buckets {
            let (first_buckets, second_buckets) = (self.buckets, buckets(desc));
            conflicts.push(Conflict::Buckets {
                name,
                first_buckets,
                first,
                second_buckets,
                second,
            });
        }
        let series = desc
            .labels
            .iter()
            .map(|label| label.values().len())
            .product::<usize>()
            * desc.outcomes.names().count().max(1);
        if series > SERIES_LIMIT {
            let (place, limit) = (desc.place, SERIES_LIMIT);
            conflicts.push(Conflict::TooManySeries {
                name,
                place,
                series,
                limit,
            });
        }
        self.take_help(desc, conflicts);
    }

    fn take_help(&mut self, desc: &Desc, conflicts: &mut Vec<Conflict>) {
        match (desc.help, self.explicit_help) {
            (Help::Explicit(text), None) => {
                self.help = first_sentence(text);
                self.explicit_help = Some((text, desc.place));
            }
            (Help::Explicit(second_help), Some((first_help, first)))
                if first_help != second_help =>
            {
                let (name, second) = (self.name, desc.place);
                conflicts.push(Conflict::Help {
                    name,
                    first_help,
                    first,
                    second_help,
                    second,
                });
            }
            (Help::Doc(text), None) if self.help.is_empty() => self.help = first_sentence(text),
            _ => {}
        }
    }

    fn settle_help(&mut self) {
        match self.name {
            FUNCTION_DURATION => {
                "Duration of annotated functions, by how they ended.".clone_into(&mut self.help);
            }
            FUNCTION_CALLS => {
                "Calls of annotated functions, by how they ended.".clone_into(&mut self.help);
            }
            _ if self.help.is_empty() => {
                let what = match self.kind {
                    Kind::Histogram => "Duration of",
                    Kind::Counter | Kind::Gauge => "Calls of",
                };
                let function = self.sites[0].function.as_deref().unwrap_or(self.name);
                self.help = format!("{what} {function}.");
            }
            _ => {}
        }
    }
}

fn keys(desc: &Desc) -> Vec<&'static str> {
    let outcome = (!desc.outcomes.is_empty()).then_some("outcome");
    desc.labels
        .iter()
        .map(|Label { key, .. }| *key)
        .chain(outcome)
        .collect()
}

fn buckets(desc: &Desc) -> &'static [f64] {
    match (desc.kind, desc.buckets) {
        (Kind::Histogram, []) => &FUNCTION_BUCKETS,
        (_, given) => given,
    }
}

/// The text up to its first full stop that ends a sentence, on one line, with that full stop.
fn first_sentence(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(end) = line.find(". ") {
        line.truncate(end + 1);
    }
    if !line.is_empty() && !line.ends_with(['.', '!', '?']) {
        line.push('.');
    }
    line
}

/// Everything that this program can emit, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    families: BTreeMap<&'static str, Family>,
}

impl Catalogue {
    /// Collects what the linker gathered.
    ///
    /// # Errors
    /// Every conflict found, in the order of the source.
    pub(crate) fn collect() -> Result<Self, Vec<Conflict>> {
        let mut all: Vec<&Registration> = inventory::iter::<Registration>.into_iter().collect();
        // The linker's order is not the source's, and a declaration comes before its uses.
        all.sort_by_key(|one| {
            // Attributes of one function share a place.
            let buckets = one
                .metric
                .desc()
                .buckets
                .iter()
                .map(|bound| bound.to_bits());
            let place = (one.place.file(), one.place.line());
            (one.function.is_some(), place, buckets.collect::<Vec<_>>())
        });
        let (mut catalogue, mut conflicts) = (Self::default(), Vec::new());
        for registration in all {
            let name = registration.metric.desc().name;
            catalogue
                .families
                .entry(name)
                .or_insert_with(|| Family::new(registration.metric))
                .add(registration, &mut conflicts);
        }
        catalogue
            .families
            .values_mut()
            .for_each(Family::settle_help);
        if conflicts.is_empty() {
            Ok(catalogue)
        } else {
            Err(conflicts)
        }
    }

    /// The families, by name.
    pub fn families(&self) -> impl Iterator<Item = &Family> {
        self.families.values()
    }

    /// The family of that name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_one_sentence_on_one_line() {
        assert_eq!(
            first_sentence(" Fetches bars.\n They are cached."),
            "Fetches bars."
        );
        assert_eq!(
            first_sentence("Fetches\n  0.5 s of bars"),
            "Fetches 0.5 s of bars."
        );
        assert_eq!(first_sentence(""), "");
    }
}
