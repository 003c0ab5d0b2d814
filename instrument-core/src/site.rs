//! An annotated function: which metrics a call of it moves, and how.

use crate::label::{Domain, Label};
use crate::metric::{Kind, Metric, Place};
use crate::outcome::{Outcome, Outcomes};
use crate::plan::{Plan, State};

/// When an attribute records: a set of outcomes, or the moment of entry.
#[derive(Clone, Copy, Debug)]
pub struct When(u8);

impl When {
    /// At the end of each call, however it ends.
    pub const EXIT: Self = Self(0b1111);
    /// At the start of each call.
    pub const ENTER: Self = Self(1 << 4);
    /// At the end of calls that succeed.
    pub const OK: Self = Self(Outcome::Ok.bit());
    /// At the end of calls that return an error.
    pub const ERROR: Self = Self(Outcome::Error.bit());
    /// At the end of calls that panic.
    pub const PANIC: Self = Self(Outcome::Panic.bit());
    /// At the end of calls whose future is dropped before its end.
    pub const CANCELLED: Self = Self(Outcome::Cancelled.bit());

    /// A bit for each outcome.
    pub(crate) const fn ends(self) -> u32 {
        (self.0 & Self::EXIT.0) as u32
    }

    pub(crate) const fn at_entry(self) -> bool {
        self.0 & Self::ENTER.0 != 0
    }
}

/// The metric of an attribute: the site's own, or one that `metrics!` declares and others move too.
enum Source {
    Own(Metric),
    Declared(&'static Metric, &'static [&'static str]),
}

/// One metric that a function moves, and how. A histogram takes the duration, a counter the call, and a gauge
/// the number of calls that run.
pub struct Use {
    source: Source,
    pub(crate) when: When,
    /// Which of a call's numbers is its slot; the slot is 0 if there is none.
    pub(crate) slot: Option<u8>,
    /// Which of a call's numbers is the amount to add; it is 1 if there is none.
    pub(crate) amount: Option<u8>,
    pub(crate) sampled: bool,
}

impl Use {
    /// Moves a metric of the site's own.
    #[must_use]
    pub const fn of(metric: Metric) -> Self {
        Self::new(Source::Own(metric))
    }

    /// Moves one of the families that all functions share: durations, calls, or calls that run.
    #[must_use]
    pub const fn shared(kind: Kind, outcomes: Outcomes) -> Self {
        Self::of(Metric::shared(kind, outcomes))
    }

    /// Gives the labels of a shared family, which the site knows.
    const fn name_function(&mut self, function: &'static [Label; 2]) {
        if let Source::Own(metric) = &mut self.source
            && metric.is_shared()
        {
            metric.desc_mut().labels = function;
        }
    }

    /// Moves a declared metric; `keys` are the labels that the attribute gives to it.
    #[must_use]
    pub const fn declared(metric: &'static Metric, keys: &'static [&'static str]) -> Self {
        Self::new(Source::Declared(metric, keys))
    }

    const fn new(source: Source) -> Self {
        let when = When::EXIT;
        Self {
            source,
            when,
            slot: None,
            amount: None,
            sampled: false,
        }
    }

    /// Records at that moment only.
    #[must_use]
    pub const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Takes the slot from that number of the call.
    #[must_use]
    pub const fn slot(mut self, number: u8) -> Self {
        self.slot = Some(number);
        self
    }

    /// Takes the amount from that number of the call.
    #[must_use]
    pub const fn amount(mut self, number: u8) -> Self {
        self.amount = Some(number);
        self
    }

    /// Records only the calls that the site's `sample` draws.
    #[must_use]
    pub const fn sampled(mut self) -> Self {
        self.sampled = true;
        self
    }

    pub(crate) const fn metric(&self) -> &Metric {
        match &self.source {
            Source::Own(metric) => metric,
            Source::Declared(metric, _) => metric,
        }
    }

    /// The label keys given to a declared metric.
    pub(crate) const fn keys(&self) -> Option<&'static [&'static str]> {
        match self.source {
            Source::Own(_) => None,
            Source::Declared(_, keys) => Some(keys),
        }
    }
}

/// An annotated function with all its attributes: one guard and one pair of clock reads serve them all.
pub struct Site<U: ?Sized = [Use]> {
    pub(crate) place: Place,
    function: &'static [Label; 2],
    pub(crate) plan: Plan,
    pub(crate) uses: U,
}

impl<const N: usize> Site<[Use; N]> {
    /// A site that is not bound yet; `function` has the labels of the shared families.
    #[must_use]
    pub const fn new(place: Place, function: &'static [Label; 2], mut uses: [Use; N]) -> Self {
        let mut at = 0;
        while at < N {
            uses[at].name_function(function);
            at += 1;
        }
        Self {
            place,
            function,
            plan: Plan::new(),
            uses,
        }
    }

    /// Uses that are `sampled` record one call in `n`.
    #[must_use]
    pub const fn sample(mut self, n: u32) -> Self {
        self.plan.sample = n;
        self
    }
}

impl Site {
    /// Makes its calls record, once all metrics are bound.
    pub(crate) fn bind(&'static self) {
        self.plan.bind(&self.uses);
    }

    /// Takes in what has been switched on or off: the site, or families.
    pub(crate) fn refresh(&self) {
        self.plan.refresh(&self.uses);
    }

    /// Its path below the module.
    pub(crate) fn function(&self) -> String {
        match self.function[1].domain {
            Domain::Path(path) => path.text(),
            _ => String::new(),
        }
    }

    /// Its path below the module, and in full.
    pub(crate) fn paths(&self) -> [String; 2] {
        let function = self.function();
        let module = match self.function[1].domain {
            Domain::Path(path) => path.module(),
            _ => "",
        };
        let full = format!("{module}::{function}");
        [function, full]
    }

    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.plan.state() != State::OFF
    }
}

/// Where a guard finds its site: by reference, or by a function that takes no room in a future.
pub trait At: Copy + Send + Sync {
    /// The site.
    fn site(self) -> &'static Site;
}

impl<const N: usize> At for &'static Site<[Use; N]> {
    #[inline]
    fn site(self) -> &'static Site {
        self
    }
}

/// A site named by a closure that captures nothing.
#[derive(Clone, Copy)]
pub struct Here<F>(F);

/// Names a site without taking room in a future.
pub const fn here<F: Fn() -> &'static Site + Copy + Send + Sync>(site: F) -> Here<F> {
    Here(site)
}

/// An amount to add to a counter, as a number of a call.
#[must_use]
pub fn amount(by: u64) -> usize {
    usize::try_from(by).unwrap_or(usize::MAX)
}

impl<F: Fn() -> &'static Site + Copy + Send + Sync> At for Here<F> {
    #[inline]
    fn site(self) -> &'static Site {
        self.0()
    }
}
