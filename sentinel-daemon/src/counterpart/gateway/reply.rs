//! How the paper gateway says yes and no.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::gateway::protocol::unix_seconds;

/// MetaTrader's trade return codes, as its reference lists them: request completed.
pub(super) const DONE: u16 = 10009;
/// Invalid request.
pub(super) const INVALID_REQUEST: u16 = 10013;
/// Invalid volume in the request.
pub(super) const INVALID_VOLUME: u16 = 10014;
/// Invalid price in the request.
pub(super) const INVALID_PRICE: u16 = 10015;
/// Invalid stops in the request.
pub(super) const INVALID_STOPS: u16 = 10016;
/// There is not enough money to complete the request.
pub(super) const NO_MONEY: u16 = 10019;

/// The protocol's names for what can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Code {
    InvalidJson,
    MissingAction,
    UnknownAction,
    MissingUuid,
    MissingSymbol,
    MissingType,
    InvalidVolume,
    MissingTicket,
    RiskSignatureInvalid,
    #[serde(rename = "MT5_ORDER_FAILED")]
    OrderFailed,
    #[serde(rename = "MT5_CLOSE_FAILED")]
    CloseFailed,
    ServerError,
}

/// A no and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) retcode: Option<u16>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        let retcode = match code {
            Code::MissingUuid | Code::MissingSymbol | Code::MissingType | Code::MissingTicket => {
                Some(INVALID_REQUEST)
            }
            Code::InvalidVolume => Some(INVALID_VOLUME),
            _ => None,
        };
        Self {
            code,
            message: message.into(),
            retcode,
        }
    }

    pub(super) fn with(code: Code, retcode: u16, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retcode: Some(retcode),
        }
    }

    /// The no to an OPEN.
    pub(super) fn rejection(self, now: Timestamp, uuid: Option<&str>) -> Value {
        self.reply("REJECTED", now, uuid)
    }

    /// The no to anything else.
    pub(super) fn error(self, now: Timestamp, uuid: Option<&str>) -> Value {
        self.reply("error", now, uuid)
    }

    fn reply(self, status: &str, now: Timestamp, uuid: Option<&str>) -> Value {
        let mut fields = fields(json!({
            "status": status,
            "error_code": self.code,
            "error_msg": self.message,
            "timestamp": unix_seconds(now),
        }));
        if let Some(retcode) = self.retcode {
            fields.insert("retcode".to_owned(), json!(retcode));
        }
        yes(uuid, fields)
    }
}

/// A reply to the request that `uuid` names.
pub(super) fn yes(uuid: Option<&str>, mut fields: Map<String, Value>) -> Value {
    fields.insert("uuid".to_owned(), json!(uuid));
    Value::Object(fields)
}

/// The fields of a JSON object.
pub(super) fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
