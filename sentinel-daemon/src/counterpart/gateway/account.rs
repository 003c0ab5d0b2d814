//! The paper account: hedged positions by ticket, and the money they gain and bind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::reply::{Code, INVALID_PRICE, INVALID_STOPS, NO_MONEY, Refusal};
use crate::bar::Side;
use crate::gateway::protocol::Position;
use crate::gateway::signature::OrderTerms;

/// How far a volume may lie off its step, in steps: room for the rounding of decimal fractions only.
const STEP_SLACK: f64 = 1e-6;

/// What the broker charges and allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Ask minus bid, in price units.
    pub spread: f64,
    /// How many times its margin a position may be worth.
    pub leverage: f64,
    /// Units of the base currency in a lot.
    pub contract_size: f64,
    /// Smallest order, in lots.
    pub min_volume: f64,
    /// Largest order, in lots.
    pub max_volume: f64,
    /// Volumes are multiples of this many lots.
    pub volume_step: f64,
}

impl Default for Rules {
    /// EUR/USD at a retail broker in the EU: a spread of one pip and a leverage of 30.
    fn default() -> Self {
        Self {
            spread: 0.0001,
            leverage: 30.0,
            contract_size: 100_000.0,
            min_volume: 0.01,
            max_volume: 100.0,
            volume_step: 0.01,
        }
    }
}

/// A setting that makes no account.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("paper gateway setting `{setting}` is {value}; accepted is {accepted}")]
pub struct RulesError {
    /// The setting.
    pub setting: &'static str,
    /// What it was set to.
    pub value: f64,
    /// What it may be.
    pub accepted: &'static str,
}

impl Rules {
    pub(super) fn check(&self, balance: f64) -> Result<(), RulesError> {
        if !(self.spread.is_finite() && self.spread >= 0.0) {
            return Err(RulesError {
                setting: "spread",
                value: self.spread,
                accepted: "a number from 0",
            });
        }
        for (setting, value) in [
            ("balance", balance),
            ("leverage", self.leverage),
            ("contract_size", self.contract_size),
            ("min_volume", self.min_volume),
            ("max_volume", self.max_volume),
            ("volume_step", self.volume_step),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return Err(RulesError {
                    setting,
                    value,
                    accepted: "a number above 0",
                });
            }
        }
        if self.max_volume < self.min_volume {
            return Err(RulesError {
                setting: "max_volume",
                value: self.max_volume,
                accepted: "a number from min_volume",
            });
        }
        Ok(())
    }

    /// The price at which one buys (ask) or sells (bid) when the middle is `price`.
    fn deal_price(&self, side: Side, price: f64) -> f64 {
        match side {
            Side::Buy => price + self.spread / 2.0,
            Side::Sell => price - self.spread / 2.0,
        }
    }

    fn check_volume(&self, volume: f64) -> Result<(), Refusal> {
        let steps = volume / self.volume_step;
        let on_step = (steps - steps.round()).abs() <= STEP_SLACK;
        let slack = self.volume_step * STEP_SLACK;
        let in_range = self.min_volume - slack <= volume && volume <= self.max_volume + slack;
        if on_step && in_range {
            return Ok(());
        }
        let accepted = format!(
            "volume must lie from {} to {} lots in steps of {}",
            self.min_volume, self.max_volume, self.volume_step
        );
        Err(Refusal::new(Code::InvalidVolume, accepted))
    }
}

/// What the account holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    balance: f64,
    next_ticket: u64,
    positions: BTreeMap<u64, Holding>,
    /// The middle price last dealt at, by symbol.
    prices: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    symbol: String,
    side: Side,
    volume: f64,
    open_price: f64,
}

/// A position just opened.
pub(super) struct Opened {
    pub(super) ticket: u64,
    pub(super) price: f64,
}

/// A position just closed.
pub(super) struct Closed {
    pub(super) ticket: u64,
    pub(super) volume: f64,
    pub(super) price: f64,
    pub(super) profit: f64,
}

/// The account in sums.
pub(super) struct Money {
    pub(super) balance: f64,
    pub(super) equity: f64,
    pub(super) margin: f64,
}

impl Money {
    pub(super) fn free(&self) -> f64 {
        self.equity - self.margin
    }

    /// Equity in percent of margin; 0 without margin, as in `MetaTrader`.
    pub(super) fn level(&self) -> f64 {
        if self.margin > 0.0 {
            self.equity / self.margin * 100.0
        } else {
            0.0
        }
    }

    fn is_sound(&self) -> bool {
        self.equity.is_finite() && self.margin.is_finite()
    }
}

impl Account {
    pub(super) fn new(balance: f64) -> Self {
        Self {
            balance,
            next_ticket: 1,
            positions: BTreeMap::new(),
            prices: BTreeMap::new(),
        }
    }

    /// Whether an account that was read back can be one: each ticket was given out, every position has its price.
    pub(super) fn is_sound(&self) -> bool {
        let known = |(ticket, holding): (&u64, &Holding)| {
            *ticket < self.next_ticket && self.prices.contains_key(&holding.symbol)
        };
        self.next_ticket > 0 && self.positions.iter().all(known)
    }

    /// Opens a position. What fails leaves an account that must not be kept.
    pub(super) fn open(&mut self, terms: &OrderTerms, rules: &Rules) -> Result<Opened, Refusal> {
        rules.check_volume(terms.volume)?;
        check_stops(terms)?;
        let price = rules.deal_price(terms.side, terms.price);
        check_price(Code::OrderFailed, price)?;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.prices.insert(terms.symbol.clone(), terms.price);
        let holding = Holding {
            symbol: terms.symbol.clone(),
            side: terms.side,
            volume: terms.volume,
            open_price: price,
        };
        self.positions.insert(ticket, holding);
        let money = self.money(rules);
        // Judged with the position in place, so that its own spread counts.
        if money.is_sound() && money.free() >= 0.0 {
            return Ok(Opened { ticket, price });
        }
        let short = format!("free margin would be {:.2}", money.free());
        Err(Refusal::with(Code::OrderFailed, NO_MONEY, short))
    }

    /// Closes a position, at any state of the money. What fails leaves an account that must not be kept.
    pub(super) fn close(
        &mut self,
        ticket: u64,
        reference: Option<f64>,
        rules: &Rules,
    ) -> Result<Closed, Refusal> {
        let holding = self.positions.remove(&ticket).ok_or_else(|| {
            Refusal::new(
                Code::CloseFailed,
                format!("no open position has ticket {ticket}"),
            )
        })?;
        if let Some(price) = reference {
            self.prices.insert(holding.symbol.clone(), price);
        }
        let price = self.way_out(&holding, rules);
        check_price(Code::CloseFailed, price)?;
        let profit = holding.gain(price, rules);
        self.balance += profit;
        if !self.money(rules).is_sound() {
            return Err(bad_price(Code::CloseFailed, price));
        }
        Ok(Closed {
            ticket,
            volume: holding.volume,
            price,
            profit,
        })
    }

    pub(super) fn money(&self, rules: &Rules) -> Money {
        let positions = self.positions(rules);
        let gain: f64 = positions.iter().map(|position| position.profit).sum();
        let held = self.positions.values();
        Money {
            balance: self.balance,
            equity: self.balance + gain,
            margin: held.map(|holding| holding.margin(rules)).sum(),
        }
    }

    /// The open positions by ticket.
    pub(super) fn positions(&self, rules: &Rules) -> Vec<Position> {
        let position = |(ticket, holding): (&u64, &Holding)| {
            let current_price = self.way_out(holding, rules);
            Position {
                ticket: *ticket,
                symbol: holding.symbol.clone(),
                side: holding.side,
                volume: holding.volume,
                open_price: holding.open_price,
                current_price,
                profit: holding.gain(current_price, rules),
            }
        };
        self.positions.iter().map(position).collect()
    }

    /// The price at which a position would be closed: the other side of the last price.
    fn way_out(&self, holding: &Holding, rules: &Rules) -> f64 {
        let price = self.prices.get(&holding.symbol);
        let price = *price.expect("opening a position notes its symbol's price");
        match holding.side {
            Side::Buy => rules.deal_price(Side::Sell, price),
            Side::Sell => rules.deal_price(Side::Buy, price),
        }
    }
}

impl Holding {
    fn gain(&self, close_price: f64, rules: &Rules) -> f64 {
        let move_up = close_price - self.open_price;
        let move_our_way = match self.side {
            Side::Buy => move_up,
            Side::Sell => -move_up,
        };
        move_our_way * self.volume * rules.contract_size
    }

    fn margin(&self, rules: &Rules) -> f64 {
        self.volume * rules.contract_size * self.open_price / rules.leverage
    }
}

fn check_price(code: Code, price: f64) -> Result<(), Refusal> {
    if price.is_finite() && price > 0.0 {
        Ok(())
    } else {
        Err(bad_price(code, price))
    }
}

fn bad_price(code: Code, price: f64) -> Refusal {
    Refusal::with(
        code,
        INVALID_PRICE,
        format!("no deal is possible at {price}"),
    )
}

/// Stops must lie on their own side of the price, or the order would be stopped as soon as it is filled.
fn check_stops(terms: &OrderTerms) -> Result<(), Refusal> {
    let (below, above) = match terms.side {
        Side::Buy => (terms.stop_loss, terms.take_profit),
        Side::Sell => (terms.take_profit, terms.stop_loss),
    };
    // 0 stands for none, and is below any price anyway.
    if below < terms.price && (above == 0.0 || above > terms.price) {
        return Ok(());
    }
    Err(Refusal::with(
        Code::OrderFailed,
        INVALID_STOPS,
        "sl and tp must lie on either side of the price: sl below it for BUY, above it for SELL",
    ))
}
