//! What the daemon and the broker gateway say to each other: one JSON object per message.
//!
//! Not here: reading replies (`reply`) and carrying messages (`socket`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signature::OrderTerms;
use crate::bar::Side;

/// An order to open a position at the market.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOrder {
    /// Names the order for good: sent twice, it is filled once.
    pub uuid: Uuid,
    /// What is asked for.
    pub terms: OrderTerms,
    /// Free text that the broker shows beside the position.
    pub comment: String,
    /// What [`super::signature::RiskKey::sign`] gave for these terms; `None` for a gateway that asks for none.
    pub risk_signature: Option<String>,
}

/// An order to close one whole position at the market.
#[derive(Debug, Clone, PartialEq)]
pub struct CloseOrder {
    /// Names the order for good: sent twice, it is filled once.
    pub uuid: Uuid,
    /// The position's ticket.
    pub ticket: u64,
    /// Lots the position holds. Not sent: it stands in for the volume of a gateway whose reply to CLOSE names none.
    pub volume: f64,
    /// The price the decision was made at; `None` leaves it to the gateway.
    pub price: Option<f64>,
}

/// What was bought or sold.
#[derive(Debug, Clone, PartialEq)]
pub struct Fill {
    /// The position that was opened or closed.
    pub ticket: u64,
    /// Lots; less than asked for when the order was filled in part.
    pub volume: f64,
    /// Price in the quote currency.
    pub price: f64,
    /// Gain in the account's currency; only a close has one, and not every gateway says it.
    pub profit: Option<f64>,
}

/// Sign of life.
#[derive(Debug, Clone, PartialEq)]
pub struct Pong {
    /// The gateway's clock, unix seconds.
    pub server_time: f64,
    /// Changes when the gateway has forgotten what it knew.
    pub gateway_session: String,
}

/// Money in the account, in its currency.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountReport {
    /// Money without the open positions' gains.
    pub balance: f64,
    /// Money with them.
    pub equity: f64,
    /// Money bound by open positions.
    pub margin: f64,
    /// Money free for new ones.
    pub free_margin: f64,
    /// Equity in percent of margin; 0 without positions.
    pub margin_level: f64,
    /// ISO code.
    pub currency: String,
}

/// One open position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The gateway's number for it.
    pub ticket: u64,
    /// What was traded.
    pub symbol: String,
    /// Which way.
    #[serde(rename = "type")]
    pub side: Side,
    /// Lots.
    pub volume: f64,
    /// Price it was opened at, in the quote currency.
    pub open_price: f64,
    /// Price it would be closed at now.
    pub current_price: f64,
    /// What closing it now would gain, in the account's currency.
    pub profit: f64,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderState {
    /// It was filled, perhaps in part.
    Filled(Fill),
    /// It was refused and never will be filled.
    Refused(Refusal),
    /// The gateway has not seen it, or not filled it and kept no word of it. An order still on its way is not
    /// ruled out: send it again only under its own uuid.
    NotFound,
}

/// A gateway's explicit no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `REJECTED`, or `error` in the gateway's spelling.
    pub status: String,
    /// The protocol's name for the reason.
    pub code: String,
    /// The gateway's words, cut to a bounded length.
    pub message: String,
    /// MetaTrader's trade return code, for example 10019 for no money.
    pub retcode: Option<u64>,
}

/// One message to the gateway.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    uuid: String,
    timestamp: f64,
    #[serde(flatten)]
    action: Action<'a>,
}

/// What a message asks for.
#[derive(Debug, Serialize)]
#[serde(tag = "action", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Action<'a> {
    Ping,
    Open {
        #[serde(flatten)]
        terms: &'a OrderTerms,
        comment: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        risk_signature: Option<&'a str>,
    },
    Close {
        ticket: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<f64>,
    },
    GetOrder {
        order_uuid: String,
    },
    GetAccount,
    GetPositions {
        #[serde(skip_serializing_if = "Option::is_none")]
        symbol: Option<&'a str>,
    },
}

impl<'a> Action<'a> {
    pub(super) fn open(order: &'a OpenOrder) -> Self {
        Self::Open {
            terms: &order.terms,
            comment: &order.comment,
            risk_signature: order.risk_signature.as_deref(),
        }
    }

    pub(super) fn close(order: &CloseOrder) -> Self {
        Self::Close {
            ticket: order.ticket,
            price: order.price,
        }
    }
}

/// Writes a message as bytes.
pub(super) fn encode(uuid: Uuid, action: Action<'_>, now: Timestamp) -> Vec<u8> {
    let request = Request {
        uuid: uuid.to_string(),
        timestamp: unix_seconds(now),
        action,
    };
    serde_json::to_vec(&request).expect("a request is numbers and strings only")
}

/// A moment as the protocol writes it: unix seconds with a fraction.
pub(crate) fn unix_seconds(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(action: Action<'_>) -> Value {
        let now = Timestamp::from_millisecond(1_500).unwrap();
        serde_json::from_slice(&encode(Uuid::nil(), action, now)).unwrap()
    }

    fn with_head(action: &str, fields: Value) -> Value {
        let mut whole = json!({
            "uuid": "00000000-0000-0000-0000-000000000000", "timestamp": 1.5, "action": action,
        });
        let Value::Object(mut fields) = fields else {
            panic!("fields are an object")
        };
        whole.as_object_mut().unwrap().append(&mut fields);
        whole
    }

    #[test]
    fn open_lays_terms_comment_and_signature_side_by_side() {
        let order = OpenOrder {
            uuid: Uuid::nil(),
            terms: OrderTerms {
                price: 1.1,
                stop_loss: 1.05,
                symbol: "EURUSD".to_owned(),
                take_profit: 0.0,
                side: Side::Buy,
                volume: 0.1,
            },
            comment: "hourly".to_owned(),
            risk_signature: Some("RISK_PASS:x:1".to_owned()),
        };
        let fields = json!({
            "symbol": "EURUSD", "type": "BUY", "volume": 0.1, "price": 1.1, "sl": 1.05, "tp": 0.0,
            "comment": "hourly", "risk_signature": "RISK_PASS:x:1",
        });
        assert_eq!(written(Action::open(&order)), with_head("OPEN", fields));
    }

    #[test]
    fn other_requests_carry_what_they_need_and_no_empty_fields() {
        let close = CloseOrder {
            uuid: Uuid::nil(),
            ticket: 7,
            volume: 0.1,
            price: None,
        };
        let priced = CloseOrder {
            price: Some(1.2),
            ..close.clone()
        };
        let order_uuid = "u".to_owned();
        for (action, name, fields) in [
            (Action::Ping, "PING", json!({})),
            (Action::close(&close), "CLOSE", json!({"ticket": 7})),
            (
                Action::close(&priced),
                "CLOSE",
                json!({"ticket": 7, "price": 1.2}),
            ),
            (
                Action::GetOrder { order_uuid },
                "GET_ORDER",
                json!({"order_uuid": "u"}),
            ),
            (Action::GetAccount, "GET_ACCOUNT", json!({})),
            (
                Action::GetPositions { symbol: None },
                "GET_POSITIONS",
                json!({}),
            ),
            (
                Action::GetPositions { symbol: Some("A") },
                "GET_POSITIONS",
                json!({"symbol": "A"}),
            ),
        ] {
            assert_eq!(written(action), with_head(name, fields));
        }
    }
}
