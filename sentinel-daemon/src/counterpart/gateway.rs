//! A broker gateway that trades on paper: fills every sound order at the price it names, half a spread worse.
//!
//! Deliberately not here: a price feed of its own, execution of stop loss and take profit, swaps, commissions,
//! partial fills, forced closing. Money is right for symbols quoted in the account's currency.

mod account;
mod metrics;
mod reply;
mod request;
#[cfg(test)]
pub(crate) mod scratch;
mod server;
mod state_file;

use instrument_core::{counted, timed};
use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::gateway::protocol::unix_seconds;
use crate::gateway::signature::{OrderTerms, RiskKey};
use crate::state::HeldFile;
use account::{Account, Closed, Opened};
pub use account::{Rules, RulesError};
use metrics::{Answered, Asked};
use reply::{Code, Refusal};
use request::Request;
pub use server::{PaperServer, ServeError, serve};
pub use state_file::StateError;
use state_file::{Memory, StateFile};

/// How the paper gateway is set up.
#[derive(Debug)]
pub struct PaperConfig {
    /// What the broker charges and allows.
    pub rules: Rules,
    /// Money in a new account; a state file that exists has its own.
    pub balance: f64,
    /// The account's currency, ISO code.
    pub currency: String,
    /// Checks risk signatures; `None` lets every order through.
    pub risk_key: Option<RiskKey>,
    /// Where the account outlives the process; `None` forgets it.
    pub state_file: Option<HeldFile>,
}

impl Default for PaperConfig {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            balance: 10_000.0,
            currency: "USD".to_owned(),
            risk_key: None,
            state_file: None,
        }
    }
}

/// Why a paper gateway cannot be set up.
#[derive(Debug, Error)]
pub enum PaperError {
    /// A setting is out of its range.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The paper gateway without its socket: a request and the time go in, the reply comes out.
#[derive(Debug)]
pub struct PaperGateway {
    rules: Rules,
    currency: String,
    risk_key: Option<RiskKey>,
    file: Option<StateFile>,
    session: String,
    account: Account,
    memory: Memory,
}

impl PaperGateway {
    /// Sets up the gateway, with the account of its state file where there is one.
    ///
    /// # Errors
    /// [`PaperError`] for a setting out of range, and for a state file that cannot be read, is not this
    /// program's, or is new and cannot be written.
    pub fn new(config: PaperConfig) -> Result<Self, PaperError> {
        config.rules.check(config.balance)?;
        let file = config.state_file.map(StateFile::new);
        let kept = file.as_ref().map(StateFile::read).transpose()?.flatten();
        let new = kept.is_none();
        let (session, account, memory) = kept.unwrap_or_else(|| {
            let session = Uuid::new_v4().to_string();
            (session, Account::new(config.balance), Memory::default())
        });
        if config.risk_key.is_none() {
            tracing::warn!("paper gateway has no risk key: risk signatures are not verified");
        }
        let gateway = Self {
            rules: config.rules,
            currency: config.currency,
            risk_key: config.risk_key,
            file,
            session,
            account,
            memory,
        };
        if new {
            gateway.save(&gateway.account)?;
        }
        Ok(gateway)
    }

    /// Answers one request.
    pub fn handle(&mut self, request: &[u8], now: Timestamp) -> Vec<u8> {
        let (uuid, reply) = match Request::parse(request) {
            Ok(request) => (
                request.uuid().map(str::to_owned),
                self.answer(&request, now),
            ),
            Err((uuid, refusal)) => (uuid, refusal.reply("error", now)),
        };
        reply::addressed(reply, uuid.as_deref())
            .to_string()
            .into_bytes()
    }

    #[timed(metrics::DURATION, on = ok, labels(action = Asked::of(request.action())))]
    #[counted(metrics::REQUESTS, on = ok, labels(action = Asked::of(request.action()), status = Answered::of(ret)))]
    fn answer(&mut self, request: &Request, now: Timestamp) -> Value {
        let answer = match request.action() {
            "PING" => Ok(self.ping(request, now)),
            "OPEN" => {
                let answer = self.open(request, now);
                return answer.unwrap_or_else(|refusal| refusal.reply("REJECTED", now));
            }
            "CLOSE" => self.close(request, now),
            "GET_ORDER" => self.first_reply(request),
            "GET_ACCOUNT" => Ok(self.money(now)),
            "GET_POSITIONS" => self.positions(request, now),
            "SYNC_ALL" => Ok(self.everything()),
            _ => Err(Refusal::new(
                Code::UnknownAction,
                "accepted: PING, OPEN, CLOSE, GET_ORDER, GET_ACCOUNT, GET_POSITIONS, SYNC_ALL",
            )),
        };
        answer.unwrap_or_else(|refusal| refusal.reply("error", now))
    }

    fn open(&mut self, request: &Request, now: Timestamp) -> Result<Value, Refusal> {
        let uuid = request.order_name()?;
        if let Some(first) = self.memory.get(uuid) {
            return Ok(first.clone());
        }
        // What fails here is wrong with the message, not with the order, and is not kept in mind.
        let terms = self.vouched_terms(request, now)?;
        let mut next = self.account.clone();
        match next.open(&terms, &self.rules) {
            Ok(opened) => self.commit(uuid, next, opened_reply(request, &terms, &opened, now)),
            Err(refusal) => self.commit(uuid, self.account.clone(), refusal.reply("REJECTED", now)),
        }
    }

    fn close(&mut self, request: &Request, now: Timestamp) -> Result<Value, Refusal> {
        let uuid = request.order_name()?;
        if let Some(first) = self.memory.get(uuid) {
            return Ok(first.clone());
        }
        let (ticket, reference) = request.close_terms()?;
        let mut next = self.account.clone();
        match next.close(ticket, reference, &self.rules) {
            Ok(closed) => self.commit(uuid, next, closed_reply(request, &closed, now)),
            Err(refusal) => self.commit(uuid, self.account.clone(), refusal.reply("error", now)),
        }
    }

    fn vouched_terms(&self, request: &Request, now: Timestamp) -> Result<OrderTerms, Refusal> {
        let terms = request.open_terms()?;
        if let Some(key) = &self.risk_key {
            key.verify(
                &terms,
                request.text("risk_signature").unwrap_or_default(),
                now,
            )
            .map_err(|error| Refusal::new(Code::RiskSignatureInvalid, error.to_string()))?;
        }
        Ok(terms)
    }

    /// Makes a decision final: on disk first, then here. If the disk refuses, nothing has happened.
    fn commit(&mut self, uuid: &str, next: Account, reply: Value) -> Result<Value, Refusal> {
        self.memory.add(uuid, reply.clone());
        if let Err(error) = self.save(&next) {
            self.memory.take_back();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "order refused: its outcome cannot be kept"
            );
            return Err(Refusal::new(
                Code::ServerError,
                "the outcome could not be stored",
            ));
        }
        self.memory.trim();
        self.account = next;
        Ok(reply)
    }

    fn save(&self, account: &Account) -> Result<(), StateError> {
        match &self.file {
            Some(file) => file.write(&self.session, account, &self.memory),
            None => Ok(()),
        }
    }

    fn ping(&self, request: &Request, now: Timestamp) -> Value {
        json!({
            "status": "ok",
            "server_time": unix_seconds(now),
            "latency_ms": request.latency_ms(now),
            "gateway_session": self.session,
        })
    }

    fn first_reply(&self, request: &Request) -> Result<Value, Refusal> {
        let asked = request.text("order_uuid").ok_or_else(|| {
            Refusal::new(
                Code::MissingUuid,
                "field `order_uuid` must be the order's uuid",
            )
        })?;
        let mut first = match self.memory.get(asked) {
            Some(first) => first.clone(),
            None => json!({"status": "NOT_FOUND"}),
        };
        first["order_uuid"] = json!(asked);
        Ok(first)
    }

    fn money(&self, now: Timestamp) -> Value {
        let money = self.account.money(&self.rules);
        json!({
            "status": "ok",
            "balance": money.balance,
            "equity": money.equity,
            "margin": money.margin,
            "free_margin": money.free(),
            "margin_level": money.level(),
            "currency": self.currency,
            "timestamp": unix_seconds(now),
        })
    }

    fn positions(&self, request: &Request, now: Timestamp) -> Result<Value, Refusal> {
        let symbol = request.symbol_wanted()?;
        let mut positions = self.account.positions(&self.rules);
        positions.retain(|position| symbol.is_none_or(|symbol| position.symbol == symbol));
        Ok(json!({
            "status": "ok",
            "positions": positions,
            "timestamp": unix_seconds(now),
        }))
    }

    fn everything(&self) -> Value {
        let money = self.account.money(&self.rules);
        let positions = self.account.positions(&self.rules);
        json!({
            "status": "OK",
            "account": {
                "balance": money.balance,
                "equity": money.equity,
                "margin_free": money.free(),
                "margin_used": money.margin,
                "margin_level": money.level(),
                "leverage": self.rules.leverage,
            },
            "message": format!("{} open positions", positions.len()),
            "positions": positions,
        })
    }
}

fn opened_reply(request: &Request, terms: &OrderTerms, opened: &Opened, now: Timestamp) -> Value {
    json!({
        "status": "FILLED",
        "ticket": opened.ticket,
        "symbol": terms.symbol,
        "volume": terms.volume,
        "price": opened.price,
        "retcode": reply::DONE,
        "execution_time": unix_seconds(now),
        "latency_ms": request.latency_ms(now),
    })
}

fn closed_reply(request: &Request, closed: &Closed, now: Timestamp) -> Value {
    json!({
        "status": "FILLED",
        "ticket": closed.ticket,
        "volume": closed.volume,
        "close_price": closed.price,
        "profit": closed.profit,
        "retcode": reply::DONE,
        "execution_time": unix_seconds(now),
        "latency_ms": request.latency_ms(now),
    })
}

#[cfg(test)]
mod tests;
