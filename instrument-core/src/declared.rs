//! Metrics that are not calls: statics of a `metrics!` block, typed by their labels.

use std::marker::PhantomData;

use crate::clock;
use crate::label::{Label, LabelAt, LabelSet, LabelValue, share};
use crate::metric::{Desc, Help, Kind, Metric};

macro_rules! declared {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        pub struct $name<L: LabelSet = ()> {
            metric: Metric,
            labels: PhantomData<fn() -> L>,
        }

        impl<L: LabelSet> $name<L> {
            /// What `metrics!` writes; declare statics with that macro.
            #[doc(hidden)]
            #[must_use]
            pub const fn declare(
                name: &'static str,
                help: &'static str,
                labels: &'static [Label],
            ) -> Self {
                let help = Help::Explicit(help);
                Self::of(Desc { help, labels, ..Desc::new(name, Kind::$kind) })
            }

            pub(crate) const fn of(desc: Desc) -> Self {
                Self { metric: Metric::new(desc), labels: PhantomData }
            }

            /// The untyped family.
            #[doc(hidden)]
            #[must_use]
            pub const fn metric(&self) -> &Metric {
                &self.metric
            }

            /// What a value of label `I` adds to the slot, for generated code.
            #[doc(hidden)]
            pub fn __at<const I: usize>(&self, value: &L::Label) -> usize
            where
                L: LabelAt<I>,
            {
                share::<I, L>(value)
            }
        }
    };
}

declared! {
    /// A number of events that only rises. Labels come first, in the order of their declaration.
    ///
    /// ```
    /// use instrument_core::{LabelValue, metrics};
    ///
    /// #[derive(LabelValue)]
    /// enum Action { Buy, Sell }
    ///
    /// metrics! {
    ///     /// Signals the strategy gave.
    ///     pub static SIGNALS: Counter<(action: Action)> = "docs_signals_total";
    /// }
    ///
    /// let exporter = instrument_core::install()?;
    /// SIGNALS.inc(Action::Buy);
    /// assert!(exporter.render().contains("docs_signals_total{action=\"buy\"} 1\n"));
    /// assert!(exporter.render().contains("docs_signals_total{action=\"sell\"} 0\n"));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    Counter, Counter
}
declared! {
    /// A value that rises and falls: `set`, `add`, `hold` (one more until the guard is dropped).
    ///
    /// ```
    /// instrument_core::metrics! {
    ///     /// Open positions.
    ///     static POSITIONS: Gauge = "docs_open_positions";
    ///     /// Seconds since the start, computed at each scrape.
    ///     static UPTIME: Gauge = "docs_uptime_seconds", compute = instrument_core::uptime_seconds;
    /// }
    ///
    /// let exporter = instrument_core::install()?;
    /// POSITIONS.set(3.0);
    /// {
    ///     let _held = POSITIONS.hold();
    ///     assert!(exporter.render().contains("docs_open_positions 4\n"));
    /// }
    /// assert!(exporter.render().contains("docs_open_positions 3\n"));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    Gauge, Gauge
}
declared! {
    /// Observations counted in buckets; `buckets` gives their upper bounds.
    ///
    /// ```
    /// instrument_core::metrics! {
    ///     /// Lots of an order.
    ///     static LOTS: Histogram = "docs_order_lots", buckets = [0.1, 1.0, 10.0];
    /// }
    ///
    /// let exporter = instrument_core::install()?;
    /// LOTS.observe(0.5);
    /// assert!(exporter.render().contains("docs_order_lots_bucket{le=\"1\"} 1\n"));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    Histogram, Histogram
}
declared! {
    /// A gauge of one series for each state, of which one is 1 and the others are 0.
    ///
    /// ```
    /// use instrument_core::{LabelValue, metrics};
    ///
    /// #[derive(LabelValue)]
    /// enum Mode { Paper, Live }
    ///
    /// metrics! {
    ///     /// The mode it runs in.
    ///     static MODE: Info<(mode: Mode)> = "docs_mode";
    /// }
    ///
    /// let exporter = instrument_core::install()?;
    /// MODE.set(Mode::Paper);
    /// assert!(exporter.render().contains("docs_mode{mode=\"paper\"} 1\n"));
    /// assert!(exporter.render().contains("docs_mode{mode=\"live\"} 0\n"));
    /// # Ok::<(), instrument_core::InstallError>(())
    /// ```
    Info, Gauge
}

impl<L: LabelSet> Histogram<L> {
    /// Sets the upper bounds of the buckets.
    #[doc(hidden)]
    #[must_use]
    pub const fn buckets(mut self, buckets: &'static [f64]) -> Self {
        self.metric.desc_mut().buckets = buckets;
        self
    }
}

impl Gauge {
    /// Computes the value at each scrape instead of holding it.
    #[doc(hidden)]
    #[must_use]
    pub const fn compute(mut self, compute: fn() -> f64) -> Self {
        self.metric.desc_mut().compute = Some(compute);
        self
    }
}

impl<A: LabelValue + 'static> Info<(A,)> {
    /// Makes `state` the one that is 1.
    pub fn set(&self, state: A) {
        for slot in 0..A::VALUES.len() {
            self.metric.gauge(slot, |gauge| {
                gauge.set(f64::from(u8::from(slot == state.index())));
            });
        }
    }
}

/// One more in a gauge for as long as it lives; made by [`Gauge::hold`].
#[must_use = "a guard that is dropped at once holds nothing"]
#[derive(Debug)]
pub struct Held<'a> {
    metric: &'a Metric,
    slot: usize,
}

impl<'a> Held<'a> {
    fn new(metric: &'a Metric, slot: usize) -> Self {
        metric.in_flight(slot, 1.0);
        Self { metric, slot }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.metric.in_flight(self.slot, -1.0);
    }
}

/// Seconds on their way into a histogram; made by [`Histogram::time`].
#[must_use = "a timer that is dropped at once measures nothing"]
#[derive(Debug)]
pub struct Timer<'a> {
    metric: &'a Metric,
    slot: usize,
    started: u64,
}

impl<'a> Timer<'a> {
    fn new(metric: &'a Metric, slot: usize) -> Self {
        let started = clock::ticks();
        Self {
            metric,
            slot,
            started,
        }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        if self.started != 0 {
            let ticks = clock::ticks_since(self.started);
            self.metric.record_ticks(self.slot, ticks);
        }
    }
}

macro_rules! recording {
    ($set:ty; $($label:ident $value:ident $index:literal)*) => {
        impl<$($label: LabelValue + 'static),*> Counter<$set> {
            /// Adds one.
            #[inline]
            pub fn inc(&self $(, $value: $label)*) {
                self.metric.count(0 $(+ share::<$index, $set>(&$value))*, 1);
            }

            /// Adds `n`.
            #[inline]
            pub fn add(&self, $($value: $label,)* n: u64) {
                self.metric.count(0 $(+ share::<$index, $set>(&$value))*, n);
            }
        }

        impl<$($label: LabelValue + 'static),*> Gauge<$set> {
            /// Sets the value.
            #[inline]
            pub fn set(&self, $($value: $label,)* to: f64) {
                let slot = 0 $(+ share::<$index, $set>(&$value))*;
                self.metric.gauge(slot, |gauge| gauge.set(to));
            }

            /// Adds `change`, which may be negative.
            #[inline]
            pub fn add(&self, $($value: $label,)* change: f64) {
                let slot = 0 $(+ share::<$index, $set>(&$value))*;
                self.metric.gauge(slot, |gauge| gauge.increment(change));
            }

            /// Adds one until the guard is dropped.
            pub fn hold(&self $(, $value: $label)*) -> Held<'_> {
                Held::new(&self.metric, 0 $(+ share::<$index, $set>(&$value))*)
            }

            /// Sets the value to the present, in unix seconds.
            pub fn set_to_now(&self $(, $value: $label)*) {
                self.set($($value,)* clock::unix_seconds());
            }
        }

        impl<$($label: LabelValue + 'static),*> Histogram<$set> {
            /// Counts one observation.
            #[inline]
            pub fn observe(&self, $($value: $label,)* observation: f64) {
                self.metric.record(0 $(+ share::<$index, $set>(&$value))*, observation);
            }

            /// Observes the seconds until the guard is dropped.
            pub fn time(&self $(, $value: $label)*) -> Timer<'_> {
                Timer::new(&self.metric, 0 $(+ share::<$index, $set>(&$value))*)
            }
        }
    };
}

recording! { (); }
recording! { (A,); A a 0 }
recording! { (A, B); A a 0 B b 1 }
recording! { (A, B, C); A a 0 B b 1 C c 2 }
recording! { (A, B, C, D); A a 0 B b 1 C c 2 D d 3 }
