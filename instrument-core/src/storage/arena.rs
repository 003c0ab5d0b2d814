//! Rows of cells, one row for each live thread; only a row's thread writes to it. Hot: `mine`.
//!
//! A metric owns a [`Span`]: the same few cells in every row. Its thread adds with a relaxed load and a relaxed
//! store, which costs what a plain addition costs, whatever the other threads do. A reader adds the rows up. Threads
//! come and go: a row stays as it is when its thread ends, and the next thread that starts goes on adding in it, so
//! that nothing is lost and no sum falls.
//!
//! Row `MANY` is shared by the threads that found no row free, and by code that runs while a thread's locals are
//! being destroyed; there additions are read-modify-write.
//!
//! A signal handler that records may interrupt the load and store of its own thread, and one of both additions is lost.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Threads that can have a row of their own at the same time: a bit of `TAKEN` each.
pub(crate) const ROWS: usize = 64;
/// Cells of a row's first segment; each further one has twice as many, and exists once its thread touches it.
const FIRST_SEGMENT: usize = 1024;
const SEGMENTS: usize = 32;
/// Cells left free at both ends of a segment, so that it shares no cache line with its neighbours on the heap.
const MARGIN: usize = 8;

type Segment = Box<[AtomicU64]>;

pub(super) struct Row {
    segments: [OnceLock<Segment>; SEGMENTS],
}

static OWNED: [Row; ROWS] = [const { Row::new() }; ROWS];
static SHARED: Row = Row::new();
/// A bit for each row that has a thread.
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// One more than the highest row that any thread has had.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Threads that found no row free.
static CROWDED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The segments of this thread's row that it has been in. Without a destructor, which makes reading one a load, at
    /// any time of a thread's life.
    static MINE: [Cell<&'static [AtomicU64]>; SEGMENTS] = const { [const { Cell::new(&[]) }; SEGMENTS] };
    /// Gives the row back. With a destructor, so only the cold path touches it.
    static LEASE: Lease = const { Lease { row: Cell::new(None), crowded: Cell::new(false) } };
}

struct Lease {
    row: Cell<Option<usize>>,
    crowded: Cell<bool>,
}

impl Lease {
    /// Takes a row if there is one. A thread that got none asks again at its next call.
    fn row(&self) -> Option<&'static Row> {
        if self.row.get().is_none() {
            self.row.set(claim());
        }
        let Some(index) = self.row.get() else {
            if !self.crowded.replace(true) {
                CROWDED.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        };
        Some(&OWNED[index])
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        MINE.with(|segments| segments.iter().for_each(|segment| segment.set(&[])));
        if let Some(index) = self.row.get() {
            // Pairs with the acquire of `claim`: the next owner sees everything this thread has added.
            TAKEN.fetch_and(!(1 << index), Ordering::Release);
        }
    }
}

/// The lowest free row, so that rows stay few.
fn claim() -> Option<usize> {
    let mut taken = TAKEN.load(Ordering::Relaxed);
    loop {
        let index = taken.trailing_ones() as usize;
        if index == ROWS {
            return None;
        }
        let wanted = taken | 1 << index;
        match TAKEN.compare_exchange_weak(taken, wanted, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                USED.fetch_max(index + 1, Ordering::Relaxed);
                return Some(index);
            }
            Err(now) => taken = now,
        }
    }
}

/// How many threads have had to share the last row.
pub(crate) fn crowded_threads() -> u64 {
    CROWDED.load(Ordering::Relaxed)
}

/// Every row that may hold something.
fn rows() -> impl Iterator<Item = &'static Row> {
    OWNED[..USED.load(Ordering::Relaxed)]
        .iter()
        .chain([&SHARED])
}

impl Row {
    const fn new() -> Self {
        Self {
            segments: [const { OnceLock::new() }; SEGMENTS],
        }
    }

    /// From a place on, if the row has that segment.
    fn from(&'static self, place: Place) -> Option<&'static [AtomicU64]> {
        self.segments[place.segment()].get()?.get(place.start()..)
    }

    /// The segment of a place, made if need be.
    fn open(&'static self, place: Place) -> &'static [AtomicU64] {
        let segment = place.segment();
        self.segments[segment].get_or_init(|| {
            (0..size(segment) + 2 * MARGIN)
                .map(|_| AtomicU64::new(0))
                .collect()
        })
    }
}

/// The whole segment of a place in this thread's row; empty, if the thread has not been in it. The number of a segment
/// is always below `SEGMENTS`; the remainder tells the compiler, and saves a branch.
#[inline]
pub(super) fn mine(place: Place) -> &'static [AtomicU64] {
    MINE.with(|segments| segments[place.segment() % SEGMENTS].get())
}

/// So many of this thread's cells from a place on, made if need be; the shared ones where it can have none.
#[cold]
#[inline(never)]
pub(super) fn open(place: Place, len: usize) -> Cells {
    let from = |segment: &'static [AtomicU64]| &segment[place.start()..place.start() + len];
    // The error means that this thread's locals are being destroyed and its row is given back.
    match LEASE.try_with(Lease::row).ok().flatten() {
        Some(row) => {
            let segment = row.open(place);
            MINE.with(|segments| segments[place.segment()].set(segment));
            Cells::Own(from(segment))
        }
        None => Cells::Shared(from(SHARED.open(place))),
    }
}

const fn size(segment: usize) -> usize {
    FIRST_SEGMENT << segment
}

/// Adds to a cell of one's own row. No other thread writes to it, so nothing can come between load and store.
#[inline]
pub(super) fn bump(cell: &AtomicU64, by: u64) {
    cell.store(
        cell.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}

/// The cells that a thread may write to.
pub(super) enum Cells {
    /// Nobody else writes to them.
    Own(&'static [AtomicU64]),
    /// Others do.
    Shared(&'static [AtomicU64]),
}

/// The cells of one metric, in every row. Given back, at zero, when it is dropped.
#[derive(Debug)]
pub(super) struct Span {
    place: Place,
    len: usize,
}

/// Where a span starts, in every row: the segment above, the cell below. Never 0, as a segment has a margin at its start.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    const fn new(segment: usize, start: usize) -> Self {
        Self((segment as u64) << 32 | start as u64)
    }

    #[inline]
    const fn segment(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// The first cell, in its segment.
    #[inline]
    pub(super) const fn start(self) -> usize {
        self.0 as u32 as usize
    }

    /// All of it in one word.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Takes back [`Self::to_bits`].
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// Reads cells of all rows; the rows are looked up once for spans of one segment.
#[derive(Default)]
pub(crate) struct Reader {
    segment: Option<usize>,
    rows: Vec<&'static [AtomicU64]>,
}

impl Reader {
    /// From the start of the span on, in every row that has it.
    pub(super) fn rows(&mut self, place: Place) -> impl Iterator<Item = &'static [AtomicU64]> {
        if self.segment != Some(place.segment()) {
            self.rows.clear();
            let segments = rows().filter_map(|row| row.segments[place.segment()].get());
            self.rows.extend(segments.map(|cells| &**cells));
            self.segment = Some(place.segment());
        }
        self.rows.iter().map(move |cells| &cells[place.start()..])
    }

    /// The sum of a span's first cell.
    pub(crate) fn sum(&mut self, place: Place) -> u64 {
        self.rows(place).fold(0, |sum, cells| {
            sum.wrapping_add(cells[0].load(Ordering::Relaxed))
        })
    }
}

/// Which cells are given out. Locked to register a series and to drop one, never to record or to render.
struct Space {
    segment: usize,
    next: usize,
    /// Spans that were given back, by their length.
    free: BTreeMap<usize, Vec<Place>>,
}

static SPACE: Mutex<Space> = Mutex::new(Space {
    segment: 0,
    next: 0,
    free: BTreeMap::new(),
});

impl Span {
    /// Takes `len` cells, which are 0 in every row.
    pub(super) fn new(len: usize) -> Self {
        let mut space = SPACE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match space.free.get_mut(&len).and_then(Vec::pop) {
            Some(place) => place,
            None => space.take(len),
        };
        Self { place, len }
    }

    /// This thread's cells, if it has been here before.
    #[inline]
    pub(super) fn own(&self) -> Option<&'static [AtomicU64]> {
        mine(self.place).get(self.place.start()..)
    }

    /// This thread's cells, made if need be; the shared ones where it can have none.
    pub(super) fn cells(&self) -> Cells {
        open(self.place, self.len)
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// The cells that always are read-modify-write.
    pub(super) fn shared(&self) -> &'static [AtomicU64] {
        &SHARED.open(self.place)[self.place.start()..][..self.len]
    }

    /// The cells of every row that has any.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static [AtomicU64]> {
        rows().filter_map(|row| row.from(self.place)?.get(..self.len))
    }
}

impl Space {
    fn take(&mut self, len: usize) -> Place {
        while self.next + len > size(self.segment) {
            self.segment += 1;
            self.next = 0;
        }
        let start = MARGIN + self.next;
        self.next += len;
        Place::new(self.segment, start)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        // The last handle is gone, so nobody writes to these cells, whoever's row they are in.
        for cell in self.all().flatten() {
            cell.store(0, Ordering::Relaxed);
        }
        let mut space = SPACE.lock().unwrap_or_else(PoisonError::into_inner);
        space.free.entry(self.len).or_default().push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(span: &Span) -> u64 {
        span.all()
            .map(|cells| cells[0].load(Ordering::Relaxed))
            .sum()
    }

    fn add(span: &Span) {
        match span.own().map_or_else(|| span.cells(), Cells::Own) {
            Cells::Own(cells) => bump(&cells[0], 1),
            Cells::Shared(cells) => {
                cells[0].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn spans_do_not_overlap_and_come_back_at_zero() {
        let spans: Vec<Span> = (1..200).map(Span::new).collect();
        for span in &spans {
            add(span);
        }
        assert!(spans.iter().all(|span| total(span) == 1));
        assert!(spans.iter().all(|span| {
            span.all()
                .flatten()
                .map(|cell| cell.load(Ordering::Relaxed))
                .sum::<u64>()
                == 1
        }));
        drop(spans);
        assert!((1..200).map(Span::new).all(|span| total(&span) == 0));
    }

    #[test]
    fn a_segment_holds_the_longest_span_asked_for() {
        let long = Span::new(5 * FIRST_SEGMENT);
        add(&long);
        assert_eq!((long.shared().len(), total(&long)), (5 * FIRST_SEGMENT, 1));
    }
}
