//! Labels of free text: each set of values gets series of its own when it is first seen, up to a limit.
//!
//! Such a metric has no series itself. Each set of values is a row: a metric of its own, in which the free labels are
//! fixed. Row 0 holds everything beyond the limit, under `_other`; row 1 is for calls without a result to take them from.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::catalogue::Catalogue;
use crate::label::{Domain, Label};
use crate::metric::{Desc, Metric};
use crate::site::Site;
use crate::storage::{self, Recorder};

/// The value of a label beyond its limit.
pub(crate) const OTHER: &str = "_other";
/// The value of a label that is taken from the result, in calls that have none.
const NONE: &str = "none";

/// The rows that are there from the start.
pub(crate) const RESERVED: usize = 2;

/// Our recorder, which rows are registered with; a recorder local to a thread is not asked.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Remembers our recorder. One that another crate has installed is reached through the facade.
pub(crate) fn register_with(recorder: Recorder) {
    // `install()` succeeds once.
    let _ = RECORDER.set(recorder);
}

/// Gives `row` its storage, if `install()` has run.
pub(crate) fn bind_row(row: &Metric) {
    match RECORDER.get() {
        Some(recorder) => row.bind(storage::slots(row, recorder)),
        None => metrics::with_recorder(|recorder| row.bind(storage::slots(row, recorder))),
    }
}

/// Puts the series of `row` on the page, or takes them off. Another crate's recorder keeps what it has.
pub(crate) fn list_row(row: &Metric, listed: bool) {
    let Some(recorder) = RECORDER.get() else {
        return;
    };
    for key in storage::keys(row).iter().flatten() {
        recorder.registry().list(key, listed);
    }
}

/// The description of a row: the free labels of `desc` are `values`, in their order.
pub(crate) fn row_desc(desc: &Desc, values: &[String]) -> Desc {
    let mut values = values.iter();
    let labels = desc.labels.iter().map(|label| {
        let value = label.domain.is_free().then(|| values.next()).flatten();
        value.map_or(*label, |value| Label {
            key: label.key,
            domain: Domain::Literal(value.clone().leak()),
        })
    });
    Desc {
        labels: labels.collect::<Vec<_>>().leak(),
        ..*desc
    }
}

/// The rows of one metric.
pub(crate) struct Rows {
    desc: Desc,
    /// How many values the other labels have together.
    fixed: usize,
    overflow: Option<&'static Metric>,
    known: RwLock<HashMap<Vec<String>, usize>>,
    all: Box<[Row]>,
}

struct Row {
    values: OnceLock<Vec<String>>,
    metric: OnceLock<&'static Metric>,
}

impl Rows {
    fn new(desc: &Desc, overflow: Option<&'static Metric>) -> Self {
        let free = desc
            .labels
            .iter()
            .filter(|label| label.domain.is_free())
            .count();
        let row = || Row {
            values: OnceLock::new(),
            metric: OnceLock::new(),
        };
        let all: Box<[Row]> = std::iter::repeat_with(row)
            .take(desc.limit + RESERVED)
            .collect();
        all[0].values.get_or_init(|| vec![OTHER.to_owned(); free]);
        all[1].values.get_or_init(|| vec![NONE.to_owned(); free]);
        let known = HashMap::from([(vec![NONE.to_owned(); free], 1)]);
        Self {
            desc: *desc,
            fixed: desc
                .labels
                .iter()
                .filter(|label| !label.domain.is_free())
                .map(|label| label.values().len())
                .product(),
            overflow,
            known: RwLock::new(known),
            all,
        }
    }

    /// The number of the row with these values; of row 0, once the limit is reached.
    fn row(&self, values: &[String]) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(&row) = known.get(values) {
            return row;
        }
        if known.len() <= self.desc.limit {
            drop(known);
            return self.add(values);
        }
        self.overflow()
    }

    fn add(&self, values: &[String]) -> usize {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let next = known.len() + 1;
        if let Some(&row) = known.get(values) {
            return row;
        }
        if next >= self.all.len() {
            return self.overflow();
        }
        self.all[next].values.get_or_init(|| values.to_vec());
        known.insert(values.to_vec(), next);
        next
    }

    fn overflow(&self) -> usize {
        if let Some(overflow) = self.overflow {
            overflow.count(0, 1);
        }
        0
    }

    /// The row that a slot lies in, and the slot in it. Its series are registered by the first record in it.
    pub(crate) fn row_of(&self, slot: usize) -> (&'static Metric, usize) {
        let width = self.fixed * self.desc.outcomes.slots();
        let row = self.all.get(slot / width).unwrap_or(&self.all[0]);
        let metric = row.metric.get_or_init(|| {
            let values = row.values.get().map_or(&[][..], Vec::as_slice);
            let metric = Box::leak(Box::new(Metric::new(row_desc(&self.desc, values))));
            bind_row(metric);
            metric
        });
        (metric, slot % width)
    }

    /// The values of the row that a call's number lies in.
    fn values(&self, number: usize) -> Vec<String> {
        self.all
            .get(number / self.fixed)
            .and_then(|row| row.values.get())
            .cloned()
            .unwrap_or_default()
    }
}

/// Gives every metric with labels of free text its rows.
pub(crate) fn bind(catalogue: &Catalogue) {
    let metrics = catalogue.families().flat_map(|family| &family.metrics);
    for metric in metrics.filter(|metric| metric.desc().limit > 0) {
        metric.bind_rows(Rows::new(
            metric.desc(),
            catalogue.own().overflow_of(metric.desc().name),
        ));
    }
}

fn rows_of(site: &'static Site, index: usize) -> Option<&'static Rows> {
    if site.is_live() {
        site.uses.get(index)?.metric().rows()
    } else {
        None
    }
}

/// The first slot of the row for these values of the free labels of the site's use at `index`. `missing` is the number
/// of values of labels that are not part of the slot yet.
#[must_use]
pub fn row(site: &'static Site, index: usize, values: &[String], missing: usize) -> usize {
    rows_of(site, index).map_or(0, |rows| rows.row(values) * (rows.fixed / missing))
}

/// The number of a call with another value for its free label at `position`.
pub fn set_row(
    site: &'static Site,
    index: usize,
    number: &mut usize,
    position: usize,
    value: String,
) {
    if let Some(rows) = rows_of(site, index) {
        let mut values = rows.values(*number);
        if let Some(old) = values.get_mut(position) {
            *old = value;
        }
        *number = rows.row(&values) * rows.fixed + *number % rows.fixed;
    }
}

/// The text of a free label.
pub fn text(value: impl std::fmt::Display) -> String {
    value.to_string()
}

/// The text of a free label that is not known yet.
#[must_use]
pub fn no_text() -> String {
    NONE.to_owned()
}
