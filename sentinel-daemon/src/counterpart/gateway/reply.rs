//! How the paper gateway says yes and no.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

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

    /// The reply that says so: status `REJECTED` for an OPEN, `error` for anything else.
    pub(super) fn reply(&self, status: &str, now: Timestamp) -> Value {
        let mut reply = json!({
            "status": status,
            "error_code": self.code,
            "error_msg": self.message,
            "timestamp": unix_seconds(now),
        });
        if let Some(retcode) = self.retcode {
            reply["retcode"] = json!(retcode);
        }
        reply
    }
}

/// Puts the request's uuid on its reply, which must be an object.
pub(super) fn addressed(mut reply: Value, uuid: Option<&str>) -> Value {
    reply["uuid"] = json!(uuid);
    reply
}
