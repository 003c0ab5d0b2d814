//! Labels of free text: each set of values gets series of its own when it is first seen, up to a limit.
//!
//! Such a metric has no series itself. Each set of values is a row: a metric of its own, in which the free labels are
//! fixed. Row 0 holds everything beyond the limit, under `_other`; row 1 is for calls without a result to take them from.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{OnceLock, PoisonError, RwLock};

use crate::catalogue::Catalogue;
use crate::label::{Domain, Label};
use crate::metric::{Desc, Metric};
use crate::site::Site;
use crate::storage;
use crate::texts::{Key, Memory, texts};

/// The value of a label beyond its limit.
pub(crate) const OTHER: &str = "_other";
/// The value of a label that is taken from the result, in calls that have none.
pub const NO_TEXT: &str = "none";

/// The row of everything beyond the limit.
pub(crate) const OVERFLOW: usize = 0;
/// The rows that are there from the start.
pub(crate) const RESERVED: usize = 2;

/// Puts the series of `row` on the page, or takes them off. Another crate's recorder keeps what it has.
pub(crate) fn list_row(row: &Metric, listed: bool) {
    let Some(recorder) = storage::global() else {
        return;
    };
    for key in storage::keys(row).iter().flatten() {
        recorder.registry().list(key, listed);
    }
}

/// How many values the labels that are not free text have together.
fn fixed(desc: &Desc) -> usize {
    let fixed = desc.labels.iter().filter(|label| !label.domain.is_free());
    fixed.map(|label| label.values().len()).product()
}

/// How many slots the rows of a metric have together.
pub(crate) fn slots(desc: &Desc) -> usize {
    if desc.limit == 0 {
        return 0;
    }
    (desc.limit + RESERVED) * fixed(desc) * desc.outcomes.slots()
}

/// The description of a row: the free labels of `desc` are `values`, in their order.
pub(crate) fn row_desc<'a>(desc: &Desc, mut values: impl Iterator<Item = &'a str>) -> Desc {
    let labels = desc.labels.iter().map(|label| {
        let value = label.domain.is_free().then(|| values.next()).flatten();
        value.map_or(*label, |value| Label {
            key: label.key,
            domain: Domain::Literal(value.to_owned().leak()),
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
    known: RwLock<HashMap<Box<[u8]>, usize>>,
    all: Box<[Row]>,
}

struct Row {
    key: OnceLock<Box<[u8]>>,
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
            key: OnceLock::new(),
            metric: OnceLock::new(),
        };
        let all: Box<[Row]> = std::iter::repeat_with(row)
            .take(desc.limit + RESERVED)
            .collect();
        let key_of = |text: &str| {
            let mut key = Key::default();
            (0..free).for_each(|_| key.push(&text));
            Box::from(key.bytes())
        };
        all[OVERFLOW].key.get_or_init(|| key_of(OTHER));
        let none = all[1].key.get_or_init(|| key_of(NO_TEXT)).clone();
        let known = HashMap::from([(none, 1)]);
        Self {
            desc: *desc,
            fixed: fixed(desc),
            overflow,
            known: RwLock::new(known),
            all,
        }
    }

    /// The number of the row with this key; of row 0, once the limit is reached.
    pub(crate) fn row(&self, key: &[u8]) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(&row) = known.get(key) {
            return row;
        }
        if known.len() <= self.desc.limit {
            drop(known);
            return self.add(key);
        }
        self.overflow()
    }

    fn add(&self, key: &[u8]) -> usize {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let next = known.len() + 1;
        if let Some(&row) = known.get(key) {
            return row;
        }
        if next >= self.all.len() {
            return self.overflow();
        }
        self.all[next].key.get_or_init(|| key.into());
        known.insert(key.into(), next);
        next
    }

    fn overflow(&self) -> usize {
        if let Some(overflow) = self.overflow {
            overflow.count(0, 1);
        }
        OVERFLOW
    }

    /// The row that a slot lies in, and the slot in it. Its series are registered by the first record in it.
    pub(crate) fn row_of(&self, slot: usize) -> (&'static Metric, usize) {
        let width = self.fixed * self.desc.outcomes.slots();
        let row = self.all.get(slot / width).unwrap_or(&self.all[OVERFLOW]);
        let metric = row.metric.get_or_init(|| {
            let values = row.key.get().into_iter().flat_map(|key| texts(key));
            let metric = Box::leak(Box::new(Metric::new(row_desc(&self.desc, values))));
            storage::bind_metric(metric);
            metric
        });
        (metric, slot % width)
    }

    /// The key of the row that a call's number lies in.
    fn key(&self, number: usize) -> &[u8] {
        let row = self.all.get(number / self.fixed);
        row.and_then(|row| row.key.get())
            .map_or(&[], |key| &key[..])
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
    site.uses.get(index)?.metric().rows()
}

/// The first slots of the rows for these texts, for each of some uses of a site: `(index, free, missing)`, where `free`
/// of the texts are labels of it, and `missing` is the number of values of labels that are not part of the slot yet.
#[must_use]
#[inline]
pub fn rows<const USES: usize>(
    site: &'static Site,
    uses: [(usize, usize, usize); USES],
    texts: &[&dyn Display],
) -> [usize; USES] {
    let mut first = [0; USES];
    if site.is_live() {
        find(site, &uses, texts, &mut first);
    }
    first
}

fn find(
    site: &'static Site,
    uses: &[(usize, usize, usize)],
    texts: &[&dyn Display],
    first: &mut [usize],
) {
    Memory::lend(|memory| {
        memory.write(texts);
        for (&(index, free, missing), first) in uses.iter().zip(first) {
            if let Some(rows) = rows_of(site, index) {
                let row = memory.row(rows, free, free == texts.len());
                // A division costs as much as the rest.
                let digits = if missing == 1 {
                    rows.fixed
                } else {
                    rows.fixed / missing
                };
                *first = row * digits;
            }
        }
    });
}

/// The number of a call with another text for its free label at `position`.
pub fn set_row(
    site: &'static Site,
    index: usize,
    number: &mut usize,
    position: usize,
    text: &dyn Display,
) {
    if site.is_live()
        && let Some(rows) = rows_of(site, index)
    {
        let old = rows.key(*number);
        let row = Memory::lend(|memory| memory.other_row(rows, old, position, text));
        *number = row * rows.fixed + *number % rows.fixed;
    }
}
