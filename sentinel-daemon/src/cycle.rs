//! One trading cycle: bars, features, probabilities, signal, risk, order. Errors are counted and told where it ends.

mod words;

use std::sync::Arc;
use std::time::Duration;

use instrument_core::{LabelValue, counted, timed};
use tokio_util::sync::CancellationToken;

use crate::bar::Bar;
use crate::desk::settle::Settlement;
use crate::desk::{Desk, Ground, OrderError};
use crate::features::{self, FeatureError};
use crate::gateway::GatewayError;
use crate::gateway::protocol::{Fill, Position};
use crate::http::CallError;
use crate::market::{self, KeptBars, MarketClock, Turn};
use crate::metrics::{self, SymbolSeries};
use crate::model::Class;
use crate::prediction::Predictor;
use crate::regime::Regime;
use crate::risk::{self, Action, Limits, Refusal};
use crate::score::{self, Part};
use crate::signal::{self, Probabilities, Signal};
use crate::vendor::Vendor;

/// How long an order under way may go on once the daemon is told to stop: its receive timeout, and a second.
const ORDER_GRACE: Duration = Duration::from_secs(6);

/// Why a cycle had nothing to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue, thiserror::Error)]
pub enum SkipReason {
    /// The last closed bar is too old: the market is closed, or the vendor is late.
    #[error("the last closed bar is stale")]
    StaleBar,
    /// No bar has closed since the last cycle.
    #[error("no new bar has closed")]
    AlreadyJudged,
}

/// Why a class that is likeliest did not become an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Suppression {
    /// BUY or SELL was likeliest, but not likely enough to be a signal.
    BelowThreshold,
    /// A signal, which a dry run does not send.
    DryRun,
    /// A signal, which risk did not let pass; `sentinel_risk_blocks_total` has the rule.
    Risk,
}

/// Which stage failed, and why.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// No bars.
    #[error("cannot fetch bars")]
    Fetch(#[source] CallError),
    /// A vendor that replays the past, in live mode.
    #[error("the vendor replays the past, which live mode does not trade on")]
    ReplayInLive,
    /// No closed bar among them.
    #[error("the vendor sent no closed bar")]
    NoClosedBar,
    /// No features.
    #[error("cannot build features")]
    Features(#[source] FeatureError),
    /// No prediction.
    #[error("cannot get a prediction")]
    Predict(#[source] CallError),
    /// The gateway did not tell the open positions.
    #[error("cannot learn the open positions")]
    Positions(#[source] GatewayError),
    /// It is still not known what became of an earlier order.
    #[error("cannot learn what became of an earlier order")]
    Settle(#[source] GatewayError),
    /// The order was not filled, or it is not known whether it was.
    #[error("the order was not confirmed")]
    Order(#[source] OrderError),
}

/// How a cycle ended, if without an error.
#[derive(Debug)]
pub enum Verdict {
    /// It had nothing to judge.
    Skipped(SkipReason),
    /// It was told to stop before an order.
    Stopped,
    /// It judged a bar at this price.
    Judged {
        /// The bar.
        bar: Bar,
        /// The current price.
        price: f64,
        /// What the model thinks.
        probabilities: Probabilities,
        /// What came of it.
        decision: Decision,
    },
}

/// What came of a judgement.
#[derive(Debug)]
pub enum Decision {
    /// No signal.
    Hold,
    /// A signal that risk did not let pass.
    Refused(Signal, Refusal),
    /// A signal in a dry run.
    Dry(Signal),
    /// A signal whose order was filled.
    Filled(Signal, Action, Fill),
}

/// What the cycles of this run came to; the same numbers as the metrics'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cycles that ended, in whatever way.
    pub cycles: u64,
    /// Cycles that ended in an error.
    pub failed: u64,
    /// Signals given.
    pub signals: u64,
    /// Orders sent for a signal.
    pub orders: u64,
    /// Orders filled for a signal.
    pub fills: u64,
}

/// The loop's state and its ways to the outside.
#[derive(Debug)]
pub struct Trader {
    /// What is traded.
    pub symbol: String,
    /// How sure the model must be.
    pub threshold: f64,
    /// What risk allows.
    pub limits: Limits,
    /// Whether only the market's own time is traded on.
    pub live: bool,
    /// Where bars come from.
    pub vendor: Vendor,
    /// Where probabilities come from.
    pub predictor: Predictor,
    /// Where orders go; a dry run has none.
    pub desk: Option<Desk>,
    /// The symbol's series, which a dry run has as well.
    pub series: Arc<SymbolSeries>,
    /// What time the market has.
    pub clock: MarketClock,
    /// What has been done.
    pub tally: Tally,
    /// Tells it to stop.
    pub stop: CancellationToken,
    /// Bars of the present, while no newer one can be there.
    pub kept: Option<KeptBars>,
    /// Start of the closed bar that was judged last.
    pub judged: Option<i64>,
    /// The last price seen.
    pub price: f64,
}

impl Trader {
    /// Runs one cycle.
    ///
    /// # Errors
    /// The stage that failed; the next cycle starts afresh.
    #[timed(metrics::CYCLE_DURATION)]
    #[counted(metrics::CYCLES)]
    #[counted(metrics::CYCLES_FAILED, on = error)]
    #[counted(metrics::CYCLES_FAILED, on = panic)]
    pub async fn cycle(&mut self) -> Result<Verdict, CycleError> {
        let stop = self.stop.clone();
        let Some(seen) = stop.run_until_cancelled(self.look()).await else {
            return Ok(Verdict::Stopped);
        };
        let (bars, held) = seen?;
        let now = self.clock.now();
        let (closed, forming) = market::split_closed(&bars, now);
        let bar = *closed.last().ok_or(CycleError::NoClosedBar)?;
        self.price = forming.unwrap_or(&bar).close;
        metrics::DATA_BARS.set(closed.len() as f64);
        metrics::DATA_LAST_BAR.set((bar.time + market::BAR) as f64);
        let skipped = self.nothing_new(&bar, now);
        score::note(Part::Data, skipped != Some(SkipReason::StaleBar));
        if let Some(reason) = skipped {
            metrics::SKIPS.inc(reason);
            return Ok(Verdict::Skipped(reason));
        }
        let features = features::build(closed).map_err(CycleError::Features)?;
        self.series.show(Regime::of(&features));
        let predicted = stop
            .run_until_cancelled(self.predictor.predict(&features))
            .await;
        let Some(probabilities) = predicted else {
            return Ok(Verdict::Stopped);
        };
        score::note(Part::Prediction, probabilities.is_ok());
        let probabilities = probabilities.map_err(CycleError::Predict)?;
        self.judged = Some(bar.time);
        let decision = match self.decide(&probabilities) {
            None => Decision::Hold,
            Some(_) if self.stop.is_cancelled() => return Ok(Verdict::Stopped),
            Some(signal) => self.act(signal, &bar, &held).await?,
        };
        Ok(Verdict::Judged {
            bar,
            price: self.price,
            probabilities,
            decision,
        })
    }

    /// The bars, and what is held. Before anything else an order without an answer is settled, as nothing may be
    /// sent before, and the vendor may be down for long; and positions are asked for whether there is a signal or not,
    /// as a loop that cannot see what it holds is not well.
    async fn look(&mut self) -> Result<(Vec<Bar>, Vec<Position>), CycleError> {
        self.settle().await?;
        let bars = self.bars().await?;
        let held = self.held().await.map_err(CycleError::Positions)?;
        Ok((bars, held))
    }

    /// Learns what became of an order without an answer.
    async fn settle(&mut self) -> Result<(), CycleError> {
        let Some(desk) = &self.desk else {
            return Ok(());
        };
        let Some(settled) = desk.settle().await.map_err(CycleError::Settle)? else {
            return Ok(());
        };
        if settled.settlement == Settlement::Filled && settled.order.bar.is_some() {
            self.tally.fills += 1;
        }
        let (uuid, settlement) = (settled.order.uuid, settled.settlement);
        tracing::warn!(%uuid, ?settlement, "an order without an answer is settled");
        Ok(())
    }

    /// The bars to judge, from the vendor or, on the wall clock, those that no newer one can have joined.
    async fn bars(&mut self) -> Result<Vec<Bar>, CycleError> {
        if self.clock == MarketClock::Wall
            && let Some(kept) = self
                .kept
                .as_ref()
                .and_then(|kept| kept.at(self.clock.now()))
        {
            metrics::DATA_KEPT.inc();
            return Ok(kept.to_vec());
        }
        let bars = self.fetch().await?;
        self.kept = (self.clock == MarketClock::Wall)
            .then(|| KeptBars::new(bars.clone(), self.clock.now()))
            .flatten();
        Ok(bars)
    }

    async fn fetch(&mut self) -> Result<Vec<Bar>, CycleError> {
        let at = self.clock.ask_for();
        // A vendor whose clock is not known yet may replay a past that has nothing to do with the present.
        let now = if self.clock == MarketClock::Unknown {
            at
        } else {
            at.or_else(|| Some(self.clock.now()))
        };
        let fetched = self.vendor.fetch(&self.symbol, now, at).await;
        let fetched = fetched.map_err(|error| {
            score::note(Part::Data, false);
            CycleError::Fetch(error)
        })?;
        if self.live && fetched.replay.is_some() {
            return Err(CycleError::ReplayInLive);
        }
        match self.clock.take(fetched.replay) {
            Turn::On => {}
            Turn::Found => {
                let replay = fetched.replay.is_some();
                metrics::REPLAY.set(f64::from(u8::from(replay)));
                tracing::info!(
                    replay,
                    "prices are {}",
                    if replay {
                        "a replay of the past"
                    } else {
                        "the market's"
                    }
                );
            }
            Turn::Wrapped => self.wrap().await?,
        }
        Ok(fetched.bars)
    }

    /// The replay begins again: what is held is closed at the last price, as the next one is of another time.
    async fn wrap(&mut self) -> Result<(), CycleError> {
        metrics::REPLAY_WRAPS.inc();
        self.judged = None;
        let Some(desk) = &self.desk else {
            return Ok(());
        };
        let held = desk.positions().await.map_err(CycleError::Positions)?;
        tracing::info!(
            positions = held.len(),
            "the replay begins again; closing what is held"
        );
        for position in &held {
            let ground = Ground {
                price: self.price,
                bar: None,
                held: &held,
            };
            desk.send(&risk::close(position), ground)
                .await
                .map_err(CycleError::Order)?;
        }
        Ok(())
    }

    fn nothing_new(&self, bar: &Bar, now: i64) -> Option<SkipReason> {
        if market::is_stale(bar, now) {
            Some(SkipReason::StaleBar)
        } else if self.judged == Some(bar.time) {
            Some(SkipReason::AlreadyJudged)
        } else {
            None
        }
    }

    /// The open positions; none in a dry run.
    async fn held(&self) -> Result<Vec<Position>, GatewayError> {
        match &self.desk {
            Some(desk) => desk.positions().await,
            None => Ok(Vec::new()),
        }
    }

    /// The signal, if there is one; the page shows what it was made of.
    fn decide(&self, probabilities: &Probabilities) -> Option<Signal> {
        metrics::LAST_CONFIDENCE.set(probabilities.confidence());
        for (class, probability) in probabilities.each() {
            metrics::CLASS_PROBABILITY.set(class, probability);
        }
        let signal = signal::decide(probabilities, self.threshold);
        if signal.is_none() && probabilities.likeliest() != Class::Hold {
            metrics::SUPPRESSED.inc(Suppression::BelowThreshold);
        }
        signal
    }

    /// From a signal to its fill.
    async fn act(
        &mut self,
        signal: Signal,
        bar: &Bar,
        held: &[Position],
    ) -> Result<Decision, CycleError> {
        metrics::SIGNALS.inc(signal.action);
        self.tally.signals += 1;
        let Some(desk) = &self.desk else {
            metrics::SUPPRESSED.inc(Suppression::DryRun);
            return Ok(Decision::Dry(signal));
        };
        let order = match risk::review(&signal, held, &self.limits) {
            Ok(order) => order,
            Err(rule) => {
                metrics::RISK_BLOCKS.inc(rule);
                metrics::SUPPRESSED.inc(Suppression::Risk);
                return Ok(Decision::Refused(signal, rule));
            }
        };
        self.tally.orders += 1;
        let overdue = async {
            self.stop.cancelled().await;
            tokio::time::sleep(ORDER_GRACE).await;
        };
        let ground = Ground {
            price: self.price,
            bar: Some(bar.time),
            held,
        };
        let filled = tokio::select! {
            filled = desk.execute(&order, ground) => filled,
            () = overdue => Err(GatewayError::Timeout.into()),
        };
        let fill = filled.map_err(CycleError::Order)?;
        self.tally.fills += 1;
        Ok(Decision::Filled(signal, order.action(), fill))
    }
}
