//! The order desk: takes approved orders only, sends them over `ZeroMQ`, and believes only explicit fills.
//!
//! An order without an answer is *unknown*. It is written down before it is sent, and no other order is sent before the
//! gateway has said what became of it.

pub mod journal;
pub mod settle;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use instrument_core::{Heartbeat, LabelValue, counted, timed};
use jiff::Timestamp;
use uuid::Uuid;

use crate::bar::Side;
use crate::gateway::protocol::{CloseOrder, Fill, OpenOrder, Position};
use crate::gateway::signature::{OrderTerms, RiskKey};
use crate::gateway::{Gateway, GatewayError};
use crate::metrics::{self, SymbolSeries};
use crate::risk::{Action, Approved};
use crate::score::{self, Part};
use journal::{Journal, JournalError, SentOrder};
use settle::{Settled, Settlement};

/// What is written on each order, for those who read the account.
const COMMENT: &str = "sentinel";

/// So many pings in a row must fail before the gateway is told to be down. Source: the predecessor's.
const MISSES: u32 = 3;

/// What came of an order that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum OrderStatus {
    /// Filled as a whole, by the gateway's own word.
    Filled,
    /// Filled in part, by the gateway's own word.
    Partial,
    /// Refused: `REJECTED`.
    Rejected,
    /// Refused: `error`.
    Error,
    /// It never left, so nothing happened.
    NotSent,
    /// No answer, or none that makes sense: it is settled before the next order.
    Unknown,
}

/// Why an order was not confirmed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It could not be written down, and so was not sent.
    #[error("the order was not sent")]
    NotNoted(#[from] JournalError),
    /// The outcome of an earlier one is not known, so it was not sent.
    #[error("an earlier order is not settled; nothing was sent")]
    Unsettled,
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

impl OrderError {
    /// Whether the order may or may not have been executed.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::NotNoted(_) | Self::Unsettled => false,
            Self::Gateway(error) => !matches!(error, GatewayError::Refused(_) | GatewayError::Send),
        }
    }
}

/// What a decision to trade was based on.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The price it was made at.
    pub price: f64,
    /// Start of the bar whose signal it was; `None` if no signal asked for it.
    pub bar: Option<i64>,
    /// What was held.
    pub held: &'a [Position],
}

/// Sends the orders of one symbol to one gateway; clones are the same desk.
#[derive(Debug, Clone)]
pub struct Desk {
    gateway: Gateway,
    key: Option<RiskKey>,
    symbol: String,
    series: Arc<SymbolSeries>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    journal: Mutex<Journal>,
    /// The gateway's session, as the last good ping told it.
    session: Mutex<Option<String>>,
    misses: AtomicU32,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at any moment, whoever panicked while holding them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// A desk that signs its orders with `key`, if there is one.
    #[must_use]
    pub fn new(
        gateway: Gateway,
        key: Option<RiskKey>,
        symbol: String,
        series: Arc<SymbolSeries>,
        journal: Journal,
    ) -> Self {
        set_unsettled(journal.unsettled().is_some());
        Self {
            gateway,
            key,
            symbol,
            series,
            shared: Arc::new(Shared {
                journal: Mutex::new(journal),
                ..Shared::default()
            }),
        }
    }

    /// The open positions of the symbol. The gateway knows; nothing is remembered here that could differ.
    ///
    /// # Errors
    /// Any [`GatewayError`].
    #[counted(metrics::ZMQ_SEND_FAILURES, on = error)]
    pub async fn positions(&self) -> Result<Vec<Position>, GatewayError> {
        let held = self.gateway.positions(Some(&self.symbol)).await?;
        for side in [Side::Buy, Side::Sell] {
            let lots = held.iter().filter(|position| position.side == side);
            let lots = lots.map(|position| position.volume).sum();
            self.series.position_lots.set(side, lots);
        }
        Ok(held)
    }

    /// Start of the bar that an order was sent for last, also by a run before this one.
    #[must_use]
    pub fn traded_bar(&self) -> Option<i64> {
        locked(&self.shared.journal).bar()
    }

    /// Learns what became of an order without an answer, if there is one.
    ///
    /// # Errors
    /// Any [`GatewayError`]; it stays unsettled.
    #[counted(metrics::ZMQ_SEND_FAILURES, on = error)]
    pub async fn settle(&self) -> Result<Option<Settled>, GatewayError> {
        let Some(order) = locked(&self.shared.journal).unsettled().cloned() else {
            return Ok(None);
        };
        let settled = settle::settle(&self.gateway, &self.symbol, &order).await?;
        self.settled();
        metrics::ORDERS_SETTLED.inc(settled.settlement);
        if let Some(fill) = &settled.fill {
            self.series.order_volume.observe(order.side, fill.volume);
        }
        if settled.settlement == Settlement::Filled && order.bar.is_some() {
            metrics::SIGNALS_EXECUTED.inc(order.side);
        }
        Ok(Some(settled))
    }

    /// Carries out the order of a signal.
    ///
    /// # Errors
    /// Any [`OrderError`]; after one that [`OrderError::is_unknown`] the order may or may not have been executed.
    #[counted(metrics::SIGNALS_EXECUTED, on = ok, labels(action = order.side()))]
    pub async fn execute(&self, order: &Approved, ground: Ground<'_>) -> Result<Fill, OrderError> {
        self.send(order, ground).await
    }

    /// Sends an order that no signal asked for, such as one that ends a replay.
    ///
    /// # Errors
    /// As [`Desk::execute`].
    #[timed(metrics::ZMQ_SEND, on = ok)]
    #[counted(metrics::ZMQ_SEND_FAILURES, on = error)]
    #[counted(metrics::ZMQ_SEND_FAILURES, on = cancelled)]
    pub async fn send(&self, order: &Approved, ground: Ground<'_>) -> Result<Fill, OrderError> {
        let now = Timestamp::now();
        let sent = SentOrder {
            uuid: Uuid::new_v4(),
            side: order.side(),
            action: order.action(),
            bar: ground.bar,
            session: locked(&self.shared.session).clone(),
            held: ground.held.iter().map(|position| position.ticket).collect(),
            sent_ms: now.as_millisecond(),
        };
        let uuid = sent.uuid;
        self.note(sent)?;
        let outcome = self.transmit(uuid, order, ground.price, now).await;
        let outcome = outcome.map_err(OrderError::Gateway);
        if !outcome.as_ref().is_err_and(OrderError::is_unknown) {
            self.settled();
        }
        let status = OrderStatus::of(&outcome, order);
        self.series.orders.inc(order.side(), status);
        if let Ok(fill) = &outcome {
            self.series.order_volume.observe(order.side(), fill.volume);
        }
        outcome
    }

    /// Writes an order down, unless an earlier one is not settled.
    fn note(&self, order: SentOrder) -> Result<(), OrderError> {
        let mut journal = locked(&self.shared.journal);
        if journal.unsettled().is_some() {
            return Err(OrderError::Unsettled);
        }
        journal.note(order)?;
        set_unsettled(true);
        Ok(())
    }

    fn settled(&self) {
        set_unsettled(false);
        if let Err(error) = locked(&self.shared.journal).settle() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a restart would ask after this order once more"
            );
        }
    }

    async fn transmit(
        &self,
        uuid: Uuid,
        order: &Approved,
        price: f64,
        now: Timestamp,
    ) -> Result<Fill, GatewayError> {
        match order.action() {
            Action::Open { volume } => {
                let terms = OrderTerms {
                    price,
                    stop_loss: 0.0,
                    symbol: self.symbol.clone(),
                    take_profit: 0.0,
                    side: order.side(),
                    volume,
                };
                let risk_signature = self.key.as_ref().map(|key| key.sign(&terms, now));
                let order = OpenOrder {
                    uuid,
                    terms,
                    comment: COMMENT.to_owned(),
                    risk_signature,
                };
                self.gateway.open(&order).await
            }
            Action::Close { ticket, volume } => {
                self.gateway
                    .close(&CloseOrder {
                        uuid,
                        ticket,
                        volume,
                        price: Some(price),
                    })
                    .await
            }
        }
    }

    /// Balance and open profit of the account, in its currency.
    ///
    /// # Errors
    /// Any [`GatewayError`].
    pub async fn equity(&self) -> Result<f64, GatewayError> {
        Ok(self.gateway.account().await?.equity)
    }

    /// Asks the gateway for a sign of life, and passes it on as `heartbeat`. It is down after three misses in a row.
    pub async fn check(&self, heartbeat: &Heartbeat) {
        match self.ping().await {
            Ok(session) => {
                self.shared.misses.store(0, Ordering::Relaxed);
                *locked(&self.shared.session) = Some(session);
                metrics::GATEWAY_UP.set(1.0);
                score::note(Part::Gateway, true);
                heartbeat.beat();
            }
            Err(error) => {
                let misses = self.shared.misses.fetch_add(1, Ordering::Relaxed) + 1;
                if misses >= MISSES {
                    metrics::GATEWAY_UP.set(0.0);
                    score::note(Part::Gateway, false);
                }
                tracing::warn!(%error, misses, "the gateway does not answer pings");
            }
        }
    }

    #[timed(metrics::GATEWAY_PING, on = ok)]
    #[counted(metrics::GATEWAY_PING_FAILURES, on = error)]
    async fn ping(&self) -> Result<String, GatewayError> {
        Ok(self.gateway.ping().await?.gateway_session)
    }

    /// Ends the connection.
    pub async fn stop(&self) {
        self.gateway.stop().await;
    }
}

fn set_unsettled(is: bool) {
    metrics::ORDERS_UNSETTLED.set(f64::from(u8::from(is)));
    score::note(Part::Orders, !is);
}

impl OrderStatus {
    fn of(outcome: &Result<Fill, OrderError>, order: &Approved) -> Self {
        let (Action::Open { volume } | Action::Close { volume, .. }) = order.action();
        match outcome {
            // Lots are told as decimals; less than asked by a thousandth of the smallest lot is rounding.
            Ok(fill) if fill.volume < volume - 1e-5 => Self::Partial,
            Ok(_) => Self::Filled,
            Err(OrderError::Gateway(GatewayError::Refused(no))) if no.status == "REJECTED" => {
                Self::Rejected
            }
            Err(OrderError::Gateway(GatewayError::Refused(_))) => Self::Error,
            Err(error) if error.is_unknown() => Self::Unknown,
            Err(_) => Self::NotSent,
        }
    }
}
