//! How a cycle ended, in the words of the log.

use std::fmt;

use super::{Decision, Verdict};
use crate::gateway::protocol::Fill;
use crate::market;
use crate::risk::Action;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(reason) => write!(f, "skipped: {reason}"),
            Self::Stopped => write!(f, "cut short by shutdown"),
            Self::Judged {
                bar,
                price,
                probabilities,
                decision,
            } => {
                let (end, class) = (
                    market::display(bar.time + market::BAR),
                    probabilities.likeliest(),
                );
                write!(
                    f,
                    "bar closed {end} UTC, price {price:.5}: the model says {class} {:.3}",
                    probabilities.confidence()
                )?;
                write!(f, ", {decision}")
            }
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => write!(f, "no trade"),
            Self::Refused(signal, rule) => write!(f, "{} refused: {rule}", signal.action),
            Self::Dry(signal) => write!(f, "{} not sent: dry run", signal.action),
            Self::Filled(signal, action, fill) => {
                let verb = match action {
                    Action::Open { .. } => "opened",
                    Action::Close { .. } => "closed",
                };
                let (
                    side,
                    Fill {
                        ticket,
                        volume,
                        price,
                        profit,
                    },
                ) = (signal.action, fill);
                write!(
                    f,
                    "{side} filled: {verb} {volume} lots at {price:.5}, ticket {ticket}"
                )?;
                profit.map_or(Ok(()), |profit| write!(f, ", profit {profit:+.2}"))
            }
        }
    }
}
