//! The words of the trade: what a bar is, and which way an order goes.

use std::fmt;

use instrument_core::LabelValue;
use serde::{Deserialize, Deserializer, Serialize};

/// One hour of prices. Times are unix seconds, UTC; prices are in the quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Start of the hour.
    #[serde(rename = "timestamp")]
    pub time: i64,
    /// First price of the hour.
    pub open: f64,
    /// Highest price of the hour.
    pub high: f64,
    /// Lowest price of the hour.
    pub low: f64,
    /// Last price of the hour, or the current one while the bar is forming.
    pub close: f64,
    /// Number of price changes in the hour; 0 where the vendor has none, which it may write as null.
    #[serde(deserialize_with = "zero_if_null")]
    pub volume: f64,
}

fn zero_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Which way an order or a position goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "UPPERCASE")]
#[label(rename_all = "UPPERCASE")]
pub enum Side {
    /// Gains when the price rises.
    Buy,
    /// Gains when the price falls.
    Sell,
}

impl Side {
    /// The side that closes a position of this one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// As in the gateway's protocol.
impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        })
    }
}
