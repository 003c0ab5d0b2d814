//! Reading a gateway's reply: whose it is, whether it says yes, and the numbers in it.

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;
use uuid::Uuid;

use super::GatewayError;
use super::protocol::{AccountReport, CloseOrder, Fill, OrderState, Pong, Position, Refusal};
use crate::bar::Side;

/// How much of a gateway's words an error may carry, in characters.
const EXCERPT_CHARS: usize = 120;

/// What is wrong with a reply.
#[derive(Debug, Error)]
pub enum ReplyProblem {
    /// It is not JSON.
    #[error("not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field is missing or of another kind.
    #[error("field `{field}` is not {accepted}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        accepted: &'static str,
    },
    /// The status is none that answers this request.
    #[error("status does not answer the request")]
    Status,
}

/// Whose a message is, as seen from one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It names the request, or is an error that names none.
    Asker,
    /// It names another request.
    Stranger,
    /// It names no request.
    Unknown,
}

/// Tells whether a message answers the request `uuid`.
pub(super) fn owner(message: &[u8], uuid: Uuid) -> Owner {
    #[derive(Deserialize)]
    struct Named {
        uuid: Option<String>,
        status: Option<Value>,
    }
    match serde_json::from_slice::<Named>(message) {
        Ok(Named {
            uuid: Some(named), ..
        }) if named == uuid.to_string() => Owner::Asker,
        Ok(Named { uuid: Some(_), .. }) => Owner::Stranger,
        Ok(Named {
            uuid: None,
            status: Some(Value::String(status)),
        }) if is_error(&status) => Owner::Asker,
        _ => Owner::Unknown,
    }
}

fn is_error(status: &str) -> bool {
    status.eq_ignore_ascii_case("error")
}

/// A reply that is a JSON object.
pub(super) struct Reply {
    fields: Map<String, Value>,
    excerpt: String,
}

impl Reply {
    pub(super) fn parse(message: &[u8]) -> Result<Self, GatewayError> {
        let excerpt = excerpt(&String::from_utf8_lossy(
            &message[..message.len().min(4 * EXCERPT_CHARS)],
        ));
        match serde_json::from_slice(message) {
            Ok(Value::Object(fields)) => Ok(Self { fields, excerpt }),
            Ok(_) => Err(GatewayError::BadReply {
                problem: ReplyProblem::NotAnObject,
                excerpt,
            }),
            Err(source) => Err(GatewayError::BadReply {
                problem: ReplyProblem::NotJson(source),
                excerpt,
            }),
        }
    }

    pub(super) fn pong(&self) -> Result<Pong, GatewayError> {
        self.expect_ok()?;
        Ok(Pong {
            server_time: self.number("server_time")?,
            latency_ms: self.number("latency_ms")?,
            gateway_session: self.text("gateway_session")?.to_owned(),
        })
    }

    pub(super) fn account(&self) -> Result<AccountReport, GatewayError> {
        self.expect_ok()?;
        Ok(AccountReport {
            balance: self.number("balance")?,
            equity: self.number("equity")?,
            margin: self.number("margin")?,
            free_margin: self.number("free_margin")?,
            margin_level: self.number("margin_level")?,
            currency: self.text("currency")?.to_owned(),
        })
    }

    pub(super) fn positions(&self) -> Result<Vec<Position>, GatewayError> {
        self.expect_ok()?;
        let Some(Value::Array(rows)) = self.fields.get("positions") else {
            return Err(self.misses("positions", "a list"));
        };
        rows.iter().map(|row| self.row(row)?.position()).collect()
    }

    pub(super) fn opened(&self) -> Result<Fill, GatewayError> {
        let volume = self.filled_volume(None)?;
        self.fill("price", volume)
    }

    pub(super) fn closed(&self, order: &CloseOrder) -> Result<Fill, GatewayError> {
        let volume = self.filled_volume(Some(order.volume))?;
        let fill = self.fill("close_price", volume)?;
        if fill.ticket == order.ticket {
            Ok(fill)
        } else {
            Err(self.misses("ticket", "the ticket that was to be closed"))
        }
    }

    /// Reads the first reply to an order, handed out again.
    pub(super) fn order(&self) -> Result<OrderState, GatewayError> {
        match self.filled() {
            Ok(filled) => {
                let volume = self.volume(filled, None)?;
                let price = if self.fields.contains_key("close_price") {
                    "close_price"
                } else {
                    "price"
                };
                self.fill(price, volume).map(OrderState::Filled)
            }
            // Without the order's uuid an error is about the question, and says nothing about the order.
            Err(GatewayError::Refused(refusal))
                if refusal.status == "REJECTED" || self.fields.contains_key("order_uuid") =>
            {
                Ok(OrderState::Refused(refusal))
            }
            Err(_) if self.status()? == "NOT_FOUND" => Ok(OrderState::NotFound),
            Err(error) => Err(error),
        }
    }

    fn fill(&self, price: &'static str, volume: f64) -> Result<Fill, GatewayError> {
        Ok(Fill {
            ticket: self.whole("ticket")?,
            volume,
            price: self.positive(price)?,
            profit: match self.fields.get("profit") {
                None | Some(Value::Null) => None,
                Some(_) => Some(self.number("profit")?),
            },
        })
    }

    fn filled_volume(&self, told: Option<f64>) -> Result<f64, GatewayError> {
        let filled = self.filled()?;
        self.volume(filled, told)
    }

    fn volume(&self, filled: Filled, told: Option<f64>) -> Result<f64, GatewayError> {
        match (filled, told) {
            (Filled::Partly, _) => self.positive("filled_volume"),
            (Filled::Wholly, Some(told)) if !self.fields.contains_key("volume") => Ok(told),
            (Filled::Wholly, _) => self.positive("volume"),
        }
    }

    /// Nothing but an explicit word is a fill.
    fn filled(&self) -> Result<Filled, GatewayError> {
        match self.status()? {
            "FILLED" => Ok(Filled::Wholly),
            "PARTIAL" => Ok(Filled::Partly),
            other => Err(self.no(other)),
        }
    }

    fn expect_ok(&self) -> Result<(), GatewayError> {
        match self.status()? {
            status if status.eq_ignore_ascii_case("ok") => Ok(()),
            other => Err(self.no(other)),
        }
    }

    fn no(&self, status: &str) -> GatewayError {
        if status != "REJECTED" && !is_error(status) {
            return self.bad(ReplyProblem::Status);
        }
        let words = |field| excerpt(self.text(field).unwrap_or_default());
        GatewayError::Refused(Refusal {
            status: status.to_owned(),
            code: words("error_code"),
            message: words("error_msg"),
            retcode: self.fields.get("retcode").and_then(Value::as_u64),
        })
    }

    fn position(&self) -> Result<Position, GatewayError> {
        Ok(Position {
            ticket: self.whole("ticket")?,
            symbol: self.text("symbol")?.to_owned(),
            side: match self.text("type")? {
                "BUY" => Side::Buy,
                "SELL" => Side::Sell,
                _ => return Err(self.misses("type", "BUY or SELL")),
            },
            volume: self.positive("volume")?,
            open_price: self.number("open_price")?,
            current_price: self.number("current_price")?,
            profit: self.number("profit")?,
        })
    }

    fn row(&self, row: &Value) -> Result<Self, GatewayError> {
        match row {
            Value::Object(fields) => Ok(Self {
                fields: fields.clone(),
                excerpt: excerpt(&row.to_string()),
            }),
            _ => Err(self.misses("positions", "a list of objects")),
        }
    }

    fn status(&self) -> Result<&str, GatewayError> {
        self.text("status")
    }

    fn text(&self, field: &'static str) -> Result<&str, GatewayError> {
        self.get(field, Value::as_str, "a string")
    }

    fn number(&self, field: &'static str) -> Result<f64, GatewayError> {
        self.get(field, Value::as_f64, "a number")
    }

    fn whole(&self, field: &'static str) -> Result<u64, GatewayError> {
        self.get(field, Value::as_u64, "a whole number from 0")
    }

    fn positive(&self, field: &'static str) -> Result<f64, GatewayError> {
        let above = |value: &Value| value.as_f64().filter(|number| *number > 0.0);
        self.get(field, above, "a number above 0")
    }

    fn get<'a, T: 'a>(
        &'a self,
        field: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
        accepted: &'static str,
    ) -> Result<T, GatewayError> {
        let value = self.fields.get(field).and_then(read);
        value.ok_or_else(|| self.misses(field, accepted))
    }

    fn misses(&self, field: &'static str, accepted: &'static str) -> GatewayError {
        self.bad(ReplyProblem::Field { field, accepted })
    }

    fn bad(&self, problem: ReplyProblem) -> GatewayError {
        GatewayError::BadReply {
            problem,
            excerpt: self.excerpt.clone(),
        }
    }
}

/// How much of an order was filled.
#[derive(Debug, Clone, Copy)]
enum Filled {
    Wholly,
    Partly,
}

/// The beginning of a text, fit for a log line: bounded, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let plain = |letter: char| {
        if letter.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    text.chars().take(EXCERPT_CHARS).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(value: &Value) -> Reply {
        Reply::parse(value.to_string().as_bytes()).unwrap()
    }

    fn problem<T: std::fmt::Debug>(outcome: Result<T, GatewayError>) -> String {
        match outcome {
            Err(GatewayError::BadReply { problem, .. }) => problem.to_string(),
            other => panic!("expected a bad reply, got {other:?}"),
        }
    }

    fn refused<T: std::fmt::Debug>(outcome: Result<T, GatewayError>) -> Refusal {
        match outcome {
            Err(GatewayError::Refused(refusal)) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn message_belongs_to_the_request_it_names() {
        let uuid = Uuid::new_v4();
        for (message, expected) in [
            (json!({"uuid": uuid.to_string()}), Owner::Asker),
            (json!({"uuid": null, "status": "error"}), Owner::Asker),
            (json!({"status": "ERROR"}), Owner::Asker),
            (json!({"uuid": Uuid::new_v4().to_string()}), Owner::Stranger),
            (json!({"status": "FILLED"}), Owner::Unknown),
            (json!({"uuid": 7, "status": "FILLED"}), Owner::Unknown),
            (json!([]), Owner::Unknown),
        ] {
            assert_eq!(
                owner(message.to_string().as_bytes(), uuid),
                expected,
                "{message}"
            );
        }
        assert_eq!(owner(b"\xff{", uuid), Owner::Unknown);
    }

    #[test]
    fn only_an_explicit_fill_is_a_fill() {
        let sound = json!({"status": "FILLED", "ticket": 3, "volume": 0.2, "price": 1.1});
        let fill = reply(&sound).opened().unwrap();
        let expected = Fill {
            ticket: 3,
            volume: 0.2,
            price: 1.1,
            profit: None,
        };
        assert_eq!(fill, expected);
        for status in ["ok", "filled", "SUCCESS", "NOT_FOUND", ""] {
            let mut other = sound.clone();
            other["status"] = json!(status);
            assert_eq!(
                problem(reply(&other).opened()),
                "status does not answer the request"
            );
        }
    }

    #[test]
    fn partial_fill_counts_only_the_filled_part() {
        let mut part = json!({"status": "PARTIAL", "ticket": 3, "volume": 0.2, "price": 1.1});
        assert_eq!(
            problem(reply(&part).opened()),
            "field `filled_volume` is not a number above 0"
        );
        part["filled_volume"] = json!(0.05);
        let fill = reply(&part).opened().unwrap();
        assert!(fill.volume < 0.1, "{fill:?}");
    }

    #[test]
    fn fill_without_ticket_volume_or_sound_price_is_a_bad_reply() {
        let full = json!({"status": "FILLED", "ticket": 3, "volume": 0.2, "price": 1.1});
        for (field, value) in [
            ("ticket", json!(null)),
            ("ticket", json!(-1)),
            ("volume", json!(0)),
            ("price", json!("1.1")),
            ("price", json!(-1.1)),
            ("profit", json!("much")),
        ] {
            let mut broken = full.clone();
            broken[field] = value;
            assert!(problem(reply(&broken).opened()).contains(field));
        }
    }

    #[test]
    fn close_must_name_its_ticket_and_may_leave_out_the_volume() {
        let order = CloseOrder {
            uuid: Uuid::nil(),
            ticket: 3,
            volume: 0.2,
            price: None,
        };
        let mut told = json!({"status": "FILLED", "ticket": 3, "close_price": 1.1, "profit": -2.5});
        let fill = reply(&told).closed(&order).unwrap();
        assert_eq!((fill.volume, fill.profit), (0.2, Some(-2.5)));
        told["ticket"] = json!(4);
        assert!(problem(reply(&told).closed(&order)).contains("ticket"));
    }

    #[test]
    fn refusal_keeps_code_words_and_retcode() {
        let no = json!({"status": "REJECTED", "error_code": "MT5_ORDER_FAILED", "error_msg": "x".repeat(500),
            "retcode": 10019});
        let refusal = refused(reply(&no).opened());
        assert_eq!(
            (refusal.code.as_str(), refusal.retcode),
            ("MT5_ORDER_FAILED", Some(10019))
        );
        assert_eq!(refusal.message.len(), EXCERPT_CHARS);
        assert_eq!(
            refused(reply(&json!({"status": "ERROR"})).pong()).status,
            "ERROR"
        );
    }

    #[test]
    fn an_order_asked_for_is_filled_refused_or_unknown() {
        let filled = json!({"status": "FILLED", "ticket": 3, "volume": 0.2, "close_price": 1.1});
        let OrderState::Filled(fill) = reply(&filled).order().unwrap() else {
            panic!("a filled order reads as something else")
        };
        assert!(fill.price > 1.0, "{fill:?}");
        for no in [
            json!({"status": "REJECTED"}),
            json!({"status": "error", "order_uuid": "u"}),
        ] {
            assert!(matches!(reply(&no).order(), Ok(OrderState::Refused(_))));
        }
        let unknown = reply(&json!({"status": "NOT_FOUND"})).order();
        assert_eq!(unknown.unwrap(), OrderState::NotFound);
        let question = json!({"status": "error", "error_code": "SERVER_ERROR"});
        assert_eq!(refused(reply(&question).order()).code, "SERVER_ERROR");
        assert_eq!(
            problem(reply(&json!({"status": "ok"})).order()),
            "status does not answer the request"
        );
    }

    #[test]
    fn excerpt_of_garbage_is_short_and_printable() {
        let garbage = [b"\x1b[31m".to_vec(), vec![b'a'; 1_000_000]].concat();
        let Err(GatewayError::BadReply { excerpt, .. }) = Reply::parse(&garbage) else {
            panic!("garbage was read")
        };
        assert_eq!(excerpt.chars().count(), EXCERPT_CHARS);
        assert!(!excerpt.chars().any(char::is_control));
    }

    #[test]
    fn positions_are_read_row_by_row_and_a_broken_row_is_named() {
        let row = json!({"ticket": 1, "symbol": "EURUSD", "type": "SELL", "volume": 0.1,
            "open_price": 1.1, "current_price": 1.2, "profit": -1.0});
        let whole = json!({"status": "ok", "positions": [row]});
        assert_eq!(reply(&whole).positions().unwrap()[0].side, Side::Sell);
        let mut broken = whole.clone();
        broken["positions"][0]["type"] = json!("HOLD");
        assert!(problem(reply(&broken).positions()).contains("`type`"));
        broken["positions"] = json!([7]);
        assert!(problem(reply(&broken).positions()).contains("`positions`"));
    }
}
