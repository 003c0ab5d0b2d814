//! What can be known of recorded bars at each step of a replay, in the words of the vendor.

use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::bar::Bar;
use crate::history;

pub(super) const HOUR: i64 = 3_600;

/// How far back a reply reaches when the caller does not say, seconds.
pub(super) const REACH: i64 = 14 * 24 * HOUR;

/// How much market time lies between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum StepLength {
    /// A step for each bar, when it begins to form.
    #[default]
    Hour,
    /// Sixty steps for each bar while it forms, as many as a daemon makes cycles on the market's own time.
    Minute,
}

impl StepLength {
    const fn seconds(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Minute => 60,
        }
    }
}

/// Recorded bars, part of which are replayed.
#[derive(Debug, Clone)]
pub struct Prices {
    bars: Arc<[Bar]>,
    /// Index of the first replayed bar; those before it are history at the first step.
    split: usize,
}

/// Why bars cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PricesError {
    /// No bar is left to replay.
    #[error("split at {split}; accepted: less than the {bars} bars")]
    NothingToReplay {
        /// Index of the first bar to replay.
        split: usize,
        /// Bars handed in.
        bars: usize,
    },
    /// A bar starts before the hour of the one before it has ended.
    #[error("bar {time} follows bar {previous}; accepted: bars at least an hour apart")]
    Spacing {
        /// Start of the bar, unix seconds.
        time: i64,
        /// Start of the bar before it, unix seconds.
        previous: i64,
    },
}

impl Prices {
    /// Replays `bars` from the one at index `split` on; each opening time from there is a step.
    ///
    /// # Errors
    /// [`PricesError`] when nothing is left to replay, or bars are less than an hour apart.
    pub fn new(bars: &[Bar], split: usize) -> Result<Self, PricesError> {
        if split >= bars.len() {
            return Err(PricesError::NothingToReplay {
                split,
                bars: bars.len(),
            });
        }
        for pair in bars.windows(2) {
            let (previous, time) = (pair[0].time, pair[1].time);
            if time < previous.saturating_add(HOUR) {
                return Err(PricesError::Spacing { time, previous });
            }
        }
        Ok(Self {
            bars: bars.into(),
            split,
        })
    }

    /// The embedded EUR/USD bars, replayed from the first one the model was not trained on.
    ///
    /// # Panics
    /// Never: the embedded bars are constant and a test replays them.
    #[must_use]
    pub fn shipped() -> Self {
        Self::new(history::eurusd(), history::TRAINING_BARS)
            .expect("the embedded bars are constant and tested")
    }

    /// What can be known at the latest step not after `to`: at the first step, if there is none.
    pub(super) fn at(&self, from: Option<i64>, to: Option<i64>, length: StepLength) -> Reply<'_> {
        let begun = to.map_or(0, |to| {
            self.bars[self.split..].partition_point(|bar| bar.time <= to)
        });
        let step = self.split + begun.saturating_sub(1);
        let forming = &self.bars[step];
        let length = length.seconds();
        let age = to.map_or(0, |to| to.saturating_sub(forming.time));
        let now = forming.time + age.clamp(0, HOUR - length) / length * length;
        let next_bar = self.bars.get(step + 1).unwrap_or(&self.bars[self.split]);
        let still_forms = now + length < forming.time + HOUR;
        let from = from.unwrap_or(forming.time.saturating_sub(REACH));
        let first = self.bars[..step].partition_point(|bar| bar.time < from);
        Reply {
            now,
            next: if still_forms {
                now + length
            } else {
                next_bar.time
            },
            closed: &self.bars[first..step],
            forming: (forming.time >= from).then(|| just_opened(forming)),
        }
    }
}

/// A bar as it looks when its first price is made.
pub(super) fn just_opened(bar: &Bar) -> Bar {
    Bar {
        time: bar.time,
        open: bar.open,
        high: bar.open,
        low: bar.open,
        close: bar.open,
        volume: 0.0,
    }
}

/// The state of the market at one step.
pub(super) struct Reply<'a> {
    pub(super) now: i64,
    pub(super) next: i64,
    closed: &'a [Bar],
    forming: Option<Bar>,
}

impl Serialize for Reply<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.closed.iter().chain(&self.forming).map(Quote::of))
    }
}

/// A bar in the vendor's words.
#[derive(Serialize)]
struct Quote {
    timestamp: i64,
    gmtoffset: i64,
    #[serde(serialize_with = "date_and_time")]
    datetime: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Quote {
    fn of(bar: &Bar) -> Self {
        Self {
            timestamp: bar.time,
            gmtoffset: 0,
            datetime: bar.time,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
        }
    }
}

// Serde hands the field over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn date_and_time<S: Serializer>(time: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = Timestamp::from_second(*time).map_err(S::Error::custom)?;
    serializer.collect_str(&time.strftime("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_leads_to_the_next_and_back_to_the_first() {
        let prices = Prices::shipped();
        let first = history::eurusd()[history::TRAINING_BARS].time;
        for (length, steps_of_a_bar) in [(StepLength::Hour, 1), (StepLength::Minute, 60)] {
            let mut now = first;
            for expected in &history::eurusd()[history::TRAINING_BARS..] {
                for step in 0..steps_of_a_bar {
                    let reply = prices.at(None, Some(now), length);
                    assert_eq!(reply.now, expected.time + step * 60);
                    assert!(reply.closed.iter().all(|bar| bar.time + HOUR <= now));
                    assert_eq!(reply.forming, Some(just_opened(expected)));
                    now = reply.next;
                }
            }
            assert_eq!(now, first);
        }
    }

    #[test]
    fn a_time_between_two_minutes_is_taken_for_the_earlier() {
        let prices = Prices::shipped();
        let first = history::eurusd()[history::TRAINING_BARS].time;
        for (to, now) in [(-1, 0), (59, 0), (60, 60), (3_599, 3_540), (3_600, 3_600)] {
            let reply = prices.at(None, Some(first + to), StepLength::Minute);
            assert_eq!(reply.now, first + now);
        }
        for to in [i64::MIN, i64::MAX] {
            let reply = prices.at(None, Some(to), StepLength::Minute);
            assert!(reply.now >= first);
        }
    }

    #[test]
    fn split_that_leaves_nothing_to_replay_is_refused() {
        let error = Prices::new(&history::eurusd()[..10], 10).unwrap_err();
        assert_eq!(
            error,
            PricesError::NothingToReplay {
                split: 10,
                bars: 10
            }
        );
    }

    #[test]
    fn bars_less_than_an_hour_apart_are_refused() {
        let mut bars = history::eurusd()[..2].to_vec();
        bars[1].time -= 1;
        let (previous, time) = (bars[0].time, bars[1].time);
        assert_eq!(
            Prices::new(&bars, 0).unwrap_err(),
            PricesError::Spacing { time, previous }
        );
    }
}
