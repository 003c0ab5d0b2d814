//! All that a program can emit, collected at link time and checked as a whole. Cold.

use std::collections::BTreeMap;

use crate::label::Label;
use crate::link;
use crate::metric::{Desc, Kind, Metric, Place};
use crate::observe::{Chosen, Own};
use crate::outcome::Outcomes;
use crate::site::{Site, Use};
use crate::storage::matches_pattern;

mod conflict;
mod help;
mod own;

pub use conflict::Conflict;
pub(crate) use own::OwnMetrics;

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

/// The name of the family of calls that run, shared by every attribute with `in_flight` and without a name.
pub const FUNCTION_CALLS_IN_FLIGHT: &str = "function_calls_in_flight";

/// What an attribute or a declaration hands to the linker.
pub enum Registration {
    /// An annotated function.
    Site(&'static Site),
    /// A declared metric, and where.
    Declared(&'static Metric, Place),
}

/// A metric, and who moves it.
#[derive(Clone)]
struct Entry {
    metric: &'static Metric,
    place: Place,
    function: Option<String>,
    /// The label keys that an attribute gives to a declared metric.
    keys: Option<&'static [&'static str]>,
}

impl Entry {
    fn declared(metric: &'static Metric, place: Place) -> Self {
        Self {
            metric,
            place,
            function: None,
            keys: None,
        }
    }

    fn all_of(registration: &Registration) -> Vec<Self> {
        let site = match registration {
            Registration::Declared(metric, place) => return vec![Self::declared(metric, *place)],
            Registration::Site(site) => *site,
        };
        let entry = |one: &'static Use| Self {
            metric: one.metric(),
            place: site.place,
            function: Some(site.function()),
            keys: one.keys(),
        };
        site.uses.iter().map(entry).collect()
    }

    /// The label keys it brings along, in its own order.
    fn keys(&self) -> Vec<&'static str> {
        self.keys
            .map_or_else(|| keys(self.metric.desc()), <[_]>::to_vec)
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
    /// The labels of a family that this crate computes at each scrape.
    computed: Option<&'static [Label]>,
    explicit_help: Option<(&'static str, Place)>,
    /// One call in so many is recorded.
    sample: u32,
}

/// A place that feeds a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteOf {
    /// File and line.
    pub place: Place,
    /// The function's path below its module; `None` for a declaration.
    pub function: Option<String>,
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
            computed: None,
            explicit_help: None,
            sample: 1,
        }
    }

    fn computed(own: &Own) -> Self {
        let (place, function) = (own.place, None);
        Self {
            name: own.name,
            kind: own.kind,
            help: own.help.to_owned(),
            keys: own.labels.iter().map(|label| label.key).collect(),
            buckets: &[],
            sites: vec![SiteOf { place, function }],
            metrics: Vec::new(),
            computed: Some(own.labels),
            explicit_help: None,
            sample: 1,
        }
    }

    /// The values that a label can have, in the order of the source; `None` if they come with configuration or calls.
    #[must_use]
    pub fn values(&self, key: &str) -> Option<Vec<String>> {
        let recorded = self.metrics.iter().map(|metric| metric.desc());
        let recorded = recorded.map(|desc| (desc.labels, desc.outcomes));
        let computed = self.computed.map(|labels| (labels, Outcomes::NONE));
        let mut all = Vec::new();
        for (labels, outcomes) in recorded.chain(computed) {
            let values = match labels.iter().find(|label| label.key == key) {
                Some(label) if label.domain.is_free() => return None,
                Some(label) => label.values(),
                None => outcomes.names().map(str::to_owned).collect(),
            };
            for value in values {
                if !all.contains(&value) {
                    all.push(value);
                }
            }
        }
        Some(all)
    }

    /// Whether it is read when the page is written, and not recorded.
    pub(crate) const fn is_computed(&self) -> bool {
        self.computed.is_some()
    }

    fn first_place(&self) -> Place {
        self.sites[0].place
    }

    fn add(&mut self, entry: Entry, conflicts: &mut Vec<Conflict>) {
        let (metric, place) = (entry.metric, entry.place);
        let desc = metric.desc();
        let keys = (entry.keys.is_some(), entry.keys());
        let function = entry.function;
        self.sites.push(SiteOf { place, function });
        if desc.kind != self.kind {
            // Another kind has other labels and buckets too; that is one mistake, not three.
            conflicts.push(Conflict::Kind {
                name: self.name,
                first_kind: self.kind,
                first: self.first_place(),
                second_kind: desc.kind,
                second: place,
            });
            return;
        }
        self.check_keys(keys, place, conflicts);
        if !self
            .metrics
            .iter()
            .any(|known| std::ptr::eq(*known, metric))
        {
            self.check_shape(desc, place, conflicts);
            self.metrics.push(metric);
        }
    }

    /// A declared metric wants its labels in its own order; families of several sites need the same keys, and their
    /// order is the page's.
    fn check_keys(
        &self,
        (ordered, second_keys): (bool, Vec<&'static str>),
        second: Place,
        conflicts: &mut Vec<Conflict>,
    ) {
        let (mut one, mut other) = (self.keys.clone(), second_keys.clone());
        if !ordered {
            one.sort_unstable();
            other.sort_unstable();
        }
        if one != other {
            conflicts.push(Conflict::Labels {
                name: self.name,
                first_keys: self.keys.clone(),
                first: self.first_place(),
                second_keys,
                second,
            });
        }
    }

    fn check_shape(&mut self, desc: &Desc, second: Place, conflicts: &mut Vec<Conflict>) {
        let (name, first) = (self.name, self.first_place());
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
        let (place, series, limit) = (second, series(desc), SERIES_LIMIT);
        if series > limit {
            conflicts.push(Conflict::TooManySeries {
                name,
                place,
                series,
                limit,
            });
        }
        self.sample = self.sample.max(desc.sample);
        self.take_help(desc, second, conflicts);
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

/// How many series it can have.
fn series(desc: &Desc) -> usize {
    let fixed: usize = desc
        .labels
        .iter()
        .filter(|label| !label.domain.is_free())
        .map(|label| label.values().len())
        .product();
    let rows = if desc.limit > 0 { desc.limit + 1 } else { 1 };
    fixed * rows * desc.outcomes.names().count().max(1)
}

/// Everything that this program can emit, by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    families: BTreeMap<&'static str, Family>,
    sites: Vec<&'static Site>,
    own: OwnMetrics,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.families.values()).finish()
    }
}

impl Catalogue {
    /// Collects what the linker gathered, without the families whose name is one of `left_out`, or starts with one that
    /// ends in `*`. Conflicts are looked for in all of it.
    ///
    /// # Errors
    /// Every conflict found, in the order of the source.
    pub(crate) fn collect(left_out: &[String]) -> Result<Self, Vec<Conflict>> {
        let mut sites = Vec::new();
        let mut all = Vec::new();
        for registration in link::registrations() {
            all.extend(Entry::all_of(registration));
            if let Registration::Site(site) = registration {
                sites.push(*site);
            }
        }
        // The linker's order is not the source's, and a declaration comes before its uses.
        all.sort_by_key(|one: &Entry| {
            // Attributes of one function share a place.
            let buckets = one.metric.desc().buckets.iter();
            let buckets: Vec<_> = buckets.map(|bound| bound.to_bits()).collect();
            let place = (one.place.file(), one.place.line());
            (one.function.is_some(), place, buckets)
        });
        let whole = Self::of(all.clone(), sites)?;
        if left_out.is_empty() {
            return Ok(whole);
        }
        let stays = |metric: &Metric| {
            let name = metric.desc().name;
            !left_out.iter().any(|out| matches_pattern(out, name))
        };
        all.retain(|one| stays(one.metric));
        let mut sites = whole.sites;
        sites.retain(|site| site.uses.iter().any(|one| stays(one.metric())));
        Self::of(all, sites)
    }

    fn of(mut all: Vec<Entry>, sites: Vec<&'static Site>) -> Result<Self, Vec<Conflict>> {
        let own = OwnMetrics::of(all.iter().map(|one| (one.metric, one.place)));
        all.extend(
            own.all()
                .map(|(metric, place)| Entry::declared(metric, place)),
        );
        let (mut families, mut conflicts) = (BTreeMap::new(), Vec::new());
        for entry in all {
            families
                .entry(entry.metric.desc().name)
                .or_insert_with(|| Family::new(entry.metric))
                .add(entry, &mut conflicts);
        }
        families.values_mut().for_each(Family::settle_help);
        if conflicts.is_empty() {
            Ok(Self {
                families,
                sites,
                own,
            })
        } else {
            Err(conflicts)
        }
    }

    /// Adds the families that this crate computes at each scrape. One that the program declares itself holds.
    pub(crate) fn add_computed(&mut self, chosen: Chosen) {
        for own in chosen.families() {
            self.families
                .entry(own.name)
                .or_insert_with(|| Family::computed(own));
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

    /// The annotated functions.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &'static Site> {
        self.sites.iter().copied()
    }

    /// The metrics that this crate keeps of itself.
    pub(crate) const fn own(&self) -> &OwnMetrics {
        &self.own
    }
}
