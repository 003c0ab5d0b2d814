//! Every series that a rule or panel may name, and what is known of it.

use std::collections::{BTreeSet, HashMap};

use super::labels::Labels;
use super::shape::Shape;
use super::unit::Unit;

/// Labels that scrape configurations and service discovery commonly add. Metrics that are not of a catalogue may have
/// them, so that rule sets written for clusters stay silent.
const COMMON_TARGET_LABELS: &[&str] = &[
    "app",
    "az",
    "cluster",
    "component",
    "container",
    "datacenter",
    "dc",
    "endpoint",
    "env",
    "environment",
    "group",
    "host",
    "hostname",
    "metrics_path",
    "monitor",
    "namespace",
    "node",
    "nodename",
    "pod",
    "prometheus",
    "region",
    "replica",
    "service",
    "stage",
    "system",
    "team",
    "tenant",
    "zone",
];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Unknown,
}

impl Kind {
    /// The kind of a `# TYPE` line or of a catalogue; info and state sets are gauges to a query.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" | "info" | "stateset" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" => Self::Summary,
            "untyped" | "unknown" | "gaugehistogram" => Self::Unknown,
            _ => return None,
        })
    }
}

/// Who says that a metric exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A program's catalogue: its labels and values are all that can be.
    Catalogue,
    /// Someone's page: a snapshot.
    External,
    /// Prometheus itself.
    Builtin,
}

/// A family of series.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) labels: Labels,
    /// Keys whose values are known only when the program runs.
    pub(crate) dynamic: BTreeSet<String>,
    /// Upper bounds of the buckets, rising, without `+Inf`.
    pub(crate) buckets: Vec<f64>,
    pub(crate) origin: Origin,
}

/// Which of a family's series a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Bucket,
    Sum,
    Count,
}

/// A series that a name resolved to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series<'a> {
    pub(crate) family: &'a Family,
    pub(crate) part: Part,
}

/// What a recording rule makes.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) shape: Shape,
    /// Seconds between two evaluations, if the group says.
    pub(crate) interval: Option<f64>,
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct Names {
    families: HashMap<String, Family>,
    pub(crate) recorded: HashMap<String, Recorded>,
    target_labels: BTreeSet<String>,
    /// The jobs of the Prometheus configuration, if one was given.
    jobs: BTreeSet<String>,
}

impl Names {
    pub(crate) fn new(target_labels: impl IntoIterator<Item = String>) -> Self {
        let mut names = Self {
            target_labels: target_labels.into_iter().collect(),
            ..Self::default()
        };
        names.add_builtins();
        names
    }

    /// What a Prometheus configuration says: labels that its targets have, and all of its jobs.
    pub(crate) fn add_targets(&mut self, labels: &[String], jobs: Vec<String>) {
        self.target_labels.extend(labels.iter().cloned());
        self.jobs.extend(jobs);
    }

    /// The families that have a series whose name fits.
    pub(crate) fn fitting(&self, fits: impl Fn(&str) -> bool) -> Vec<String> {
        self.families
            .values()
            .filter(|family| {
                suffixes(family.kind)
                    .iter()
                    .any(|suffix| fits(&format!("{}{suffix}", family.name)))
            })
            .map(|family| family.name.clone())
            .collect()
    }

    /// Adds a family; one that two programs have gets the labels and values of both.
    pub(crate) fn add(&mut self, family: Family) {
        match self.families.get_mut(&family.name) {
            None => {
                self.families.insert(family.name.clone(), family);
            }
            Some(known) => {
                known.labels = known.labels.either(&family.labels);
                known.dynamic.extend(family.dynamic);
                let further: Vec<f64> = family
                    .buckets
                    .into_iter()
                    .filter(|edge| !known.buckets.contains(edge))
                    .collect();
                known.buckets.extend(further);
                known.buckets.sort_by(f64::total_cmp);
                if known.kind != family.kind {
                    known.kind = Kind::Unknown;
                }
            }
        }
    }

    /// The family and part that a series name means.
    pub(crate) fn series(&self, name: &str) -> Option<Series<'_>> {
        if let Some(family) = self.families.get(name)
            && family.kind != Kind::Histogram
        {
            return Some(Series {
                family,
                part: Part::Whole,
            });
        }
        let suffixes = [
            ("_bucket", Part::Bucket),
            ("_sum", Part::Sum),
            ("_count", Part::Count),
        ];
        if let Some(series) = suffixes.iter().find_map(|(suffix, part)| {
            let family = self.families.get(name.strip_suffix(suffix)?)?;
            let has = match family.kind {
                Kind::Histogram => true,
                Kind::Summary => *part != Part::Bucket,
                _ => false,
            };
            has.then_some(Series {
                family,
                part: *part,
            })
        }) {
            return Some(series);
        }
        let scrape = name
            .starts_with("scrape_")
            .then(|| self.families.get("up"))
            .flatten();
        scrape.map(|family| Series {
            family,
            part: Part::Count,
        })
    }

    /// The histogram of this name, which as such is no series.
    pub(crate) fn histogram(&self, name: &str) -> Option<&Family> {
        self.families
            .get(name)
            .filter(|family| family.kind == Kind::Histogram)
    }

    /// The labels of a family's series, with those of the target.
    pub(crate) fn labels(&self, series: Series<'_>) -> Labels {
        let family = series.family;
        let mut labels = family.labels.clone();
        if !labels.has("job") && !self.jobs.is_empty() {
            labels.values.insert("job".to_owned(), self.jobs.clone());
        }
        for key in ["instance", "job"] {
            if labels.can_have(key) {
                // The exporter's own, unless the scrape honours labels.
                labels.add(&format!("exported_{key}"), false);
                labels.values.remove(key);
            }
            labels.may.remove(key);
            labels.must.insert(key.to_owned());
        }
        let common: &[&str] = if family.origin == Origin::Catalogue {
            &[]
        } else {
            COMMON_TARGET_LABELS
        };
        for key in self
            .target_labels
            .iter()
            .map(String::as_str)
            .chain(common.iter().copied())
        {
            if !labels.can_have(key) {
                labels.add(key, false);
            }
        }
        match (family.kind, series.part) {
            (Kind::Histogram, Part::Bucket) => labels.add("le", true),
            (Kind::Summary, Part::Whole) => labels.add("quantile", true),
            _ => {}
        }
        labels
    }

    /// The known name that is nearest to a wrong one, if one is near enough to be meant.
    pub(crate) fn nearest(&self, wrong: &str) -> Option<String> {
        let mut all: BTreeSet<String> = self.recorded.keys().cloned().collect();
        for family in self.families.values() {
            let suffixes = suffixes(family.kind);
            all.extend(
                suffixes
                    .iter()
                    .map(|suffix| format!("{}{suffix}", family.name)),
            );
        }
        nearest(wrong, all.iter().map(String::as_str)).map(str::to_owned)
    }

    fn add_builtins(&mut self) {
        let builtin = |name: &str, labels| Family {
            name: name.to_owned(),
            kind: Kind::Gauge,
            unit: Unit::of("", name),
            labels,
            dynamic: BTreeSet::new(),
            buckets: Vec::new(),
            origin: Origin::Builtin,
        };
        for name in ["up", "scrape_duration_seconds", "scrape_timeout_seconds"] {
            self.add(builtin(name, Labels::default()));
        }
        for name in ["ALERTS", "ALERTS_FOR_STATE"] {
            let mut labels = Labels::unknown();
            labels.add("alertname", true);
            self.add(builtin(name, labels));
        }
    }
}

/// What follows a family's name in the names of its series.
fn suffixes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Histogram => &["_bucket", "_sum", "_count"],
        Kind::Summary => &["", "_sum", "_count"],
        _ => &[""],
    }
}

/// The candidate that needs the fewest edits, if those are at most a third of the length.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len().abs_diff(wrong.len()) <= limit)
        .map(|candidate| (edits(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in bytes.
fn edits(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near_or_none() {
        let names = ["orders_total", "orders_failed_total", "up"];
        assert_eq!(
            nearest("order_total", names.into_iter()),
            Some("orders_total")
        );
        assert_eq!(nearest("disk_free_bytes", names.into_iter()), None);
    }

    #[test]
    fn a_histogram_has_three_series_and_none_of_its_own_name() {
        let mut names = Names::new([]);
        names.add(Family {
            name: "x_seconds".to_owned(),
            kind: Kind::Histogram,
            unit: Unit::Seconds,
            labels: Labels::default(),
            dynamic: BTreeSet::new(),
            buckets: vec![0.1],
            origin: Origin::Catalogue,
        });
        assert!(names.series("x_seconds").is_none());
        let bucket = names.series("x_seconds_bucket").expect("it has buckets");
        assert_eq!(names.labels(bucket).keys(), ["instance", "job", "le"]);
        assert!(names.series("x_seconds_max").is_none());
    }

    #[test]
    fn what_two_programs_share_has_the_values_of_both() {
        let mut names = Names::new([]);
        for value in ["a", "b"] {
            let mut labels = Labels::default();
            labels.add("function", true);
            labels
                .values
                .insert("function".to_owned(), [value.to_owned()].into());
            names.add(Family {
                name: "calls_total".to_owned(),
                kind: Kind::Counter,
                unit: Unit::Unknown,
                labels,
                dynamic: BTreeSet::new(),
                buckets: Vec::new(),
                origin: Origin::Catalogue,
            });
        }
        let series = names.series("calls_total").expect("known");
        assert_eq!(series.family.labels.values["function"].len(), 2);
    }
}
