//! The way to the broker: asks for orders, positions and the account, and believes only explicit answers.
//!
//! One request is under way at a time, on a thread of its own (`gateway/socket.rs`). Nothing is tried again
//! here: whether an order of unknown outcome is asked after or sent again is the caller's decision.

pub mod protocol;
mod reply;
pub mod signature;
mod socket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

use crate::metrics;
use protocol::{
    AccountReport, Action, CloseOrder, Fill, OpenOrder, OrderState, Pong, Position, Refusal, encode,
};
use reply::Reply;
pub use reply::{ReplyProblem, ReplyStatus};
use socket::Line;

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From asking until the request has left for a connected gateway, waiting behind other requests included.
    pub send: Duration,
    /// From then until its reply is here.
    pub receive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            send: Duration::from_secs(5),
            receive: Duration::from_secs(5),
        }
    }
}

/// Why there is no answer, or not the one asked for.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The request was handed over and no reply came in time: an order may or may not have been filled.
    #[error("the gateway did not reply in time; the outcome is unknown")]
    Timeout,
    /// The request could not be handed over in time, so nothing happened.
    #[error("the gateway could not be reached in time; nothing was sent")]
    Send,
    /// The socket broke, or the endpoint is none.
    #[error("gateway socket")]
    Socket(#[source] zmq::Error),
    /// The reply makes no sense: the outcome is as unknown as without one.
    #[error("reply of the gateway is unusable: {excerpt:?}")]
    BadReply {
        /// What is wrong with it.
        #[source]
        problem: ReplyProblem,
        /// Its beginning, at most 120 characters.
        excerpt: String,
    },
    /// The gateway said no.
    #[error("the gateway refused ({}, {}): {}", .0.status, .0.code, .0.message)]
    Refused(Refusal),
    /// The client was stopped; a request that was under way has an unknown outcome.
    #[error("the gateway client has stopped")]
    Stopped,
    /// The system gave no thread for the socket.
    #[error("no thread for the gateway socket")]
    Thread(#[source] io::Error),
}

/// A client of one broker gateway; clones share its connection.
///
/// The connection ends with [`Gateway::stop`], or when the last clone is dropped, which never waits.
#[derive(Debug, Clone)]
pub struct Gateway {
    line: Arc<Line>,
}

impl Gateway {
    /// Starts a client. It does not wait for the gateway: whether that is there shows with the first request.
    ///
    /// # Errors
    /// [`GatewayError::Socket`] for an endpoint that is none, [`GatewayError::Thread`] without a thread.
    pub fn connect(endpoint: &str, timeouts: Timeouts) -> Result<Self, GatewayError> {
        let line = Arc::new(Line::open(endpoint, timeouts)?);
        Ok(Self { line })
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// Every [`GatewayError`].
    pub async fn ping(&self) -> Result<Pong, GatewayError> {
        let uuid = Uuid::new_v4();
        let reply = self.exchange(uuid, Action::Ping).await?;
        Reply::parse(&reply, uuid)?.pong()
    }

    /// Opens a position.
    ///
    /// # Errors
    /// Every [`GatewayError`]. After anything but `Send` and `Refused` the order may have been filled: ask
    /// [`Gateway::order`].
    pub async fn open(&self, order: &OpenOrder) -> Result<Fill, GatewayError> {
        let reply = self.ask(order.uuid, Action::open(order)).await?;
        reply.opened(order)
    }

    /// Closes a position.
    ///
    /// # Errors
    /// As for [`Gateway::open`].
    pub async fn close(&self, order: &CloseOrder) -> Result<Fill, GatewayError> {
        let reply = self.ask(order.uuid, Action::close(order)).await?;
        reply.closed(order)
    }

    /// Asks what became of the order of so many `lots` that was sent under `uuid`.
    ///
    /// # Errors
    /// Every [`GatewayError`]; `Refused` means that the question was, which says nothing about the order.
    pub async fn order(&self, uuid: Uuid, lots: f64) -> Result<OrderState, GatewayError> {
        let order_uuid = uuid.to_string();
        let action = Action::GetOrder { order_uuid };
        self.ask(Uuid::new_v4(), action).await?.order(uuid, lots)
    }

    /// Lists the open positions, of one symbol or of all.
    ///
    /// # Errors
    /// Every [`GatewayError`].
    pub async fn positions(&self, symbol: Option<&str>) -> Result<Vec<Position>, GatewayError> {
        let action = Action::GetPositions { symbol };
        let mut held = self.ask(Uuid::new_v4(), action).await?.positions()?;
        // A gateway need not know how to choose.
        held.retain(|position| symbol.is_none_or(|symbol| position.symbol == symbol));
        Ok(held)
    }

    /// Asks for the state of the account.
    ///
    /// # Errors
    /// Every [`GatewayError`].
    pub async fn account(&self) -> Result<AccountReport, GatewayError> {
        let reply = self.ask(Uuid::new_v4(), Action::GetAccount).await?;
        reply.account()
    }

    /// Ends the connection for all clones and waits for its thread: a fraction of a second, unless a host name is
    /// being looked up just then.
    ///
    /// Requests that wait or are under way end with [`GatewayError::Stopped`].
    pub async fn stop(&self) {
        self.line.close().await;
    }

    /// Asks, and counts what is said. A ping is not counted, as its number follows from the time and not from trading.
    async fn ask(&self, uuid: Uuid, action: Action<'_>) -> Result<Reply, GatewayError> {
        let reply = Reply::parse(&self.exchange(uuid, action).await?, uuid);
        metrics::GATEWAY_REPLIES.inc(ReplyStatus::of(&reply));
        reply
    }

    async fn exchange(&self, uuid: Uuid, action: Action<'_>) -> Result<Vec<u8>, GatewayError> {
        let request = encode(uuid, action, Timestamp::now());
        self.line.exchange(uuid, request).await
    }
}

#[cfg(test)]
mod tests;
