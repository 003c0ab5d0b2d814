//! Reading a gateway's reply: whose it is, whether it says yes, and what it says then.

mod fields;

use instrument_core::LabelValue;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::GatewayError;
use super::protocol::{
    AccountReport, CloseOrder, Fill, OpenOrder, OrderState, Pong, Position, Refusal,
};
use crate::bar::Side;
pub use fields::ReplyProblem;
use fields::{Fields, excerpt};

/// MetaTrader's return codes of an order that was carried out, as a whole or in part.
const DONE: [u64; 2] = [10009, 10010];

/// Lots are told as decimals; more than asked by a thousandth of the smallest lot is rounding.
const LOTS_SLACK: f64 = 1e-5;

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

/// What a reply says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub enum ReplyStatus {
    /// A question is answered.
    Ok,
    /// An order is filled.
    Filled,
    /// An order is filled in part.
    Partial,
    /// An order is not known.
    NotFound,
    /// An order is refused.
    Rejected,
    /// A request is refused.
    Error,
    /// It says none of these, or is no JSON object.
    Unusable,
}

impl ReplyStatus {
    pub(super) fn of(reply: &Result<Reply, GatewayError>) -> Self {
        let Ok(Ok(status)) = reply.as_ref().map(|reply| reply.fields.text("status")) else {
            return Self::Unusable;
        };
        match status {
            "FILLED" => Self::Filled,
            "PARTIAL" => Self::Partial,
            "NOT_FOUND" => Self::NotFound,
            "REJECTED" => Self::Rejected,
            status if is_error(status) => Self::Error,
            status if status.eq_ignore_ascii_case("ok") => Self::Ok,
            _ => Self::Unusable,
        }
    }
}

/// A reply that is a JSON object.
pub(super) struct Reply {
    fields: Fields,
}

impl Reply {
    /// Reads the reply to the request `uuid`, which it must name.
    pub(super) fn parse(message: &[u8], uuid: Uuid) -> Result<Self, GatewayError> {
        let fields = Fields::parse(message)?;
        match owner(message, uuid) {
            Owner::Asker => Ok(Self { fields }),
            Owner::Stranger | Owner::Unknown => Err(fields.bad(ReplyProblem::Nameless)),
        }
    }

    pub(super) fn pong(&self) -> Result<Pong, GatewayError> {
        self.expect_ok()?;
        Ok(Pong {
            server_time: self.fields.number("server_time")?,
            gateway_session: self.fields.text("gateway_session")?.to_owned(),
        })
    }

    pub(super) fn account(&self) -> Result<AccountReport, GatewayError> {
        self.expect_ok()?;
        Ok(AccountReport {
            balance: self.fields.number("balance")?,
            equity: self.fields.number("equity")?,
            margin: self.fields.number("margin")?,
            free_margin: self.fields.number("free_margin")?,
            margin_level: self.fields.number("margin_level")?,
            currency: self.fields.text("currency")?.to_owned(),
        })
    }

    pub(super) fn positions(&self) -> Result<Vec<Position>, GatewayError> {
        self.expect_ok()?;
        self.fields
            .rows("positions")?
            .iter()
            .map(position)
            .collect()
    }

    pub(super) fn opened(&self, order: &OpenOrder) -> Result<Fill, GatewayError> {
        let fill = self.fill("price", order.terms.volume, None)?;
        if self.fields.has("symbol") && self.fields.text("symbol")? != order.terms.symbol {
            return Err(self.fields.misses("symbol", "the symbol that was ordered"));
        }
        Ok(fill)
    }

    pub(super) fn closed(&self, order: &CloseOrder) -> Result<Fill, GatewayError> {
        let fill = self.fill("close_price", order.volume, Some(order.volume))?;
        if fill.ticket == order.ticket {
            Ok(fill)
        } else {
            Err(self
                .fields
                .misses("ticket", "the ticket that was to be closed"))
        }
    }

    /// Reads the first reply to the order `asked` of so many lots, handed out again.
    pub(super) fn order(&self, asked: Uuid, lots: f64) -> Result<OrderState, GatewayError> {
        if self.fields.has("order_uuid") && self.fields.text("order_uuid")? != asked.to_string() {
            let accepted = "the uuid of the order that was asked for";
            return Err(self.fields.misses("order_uuid", accepted));
        }
        if self.fields.text("status")? == "NOT_FOUND" {
            return Ok(OrderState::NotFound);
        }
        let was_a_close = self.fields.has("close_price");
        let price = if was_a_close { "close_price" } else { "price" };
        match self.fill(price, lots, None) {
            Ok(fill) => Ok(OrderState::Filled(fill)),
            // Without the order's uuid an error is about the question, and says nothing about the order.
            Err(GatewayError::Refused(refusal))
                if refusal.status == "REJECTED" || self.fields.has("order_uuid") =>
            {
                Ok(OrderState::Refused(refusal))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a fill of at most `asked` lots, which nothing but an explicit word is; `told` stands in for a volume that is
    /// not there.
    fn fill(
        &self,
        price: &'static str,
        asked: f64,
        told: Option<f64>,
    ) -> Result<Fill, GatewayError> {
        let (field, told) = match self.fields.text("status")? {
            "FILLED" => ("volume", told.filter(|_| !self.fields.has("volume"))),
            "PARTIAL" => ("filled_volume", None),
            other => return Err(self.no(other)),
        };
        let volume = told.map_or_else(|| self.fields.positive(field), Ok)?;
        if volume > asked + LOTS_SLACK {
            return Err(self
                .fields
                .misses(field, "at most the lots that were asked for"));
        }
        if self.retcode()?.is_some_and(|code| !DONE.contains(&code)) {
            return Err(self.fields.bad(ReplyProblem::Contradiction));
        }
        let says_profit = self.fields.has("profit");
        Ok(Fill {
            ticket: self.fields.whole("ticket")?,
            volume,
            price: self.fields.positive(price)?,
            profit: says_profit
                .then(|| self.fields.number("profit"))
                .transpose()?,
        })
    }

    fn expect_ok(&self) -> Result<(), GatewayError> {
        match self.fields.text("status")? {
            status if status.eq_ignore_ascii_case("ok") => Ok(()),
            other => Err(self.no(other)),
        }
    }

    fn no(&self, status: &str) -> GatewayError {
        if status != "REJECTED" && !is_error(status) {
            return self.fields.bad(ReplyProblem::Status);
        }
        let retcode = self.retcode().unwrap_or_default();
        if retcode.is_some_and(|code| DONE.contains(&code)) {
            return self.fields.bad(ReplyProblem::Contradiction);
        }
        // A refusal is one even when it gives no reason.
        let words = |field| excerpt(self.fields.text(field).unwrap_or_default());
        GatewayError::Refused(Refusal {
            status: status.to_owned(),
            code: words("error_code"),
            message: words("error_msg"),
            retcode,
        })
    }

    fn retcode(&self) -> Result<Option<u64>, GatewayError> {
        let says_code = self.fields.has("retcode");
        says_code.then(|| self.fields.whole("retcode")).transpose()
    }
}

fn position(row: &Fields) -> Result<Position, GatewayError> {
    Ok(Position {
        ticket: row.whole("ticket")?,
        symbol: row.text("symbol")?.to_owned(),
        side: match row.text("type")? {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            _ => return Err(row.misses("type", "BUY or SELL")),
        },
        volume: row.positive("volume")?,
        open_price: row.number("open_price")?,
        current_price: row.number("current_price")?,
        profit: row.number("profit")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::signature::OrderTerms;

    /// A reply that names its request.
    fn reply(value: &Value) -> Reply {
        let mut named = value.clone();
        named["uuid"] = json!(Uuid::nil().to_string());
        Reply::parse(named.to_string().as_bytes(), Uuid::nil()).unwrap()
    }

    fn opened(value: &Value) -> Result<Fill, GatewayError> {
        reply(value).opened(&OpenOrder {
            uuid: Uuid::nil(),
            terms: OrderTerms {
                price: 1.1,
                stop_loss: 0.0,
                symbol: "EURUSD".to_owned(),
                take_profit: 0.0,
                side: Side::Buy,
                volume: 0.2,
            },
            comment: String::new(),
            risk_signature: None,
        })
    }

    fn order_state(value: &Value) -> Result<OrderState, GatewayError> {
        reply(value).order(Uuid::nil(), 0.2)
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
        let fill = opened(&sound).unwrap();
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
                problem(opened(&other)),
                "status does not answer the request"
            );
        }
    }

    #[test]
    fn a_fill_that_cannot_be_true_is_a_bad_reply() {
        let sound =
            json!({"status": "FILLED", "ticket": 3, "volume": 0.2, "price": 1.1, "retcode": 10009});
        opened(&sound).unwrap();
        for (field, value) in [
            ("volume", json!(0.3)),
            ("symbol", json!("GBPUSD")),
            ("retcode", json!(10019)),
            ("retcode", json!("done")),
        ] {
            let mut lie = sound.clone();
            lie[field] = value;
            assert!(problem(opened(&lie)).contains(field), "{lie}");
        }
        let part = json!({"status": "PARTIAL", "ticket": 3, "filled_volume": 0.9, "volume": 0.2, "price": 1.1});
        assert!(problem(opened(&part)).contains("filled_volume"));
        let no =
            json!({"status": "REJECTED", "error_code": "x", "error_msg": "x", "retcode": 10009});
        assert!(problem(opened(&no)).contains("contradict"));
        let other = json!({"status": "NOT_FOUND", "order_uuid": Uuid::max().to_string()});
        assert!(problem(order_state(&other)).contains("order_uuid"));
    }

    #[test]
    fn a_reply_must_name_its_request_once() {
        let fill = r#""status":"FILLED","ticket":3,"volume":0.2,"price":1.1"#;
        for names in [
            String::new(),
            format!(r#","uuid":"{}""#, Uuid::max()),
            format!(r#","uuid":"{}","uuid":"{}""#, Uuid::max(), Uuid::nil()),
            r#","uuid":null"#.to_owned(),
        ] {
            let message = format!("{{{fill}{names}}}");
            let read = Reply::parse(message.as_bytes(), Uuid::nil());
            assert!(
                matches!(read, Err(GatewayError::BadReply { .. })),
                "{message}"
            );
        }
        Reply::parse(br#"{"uuid":null,"status":"error"}"#, Uuid::nil()).unwrap();
    }

    #[test]
    fn partial_fill_counts_only_the_filled_part() {
        let mut part = json!({"status": "PARTIAL", "ticket": 3, "volume": 0.2, "price": 1.1});
        assert_eq!(
            problem(opened(&part)),
            "field `filled_volume` is not a number above 0"
        );
        part["filled_volume"] = json!(0.05);
        let fill = opened(&part).unwrap();
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
            assert!(problem(opened(&broken)).contains(field));
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
        let refusal = refused(opened(&no));
        assert_eq!(
            (refusal.code.as_str(), refusal.retcode),
            ("MT5_ORDER_FAILED", Some(10019))
        );
        assert_eq!(refusal.message.len(), 120);
        assert_eq!(
            refused(reply(&json!({"status": "ERROR"})).pong()).status,
            "ERROR"
        );
    }

    #[test]
    fn an_order_asked_for_is_filled_refused_or_unknown() {
        let filled = json!({"status": "FILLED", "ticket": 3, "volume": 0.2, "close_price": 1.1});
        let OrderState::Filled(fill) = order_state(&filled).unwrap() else {
            panic!("a filled order reads as something else")
        };
        assert!(fill.price > 1.0, "{fill:?}");
        for no in [
            json!({"status": "REJECTED"}),
            json!({"status": "error", "order_uuid": Uuid::nil().to_string()}),
        ] {
            assert!(matches!(order_state(&no), Ok(OrderState::Refused(_))));
        }
        let unknown = order_state(&json!({"status": "NOT_FOUND"}));
        assert_eq!(unknown.unwrap(), OrderState::NotFound);
        let question = json!({"status": "error", "error_code": "SERVER_ERROR"});
        assert_eq!(refused(order_state(&question)).code, "SERVER_ERROR");
        assert_eq!(
            problem(order_state(&json!({"status": "ok"}))),
            "status does not answer the request"
        );
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
