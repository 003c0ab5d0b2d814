//! What became of an order that got no answer: asked of the gateway, and believed only as far as it can know.

use std::time::Duration;

use instrument_core::LabelValue;
use jiff::Timestamp;

use super::journal::SentOrder;
use crate::gateway::protocol::{Fill, OrderState, Position};
use crate::gateway::signature::VALID_MS;
use crate::gateway::{Gateway, GatewayError};
use crate::risk::Action;

/// How an order of unknown outcome was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum Settlement {
    /// The gateway says that it was filled, at least in part.
    Filled,
    /// The gateway says that it was refused.
    Refused,
    /// The gateway has not seen it, and either remembers everything since or the positions agree.
    NotExecuted,
    /// The gateway has forgotten it, or says what cannot be true, and the positions show that it was executed; no fill was ever told.
    SeenInPositions,
}

/// A settled order.
#[derive(Debug)]
pub struct Settled {
    /// The order.
    pub order: SentOrder,
    /// How it was settled.
    pub settlement: Settlement,
    /// Its fill, if one was told.
    pub fill: Option<Fill>,
}

/// Asks the gateway what became of `order`.
///
/// "Not found" is an answer only once the order can no longer arrive: the gateway takes no signature older than
/// [`VALID_MS`]. An answer that cannot be true would be the same for ever; from then on the positions are believed instead.
pub(super) async fn settle(
    gateway: &Gateway,
    symbol: &str,
    order: &SentOrder,
) -> Result<Settled, GatewayError> {
    let (Action::Open { volume } | Action::Close { volume, .. }) = order.action;
    let (settlement, fill) = loop {
        let told = gateway.order(order.uuid, volume).await;
        let on_its_way = still_on_its_way(order, Timestamp::now());
        if matches!(told, Err(GatewayError::BadReply { .. })) && on_its_way.is_none() {
            break (by_positions(gateway, symbol, order).await?, None);
        }
        match told? {
            OrderState::Filled(fill) => break (Settlement::Filled, Some(fill)),
            OrderState::Refused(_) => break (Settlement::Refused, None),
            OrderState::NotFound => match on_its_way {
                Some(wait) => tokio::time::sleep(wait).await,
                None => break (not_found(gateway, symbol, order).await?, None),
            },
        }
    };
    Ok(Settled {
        order: order.clone(),
        settlement,
        fill,
    })
}

/// How long the order may still be on its way.
fn still_on_its_way(order: &SentOrder, now: Timestamp) -> Option<Duration> {
    let valid = VALID_MS.cast_signed();
    let age = now.as_millisecond() - order.sent_ms;
    (0..valid)
        .contains(&age)
        .then(|| Duration::from_millis((valid - age).unsigned_abs()))
}

async fn not_found(
    gateway: &Gateway,
    symbol: &str,
    order: &SentOrder,
) -> Result<Settlement, GatewayError> {
    let session = gateway.ping().await?.gateway_session;
    if order.session.as_ref() == Some(&session) {
        return Ok(Settlement::NotExecuted);
    }
    by_positions(gateway, symbol, order).await
}

async fn by_positions(
    gateway: &Gateway,
    symbol: &str,
    order: &SentOrder,
) -> Result<Settlement, GatewayError> {
    let held = gateway.positions(Some(symbol)).await?;
    Ok(if shows(&held, order) {
        Settlement::SeenInPositions
    } else {
        Settlement::NotExecuted
    })
}

/// Whether the positions show that the order was executed: a new one on its side, or its ticket is gone.
fn shows(held: &[Position], order: &SentOrder) -> bool {
    match order.action {
        Action::Open { .. } => held
            .iter()
            .any(|position| position.side == order.side && !order.held.contains(&position.ticket)),
        Action::Close { ticket, .. } => held.iter().all(|position| position.ticket != ticket),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::bar::Side;

    fn position(ticket: u64, side: Side) -> Position {
        Position {
            ticket,
            symbol: "EURUSD".to_owned(),
            side,
            volume: 0.1,
            open_price: 1.1,
            current_price: 1.1,
            profit: 0.0,
        }
    }

    fn sent(action: Action) -> SentOrder {
        SentOrder {
            uuid: Uuid::nil(),
            side: Side::Buy,
            action,
            bar: None,
            session: None,
            held: vec![4],
            sent_ms: 10_000,
        }
    }

    #[test]
    fn positions_show_what_was_executed() {
        use Side::{Buy, Sell};
        let (open, close) = (
            Action::Open { volume: 0.1 },
            Action::Close {
                ticket: 4,
                volume: 0.1,
            },
        );
        for (action, held, expected) in [
            (open, vec![], false),
            (open, vec![position(4, Buy)], false),
            (open, vec![position(4, Buy), position(5, Buy)], true),
            (open, vec![position(5, Sell)], false),
            (close, vec![position(4, Sell)], false),
            (close, vec![position(5, Sell)], true),
            (close, vec![], true),
        ] {
            assert_eq!(shows(&held, &sent(action)), expected, "{action:?} {held:?}");
        }
    }

    #[test]
    fn an_order_can_arrive_while_its_signature_is_valid() {
        let order = sent(Action::Open { volume: 0.1 });
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let left = still_on_its_way(&order, at(11_000));
        assert_eq!(left, Some(Duration::from_secs(4)));
        assert_eq!(still_on_its_way(&order, at(15_000)), None);
        assert_eq!(
            still_on_its_way(&order, at(9_000)),
            None,
            "a clock that was set back says nothing"
        );
    }
}
