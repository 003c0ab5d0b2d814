//! What a call of a site does at its start and at its end; made by `install()`. Hot.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::metric::Kind;
use crate::outcome::Outcome;
use crate::site::Use;
use crate::step::{self, Adds, Course, Step};
use crate::storage::histogram::{self, Few};
use crate::storage::{counter, place_of};

/// What a site does, apart from what it is.
pub(crate) struct Plan {
    /// What the start of a call has to do; see [`State`].
    state: AtomicU8,
    enabled: AtomicBool,
    /// One call in so many is recorded, in uses that are sampled.
    pub(crate) sample: u32,
    timed: OnceLock<Timed>,
    counted: OnceLock<Words>,
    steps: OnceLock<Box<[Step]>>,
}

/// The commonest plan, ready to be followed: one duration with few buckets, and no label but the outcome.
struct Timed {
    words: Words,
    bounds: &'static Few,
}

/// The place for each outcome; 0 where something else is to be done.
type Words = [AtomicU64; 4];

/// What the start of a call has to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u8);

impl State {
    /// Record something: the site is bound, and it and one of its families are switched on.
    const LIVE: u8 = 1;
    /// Read the clock.
    const TIMED: u8 = 1 << 1;
    /// Draw whether to read the clock.
    const DRAWN: u8 = 1 << 2;
    /// Record something at once.
    const ENTRY: u8 = 1 << 3;

    /// Nothing.
    pub(crate) const OFF: Self = Self(0);
    /// Read the clock, and no more.
    pub(crate) const ONLY_TIMED: Self = Self(Self::LIVE | Self::TIMED);
    /// Nothing until the end.
    pub(crate) const ONLY_LIVE: Self = Self(Self::LIVE);

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    pub(crate) const fn is_timed(self) -> bool {
        self.has(Self::TIMED)
    }

    pub(crate) const fn is_drawn(self) -> bool {
        self.has(Self::DRAWN)
    }

    pub(crate) const fn has_entry(self) -> bool {
        self.has(Self::ENTRY)
    }

    /// What a use asks for.
    fn of(one: &Use) -> u8 {
        let metric = one.metric();
        match metric.desc().kind {
            Kind::Gauge => Self::LIVE | Self::ENTRY,
            _ if !metric.is_live() => 0,
            Kind::Counter if one.when.at_entry() => Self::LIVE | Self::ENTRY,
            Kind::Counter => Self::LIVE,
            Kind::Histogram if one.sampled => Self::LIVE | Self::DRAWN,
            Kind::Histogram => Self::LIVE | Self::TIMED,
        }
    }
}

impl Plan {
    /// To do nothing.
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU8::new(0),
            enabled: AtomicBool::new(false),
            sample: 1,
            timed: OnceLock::new(),
            counted: OnceLock::new(),
            steps: OnceLock::new(),
        }
    }

    /// Makes calls record, once all metrics are bound.
    pub(crate) fn bind(&self, uses: &'static [Use]) {
        let steps = self
            .steps
            .get_or_init(|| uses.iter().map(Step::new).collect());
        if let [one] = &**steps {
            let words = Words::default();
            match one.alone() {
                Adds::Few(bounds) => drop(self.timed.set(Timed { words, bounds })),
                Adds::Count => drop(self.counted.set(words)),
                Adds::Nothing => {}
            }
        }
        self.set_enabled(true);
        self.refresh(uses);
    }

    /// Switches the whole site on or off, once it is refreshed.
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Takes in what has been switched on or off: the site, or families.
    pub(crate) fn refresh(&self, uses: &[Use]) {
        self.steps().iter().for_each(Step::refresh);
        let timed = self.timed.get().map(|timed| &timed.words);
        for words in timed.into_iter().chain(self.counted.get()) {
            for (word, (outcome, _)) in words.iter().zip(Outcome::ALL) {
                let to = self.steps()[0].word(outcome as Course);
                word.store(to, Ordering::Relaxed);
            }
        }
        let enabled = self.enabled.load(Ordering::Relaxed);
        let state = uses.iter().fold(0, |state, one| state | State::of(one));
        self.state
            .store(if enabled { state } else { 0 }, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        State(self.state.load(Ordering::Relaxed))
    }

    #[inline]
    fn steps(&self) -> &[Step] {
        self.steps.get().map_or(&[], |steps| steps)
    }

    /// Records the start of a call, where there is something to record.
    pub(crate) fn begin(&self, numbers: &[usize]) {
        step::follow(self.steps(), numbers, step::ENTRY, 0);
    }

    /// Records the end of a call whose duration is all there is to record; false if that is not so.
    #[inline]
    pub(crate) fn end_timed(&self, outcome: Outcome, ticks: u64) -> bool {
        if let Some(timed) = self.timed.get()
            && let Some(place) = place_of(&timed.words[outcome as usize])
        {
            histogram::record_few(place, timed.bounds, ticks);
            return true;
        }
        false
    }

    /// Records the end of a call that is counted and no more; false if that is not so.
    #[inline]
    pub(crate) fn end_counted(&self, outcome: Outcome) -> bool {
        if let Some(words) = self.counted.get()
            && let Some(place) = place_of(&words[outcome as usize])
        {
            counter::add(place, 1);
            return true;
        }
        false
    }

    /// Records the end of a call.
    #[inline]
    pub(crate) fn end(&self, numbers: &[usize], course: Course, ticks: u64) {
        step::follow(self.steps(), numbers, course, ticks);
    }
}
