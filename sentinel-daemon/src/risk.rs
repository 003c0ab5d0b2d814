//! What may be sent: the only room that can make an approved order; pure.

use instrument_core::LabelValue;
use serde::{Deserialize, Serialize};

use crate::bar::Side;
use crate::gateway::protocol::Position;
use crate::signal::Signal;

/// The limits of an account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Lots of each order.
    pub volume: f64,
    /// The most positions that may be open at once.
    pub positions: usize,
}

/// What an order does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Opens a position of so many lots.
    Open {
        /// Lots.
        volume: f64,
    },
    /// Closes the position of that ticket.
    Close {
        /// The gateway's number of the position.
        ticket: u64,
        /// Its lots.
        volume: f64,
    },
}

/// An order that risk has let pass. Nothing outside this file can make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved {
    side: Side,
    action: Action,
}

impl Approved {
    /// Which way it goes; a closing order goes against its position.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// What it does.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }
}

/// Why a signal was not let pass; the rule is the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, LabelValue, thiserror::Error)]
pub enum Refusal {
    /// As many positions are open as may be.
    #[error("as many positions are open as may be")]
    PositionLimit,
}

/// Turns a signal into the order it may have. A signal against an open position closes the oldest one, which
/// lowers risk and so always passes; any other opens one, within the limits.
///
/// # Errors
/// The rule that refuses it.
pub fn review(signal: &Signal, open: &[Position], limits: &Limits) -> Result<Approved, Refusal> {
    let side = signal.action;
    let against = open
        .iter()
        .filter(|position| position.side != side)
        .min_by_key(|position| position.ticket);
    if let Some(position) = against {
        return Ok(close(position));
    }
    if open.len() >= limits.positions {
        return Err(Refusal::PositionLimit);
    }
    Ok(Approved {
        side,
        action: Action::Open {
            volume: limits.volume,
        },
    })
}

/// The order that closes a position; it always passes.
#[must_use]
pub fn close(position: &Position) -> Approved {
    let action = Action::Close {
        ticket: position.ticket,
        volume: position.volume,
    };
    Approved {
        side: position.side.opposite(),
        action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        volume: 0.1,
        positions: 2,
    };

    fn position(ticket: u64, side: Side) -> Position {
        Position {
            ticket,
            symbol: "EURUSD".to_owned(),
            side,
            volume: 0.3,
            open_price: 1.2,
            current_price: 1.2,
            profit: 0.0,
        }
    }

    #[test]
    fn a_signal_opens_closes_the_oldest_or_is_refused() {
        use Side::{Buy, Sell};
        let open = Ok(Action::Open { volume: 0.1 });
        let close = |ticket| {
            Ok(Action::Close {
                ticket,
                volume: 0.3,
            })
        };
        for (action, held, expected) in [
            (Buy, vec![], open),
            (Buy, vec![position(1, Buy)], open),
            (
                Buy,
                vec![position(1, Buy), position(2, Buy)],
                Err(Refusal::PositionLimit),
            ),
            (Sell, vec![position(2, Buy), position(1, Buy)], close(1)),
            (Buy, vec![position(4, Sell)], close(4)),
            (Sell, vec![position(4, Sell)], open),
        ] {
            let order = review(
                &Signal {
                    action,
                    confidence: 0.9,
                },
                &held,
                &LIMITS,
            );
            assert_eq!(
                order.as_ref().map(Approved::action).map_err(|rule| *rule),
                expected,
                "{action:?} {held:?}"
            );
            assert!(order.is_err() || order.unwrap().side() == action);
        }
    }
}
