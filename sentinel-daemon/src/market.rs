//! What time the market has: the wall clock's, or in a replay the replayed one's. All market rules read this clock.

use jiff::Timestamp;

use crate::bar::Bar;
use crate::vendor::ReplayStep;

/// Length of a bar in seconds.
pub const BAR: i64 = 3600;

/// A closed bar older than this, from its end, is no ground for a trade: the market is closed, or the vendor is late.
pub const STALE_AFTER: i64 = 2 * BAR;

/// The market's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketClock {
    /// Not known before the first answer of the vendor, which says whether it replays.
    Unknown,
    /// The present.
    Wall,
    /// The past, step by step.
    Replay(ReplayStep),
}

/// What an answer of the vendor did to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It went on.
    On,
    /// It turned out which clock it is.
    Found,
    /// The replay began again.
    Wrapped,
}

impl MarketClock {
    /// The market time to ask the vendor for; `None` asks for the present, or for the start of a replay.
    #[must_use]
    pub const fn ask_for(&self) -> Option<i64> {
        match self {
            Self::Replay(step) => Some(step.next),
            Self::Unknown | Self::Wall => None,
        }
    }

    /// Takes over what an answer says of the time.
    pub fn take(&mut self, replay: Option<ReplayStep>) -> Turn {
        let before = *self;
        *self = replay.map_or(Self::Wall, Self::Replay);
        match (before, replay) {
            (Self::Replay(old), Some(new)) if new.now < old.now => Turn::Wrapped,
            (Self::Replay(_), Some(_)) | (Self::Wall, None) => Turn::On,
            _ => Turn::Found,
        }
    }

    /// The market time, unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        match self {
            Self::Replay(step) => step.now,
            Self::Unknown | Self::Wall => Timestamp::now().as_second(),
        }
    }
}

/// Bars of the present, kept for as long as no other one can have closed.
#[derive(Debug, Clone)]
pub struct KeptBars {
    bars: Vec<Bar>,
    /// When they were fetched, unix seconds; before that the clock has been set back, and they are worth nothing.
    from: i64,
    /// When the next bar closes.
    until: i64,
}

impl KeptBars {
    /// Keeps bars that were fetched at `now`; `None` if a newer one may have closed already.
    #[must_use]
    pub fn new(bars: Vec<Bar>, now: i64) -> Option<Self> {
        let (closed, _) = split_closed(&bars, now);
        let until = closed.last()?.time + 2 * BAR;
        (now < until).then_some(Self {
            bars,
            from: now,
            until,
        })
    }

    /// The bars, unless the next one may have closed by `now`.
    #[must_use]
    pub fn at(&self, now: i64) -> Option<&[Bar]> {
        (self.from..self.until)
            .contains(&now)
            .then_some(&self.bars[..])
    }
}

/// Splits bars at `now` into the closed ones and the one that is still forming, if it is there.
#[must_use]
pub fn split_closed(bars: &[Bar], now: i64) -> (&[Bar], Option<&Bar>) {
    let closed = bars.partition_point(|bar| bar.time + BAR <= now);
    (&bars[..closed], bars.get(closed))
}

/// Whether a closed bar is too old to judge at `now`.
#[must_use]
pub const fn is_stale(closed: &Bar, now: i64) -> bool {
    now - (closed.time + BAR) > STALE_AFTER
}

/// A market time as people write it.
#[must_use]
pub fn display(time: i64) -> String {
    Timestamp::from_second(time).map_or_else(
        |_| time.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(time: i64) -> Bar {
        Bar {
            time,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 0.0,
        }
    }

    fn step(now: i64, next: i64) -> ReplayStep {
        ReplayStep { now, next }
    }

    #[test]
    fn a_replay_steps_on_and_wraps() {
        let mut clock = MarketClock::Unknown;
        assert_eq!(clock.ask_for(), None);
        assert_eq!(clock.take(Some(step(100, 200))), Turn::Found);
        assert_eq!((clock.ask_for(), clock.now()), (Some(200), 100));
        assert_eq!(clock.take(Some(step(200, 100))), Turn::On);
        assert_eq!(clock.take(Some(step(100, 200))), Turn::Wrapped);
    }

    #[test]
    fn the_forming_bar_is_not_closed() {
        let bars = [bar(0), bar(BAR), bar(2 * BAR)];
        let (closed, forming) = split_closed(&bars, 2 * BAR);
        assert_eq!(
            (closed.len(), forming.map(|bar| bar.time)),
            (2, Some(2 * BAR))
        );
        let (closed, forming) = split_closed(&bars, 2 * BAR - 1);
        assert_eq!((closed.len(), forming.map(|bar| bar.time)), (1, Some(BAR)));
    }

    #[test]
    fn bars_are_kept_until_the_next_one_can_have_closed() {
        let bars = vec![bar(0), bar(BAR), bar(2 * BAR)];
        let kept = KeptBars::new(bars.clone(), 2 * BAR + 60).unwrap();
        assert_eq!(kept.at(2 * BAR + 60), Some(&bars[..]));
        assert_eq!(kept.at(3 * BAR - 1), Some(&bars[..]));
        assert_eq!(kept.at(3 * BAR), None, "the forming bar has closed");
        assert_eq!(kept.at(2 * BAR + 59), None, "the clock was set back");
        assert!(
            KeptBars::new(vec![bar(0)], 2 * BAR).is_none(),
            "the vendor is late: the bar that has closed since may come at any time"
        );
        assert!(
            KeptBars::new(vec![bar(0)], BAR - 1).is_none(),
            "none is closed"
        );
    }

    #[test]
    fn a_bar_is_stale_two_hours_after_its_end() {
        assert!(!is_stale(&bar(0), BAR + STALE_AFTER));
        assert!(is_stale(&bar(0), BAR + STALE_AFTER + 1));
    }
}
