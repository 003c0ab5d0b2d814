//! A histogram: buckets and sums in every row. Hot: `record_ticks`.
//!
//! The count is the sum of the buckets, so that both always agree. Sums are exact:
//! - of durations given in clock ticks: integers, turned into seconds once, at the scrape;
//! - of other values: each row keeps its sum as an unevaluated pair of floats (Knuth's two-sum), and the scrape adds
//!   the rows the same way, so that the error does not grow with the number of observations. Only the shared row adds
//!   plainly, as two cells cannot be changed at once.
//!
//! NaN is in no bucket and in no sum. Infinities are in their bucket and not in the sum. Both are counted apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::HistogramFn;

use super::arena::{self, Cells, Place, Reader, Span, bump, mine};
use crate::clock;

// The cells of a row: the two halves of the sum, the sum of ticks, then the buckets.
const SUM: usize = 0;
const REST: usize = 1;
const TICKS: usize = 2;
const BUCKETS: usize = 3;

/// Up to here an early exit from a linear search wins: its branches are predicted, so the cell's address does not
/// wait for the clock (20 against 33 ns for the whole call, where a table or a branchless search is used).
pub(crate) const LINEAR: usize = 16;

/// The upper bounds of a family's buckets, in its unit and in clock ticks.
#[derive(Debug)]
pub(crate) struct Bounds {
    values: Box<[f64]>,
    ticks: Box<[u64]>,
    few: Option<Few>,
}

/// So few bounds that a linear search wins, in ticks; the rest of the array is beyond every duration.
pub(crate) type Few = [u64; LINEAR];

impl Bounds {
    /// Bounds are sorted, and NaN, infinities and repetitions left out.
    pub(crate) fn new(bounds: &[f64]) -> Self {
        let mut values: Vec<f64> = bounds.iter().copied().filter(|b| b.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let ticks: Box<[u64]> = values.iter().map(|&bound| clock::ticks_in(bound)).collect();
        let few = (ticks.len() <= LINEAR).then(|| {
            let mut few = [u64::MAX; LINEAR];
            few[..ticks.len()].copy_from_slice(&ticks);
            few
        });
        Self {
            values: values.into(),
            ticks,
            few,
        }
    }

    /// Rising, without `+Inf`.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same in ticks of the clock, if they are few.
    pub(crate) const fn few(&self) -> Option<&Few> {
        self.few.as_ref()
    }
}

/// The first bucket whose bound is not below `value`.
#[inline]
fn bucket<T: PartialOrd + Copy>(bounds: &[T], value: T) -> usize {
    if bounds.len() <= LINEAR {
        bounds
            .iter()
            .position(|&bound| value <= bound)
            .unwrap_or(bounds.len())
    } else {
        bounds.partition_point(|&bound| bound < value)
    }
}

/// Counts observations in buckets.
#[derive(Debug)]
pub(crate) struct Histogram {
    span: Span,
    bounds: Arc<Bounds>,
    nan: AtomicU64,
    infinite: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: Arc<Bounds>) -> Self {
        Self {
            span: Span::new(BUCKETS + bounds.values.len() + 1),
            bounds,
            nan: AtomicU64::new(0),
            infinite: AtomicU64::new(0),
        }
    }

    /// Adds an observation.
    #[inline]
    pub(crate) fn record(&self, value: f64) {
        self.record_times(value, 1);
    }

    #[inline]
    fn record_times(&self, value: f64, times: u64) {
        if !value.is_finite() {
            return self.record_odd(value, times);
        }
        let bucket = BUCKETS + bucket(&self.bounds.values, value);
        let sum = value * times as f64;
        match self.span.own() {
            Some(cells) if bucket < cells.len() => {
                bump(&cells[bucket], times);
                add_exactly(&cells[SUM], &cells[REST], sum);
            }
            _ => self.record_first(bucket, times, sum),
        }
    }

    #[cold]
    #[inline(never)]
    fn record_first(&self, bucket: usize, times: u64, sum: f64) {
        match self.span.cells() {
            Cells::Own(cells) => {
                bump(&cells[bucket], times);
                add_exactly(&cells[SUM], &cells[REST], sum);
            }
            Cells::Shared(cells) => {
                cells[bucket].fetch_add(times, Ordering::Relaxed);
                let add = |bits| Some((f64::from_bits(bits) + sum).to_bits());
                // The closure never gives up, so neither does the update.
                let _ = cells[SUM].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
            }
        }
    }

    /// NaN and infinities.
    #[cold]
    #[inline(never)]
    fn record_odd(&self, value: f64, times: u64) {
        if value.is_nan() {
            self.nan.fetch_add(times, Ordering::Relaxed);
            return;
        }
        self.infinite.fetch_add(times, Ordering::Relaxed);
        self.record_first(BUCKETS + bucket(&self.bounds.values, value), times, 0.0);
    }

    /// How many observations were NaN, and how many infinite.
    pub(crate) fn invalid(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.nan), read(&self.infinite))
    }

    pub(crate) const fn place(&self) -> Place {
        self.span.place()
    }
}

/// Adds a duration in ticks of the clock to the histogram at a place, whose bounds are `bounds`.
#[inline]
pub(crate) fn record_ticks(place: Place, bounds: &Bounds, ticks: u64) {
    match &bounds.few {
        Some(few) => record_few(place, few, ticks),
        None => add_ticks(place, bucket(&bounds.ticks, ticks), ticks),
    }
}

/// As [`record_ticks`], where the bounds are few.
#[inline]
pub(crate) fn record_few(place: Place, bounds: &Few, ticks: u64) {
    let bucket = bounds.iter().position(|&bound| ticks <= bound);
    add_ticks(place, bucket.unwrap_or(LINEAR), ticks);
}

#[inline]
fn add_ticks(place: Place, bucket: usize, ticks: u64) {
    let (cells, start) = (mine(place), place.start());
    let (sum, count) = (start + TICKS, start + BUCKETS + bucket);
    // The sum stands before the buckets; that the compiler sees it saves a branch.
    if sum < count && count < cells.len() {
        bump(&cells[count], 1);
        bump(&cells[sum], ticks);
    } else {
        add_ticks_first(place, bucket, ticks);
    }
}

/// As [`add_ticks`], for a thread that has not been there before, or has no row.
#[cold]
#[inline(never)]
fn add_ticks_first(place: Place, bucket: usize, ticks: u64) {
    let bucket = BUCKETS + bucket;
    match arena::open(place, bucket + 1) {
        Cells::Own(cells) => {
            bump(&cells[bucket], 1);
            bump(&cells[TICKS], ticks);
        }
        Cells::Shared(cells) => {
            cells[bucket].fetch_add(1, Ordering::Relaxed);
            cells[TICKS].fetch_add(ticks, Ordering::Relaxed);
        }
    }
}

/// Fills `buckets`, as many as there are, with the count of each alone, `+Inf` last, and returns the sum.
pub(crate) fn read(reader: &mut Reader, place: Place, buckets: &mut [u64]) -> f64 {
    buckets.fill(0);
    let (mut sum, mut rest, mut ticks) = (0.0, 0.0, 0u64);
    for cells in reader.rows(place) {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        for (bucket, cell) in buckets.iter_mut().zip(&cells[BUCKETS..]) {
            *bucket = bucket.wrapping_add(read(cell));
        }
        let (to, error) = two_sum(sum, f64::from_bits(read(&cells[SUM])));
        sum = to;
        rest += error + f64::from_bits(read(&cells[REST]));
        ticks = ticks.wrapping_add(read(&cells[TICKS]));
    }
    // Beyond the largest float there is no error to correct, only NaN.
    let sum = if rest.is_finite() { sum + rest } else { sum };
    sum + clock::seconds_in(ticks)
}

/// `a + b`, and what rounding took away. Knuth, The Art of Computer Programming, volume 2, 4.2.2, theorem B.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[inline]
fn add_exactly(sum: &AtomicU64, rest: &AtomicU64, value: f64) {
    let read = |cell: &AtomicU64| f64::from_bits(cell.load(Ordering::Relaxed));
    let (to, error) = two_sum(read(sum), value);
    sum.store(to.to_bits(), Ordering::Relaxed);
    rest.store((read(rest) + error).to_bits(), Ordering::Relaxed);
}

impl HistogramFn for Histogram {
    #[inline]
    fn record(&self, value: f64) {
        self.record(value);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.record_times(value, count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(bounds: &[f64]) -> Histogram {
        Histogram::new(Arc::new(Bounds::new(bounds)))
    }

    fn read(histogram: &Histogram) -> (Vec<u64>, f64) {
        let mut buckets = vec![0; histogram.bounds.values().len() + 1];
        let sum = super::read(&mut Reader::default(), histogram.place(), &mut buckets);
        (buckets, sum)
    }

    #[test]
    fn a_value_on_a_bound_is_in_its_bucket_with_few_and_with_many_bounds() {
        for count in [3, 40] {
            let bounds: Vec<f64> = (1..=count).map(f64::from).collect();
            let all = histogram(&bounds);
            for value in [-1.0, 1.0, 1.5, f64::from(count), f64::from(count) + 0.5] {
                all.record(value);
            }
            let (buckets, _) = read(&all);
            let last = buckets.len() - 1;
            assert_eq!((buckets[0], buckets[1]), (2, 1));
            assert_eq!((buckets[last - 1], buckets[last]), (1, 1));
        }
    }

    #[test]
    fn nan_is_counted_apart_and_infinities_are_in_their_bucket_only() {
        let odd = histogram(&[0.0, 1.0]);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5] {
            odd.record(value);
        }
        assert_eq!(read(&odd), (vec![1, 1, 1], 0.5));
        assert_eq!(odd.invalid(), (1, 2));
    }

    #[test]
    fn small_values_are_not_lost_in_a_large_sum() {
        let sum = histogram(&[]);
        sum.record(1e16);
        for _ in 0..1000 {
            sum.record(1.0);
        }
        sum.record(-1e16);
        assert_eq!(read(&sum), (vec![1002], 1000.0));
    }

    #[test]
    fn a_sum_beyond_the_largest_float_is_infinite_and_not_nan() {
        let sum = histogram(&[]);
        sum.record(f64::MAX);
        sum.record(f64::MAX);
        sum.record(-f64::MAX);
        assert_eq!(read(&sum), (vec![3], f64::INFINITY));
    }

    #[test]
    fn ticks_fall_into_the_buckets_of_their_seconds() {
        let durations = histogram(&[1e-3, 1.0]);
        let tick = clock::ticks_in(1e-3);
        for ticks in [tick, tick + 1, clock::ticks_in(2.0)] {
            record_ticks(durations.place(), &durations.bounds, ticks);
        }
        let (buckets, sum) = read(&durations);
        assert_eq!(buckets, [1, 1, 1]);
        assert!((sum - 2.002).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn many_at_once_count_as_often() {
        let many = histogram(&[1.0]);
        many.record_many(0.5, 8);
        assert_eq!(read(&many), (vec![8, 0], 4.0));
    }
}
