//! Reading what a client of the paper gateway asks for, and naming exactly what is wrong with it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::reply::{Code, INVALID_PRICE, INVALID_STOPS, Refusal};
use crate::bar::Side;
use crate::gateway::protocol::unix_seconds;
use crate::gateway::signature::OrderTerms;

/// Longest request that is read, in bytes; the longest sound one has a few hundred.
const LONGEST: usize = 64 << 10;

/// Longest uuid that is echoed and kept, in bytes: the usual spelling has 36.
const LONGEST_UUID: usize = 64;

/// Longest symbol, in bytes: `MetaTrader` allows 31.
const LONGEST_SYMBOL: usize = 31;

/// One request that names its action.
#[derive(Debug)]
pub(super) struct Request {
    action: String,
    uuid: Option<String>,
    fields: Map<String, Value>,
}

impl Request {
    /// Reads a message; what fails comes with the uuid the reply must carry, if there is one.
    pub(super) fn parse(message: &[u8]) -> Result<Self, (Option<String>, Refusal)> {
        let invalid = |text: String| (None, Refusal::new(Code::InvalidJson, text));
        if message.len() > LONGEST {
            return Err(invalid(format!("longer than {LONGEST} bytes")));
        }
        let fields: Map<String, Value> =
            // The place only: the error's own words may quote the message at length.
            serde_json::from_slice(message).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                invalid(format!("not a JSON object, line {line} column {column}"))
            })?;
        let uuid = fields
            .get("uuid")
            .and_then(Value::as_str)
            .filter(|uuid| !uuid.is_empty() && uuid.len() <= LONGEST_UUID)
            .map(str::to_owned);
        let Some(action) = fields.get("action").and_then(Value::as_str) else {
            let missing = Refusal::new(Code::MissingAction, "field `action` must be a string");
            return Err((uuid, missing));
        };
        Ok(Self {
            action: action.to_owned(),
            uuid,
            fields,
        })
    }

    pub(super) fn action(&self) -> &str {
        &self.action
    }

    pub(super) fn uuid(&self) -> Option<&str> {
        self.uuid.as_deref()
    }

    /// The uuid of an order, which cannot do without: sent twice it must be known again.
    pub(super) fn order_name(&self) -> Result<&str, Refusal> {
        self.uuid().ok_or_else(|| {
            let accepted = format!("field `uuid` must be a string of 1 to {LONGEST_UUID} bytes");
            Refusal::new(Code::MissingUuid, accepted)
        })
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    /// How far the sender's clock lay behind ours, in milliseconds; `None` if it did not say.
    pub(super) fn latency_ms(&self, now: Timestamp) -> Option<f64> {
        let sent = self.fields.get("timestamp").and_then(Value::as_f64)?;
        Some((unix_seconds(now) - sent) * 1_000.0)
    }

    pub(super) fn open_terms(&self) -> Result<OrderTerms, Refusal> {
        let symbol = self.symbol()?;
        let side = self
            .fields
            .get("type")
            .and_then(|side| Side::deserialize(side).ok());
        let side = side
            .ok_or_else(|| Refusal::new(Code::MissingType, "field `type` must be BUY or SELL"))?;
        let volume = self
            .fields
            .get("volume")
            .and_then(Value::as_f64)
            .ok_or_else(|| {
                Refusal::new(
                    Code::InvalidVolume,
                    "field `volume` must be a number of lots",
                )
            })?;
        Ok(OrderTerms {
            price: self
                .price(Code::OrderFailed)?
                .ok_or_else(|| no_price(Code::OrderFailed))?,
            stop_loss: self.stop("sl")?,
            symbol: symbol.to_owned(),
            take_profit: self.stop("tp")?,
            side,
            volume,
        })
    }

    /// The ticket to close, and the price to close it at if the request names one.
    pub(super) fn close_terms(&self) -> Result<(u64, Option<f64>), Refusal> {
        let ticket = self
            .fields
            .get("ticket")
            .and_then(Value::as_u64)
            .ok_or_else(|| {
                Refusal::new(
                    Code::MissingTicket,
                    "field `ticket` must be a position's number",
                )
            })?;
        Ok((ticket, self.price(Code::CloseFailed)?))
    }

    /// The symbol to list; `None` for all.
    pub(super) fn symbol_wanted(&self) -> Result<Option<&str>, Refusal> {
        match self.fields.get("symbol") {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.symbol().map(Some),
        }
    }

    fn symbol(&self) -> Result<&str, Refusal> {
        self.text("symbol")
            .filter(|symbol| !symbol.is_empty() && symbol.len() <= LONGEST_SYMBOL)
            .ok_or_else(|| {
                let accepted =
                    format!("field `symbol` must be a string of 1 to {LONGEST_SYMBOL} bytes");
                Refusal::new(Code::MissingSymbol, accepted)
            })
    }

    fn price(&self, code: Code) -> Result<Option<f64>, Refusal> {
        match self.fields.get("price") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|price| *price > 0.0) {
                Some(price) => Ok(Some(price)),
                None => Err(no_price(code)),
            },
        }
    }

    fn stop(&self, field: &str) -> Result<f64, Refusal> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(0.0),
            Some(value) => value.as_f64().filter(|stop| *stop >= 0.0).ok_or_else(|| {
                let accepted = format!("field `{field}` must be a price, or 0 for none");
                Refusal::with(Code::OrderFailed, INVALID_STOPS, accepted)
            }),
        }
    }
}

fn no_price(code: Code) -> Refusal {
    Refusal::with(
        code,
        INVALID_PRICE,
        "field `price` must be a number above 0",
    )
}
