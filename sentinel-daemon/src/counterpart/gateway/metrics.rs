//! What the paper gateway was asked for and what it answered.

use instrument_core::{LabelValue, metrics};
use serde_json::Value;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
#[label(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Asked {
    /// A sign of life.
    Ping,
    /// A new position.
    Open,
    /// The end of one.
    Close,
    /// What became of an order.
    GetOrder,
    /// The account.
    GetAccount,
    /// The open positions.
    GetPositions,
    /// All of it.
    SyncAll,
    /// None of these.
    #[label("other")]
    Other,
}

/// What a reply says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue)]
pub(super) enum Answered {
    /// A question is answered.
    Ok,
    /// An order is filled.
    Filled,
    /// An order is not known.
    NotFound,
    /// An order is refused.
    Rejected,
    /// A request is refused.
    Error,
}

metrics! {
    /// Requests that the paper gateway answered; an order that comes again gets its first reply, and counts again.
    pub(super) static REQUESTS: Counter<(action: Asked, status: Answered)> = "paper_gateway_requests_total";
    /// Seconds to answer a request, until its outcome is on disk.
    pub(super) static DURATION: Histogram<(action: Asked)> = "paper_gateway_request_duration_seconds",
        buckets = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];
}

impl Asked {
    pub(super) fn of(action: &str) -> Self {
        match action {
            "PING" => Self::Ping,
            "OPEN" => Self::Open,
            "CLOSE" => Self::Close,
            "GET_ORDER" => Self::GetOrder,
            "GET_ACCOUNT" => Self::GetAccount,
            "GET_POSITIONS" => Self::GetPositions,
            "SYNC_ALL" => Self::SyncAll,
            _ => Self::Other,
        }
    }
}

impl Answered {
    pub(super) fn of(reply: &Value) -> Self {
        match reply["status"].as_str() {
            Some("FILLED") => Self::Filled,
            Some("NOT_FOUND") => Self::NotFound,
            Some("REJECTED") => Self::Rejected,
            Some("error") => Self::Error,
            _ => Self::Ok,
        }
    }
}
