//! The order desk: takes approved orders only, sends them over `ZeroMQ`, and believes only explicit fills.

use instrument_core::{Heartbeat, counted, timed};
use uuid::Uuid;

use crate::gateway::protocol::{CloseOrder, Fill, OpenOrder, Position};
use crate::gateway::signature::{OrderTerms, RiskKey};
use crate::gateway::{Gateway, GatewayError};
use crate::metrics;
use crate::risk::{Action, Approved};

/// What is written on each order, for those who read the account.
const COMMENT: &str = "sentinel";

/// Sends the orders of one symbol to one gateway.
#[derive(Debug, Clone)]
pub struct Desk {
    gateway: Gateway,
    key: Option<RiskKey>,
    symbol: String,
}

impl Desk {
    /// A desk that signs its orders with `key`, if there is one.
    #[must_use]
    pub const fn new(gateway: Gateway, key: Option<RiskKey>, symbol: String) -> Self {
        Self {
            gateway,
            key,
            symbol,
        }
    }

    /// The open positions of the symbol. The gateway knows; nothing is remembered here that could differ.
    ///
    /// # Errors
    /// Any [`GatewayError`].
    #[counted(metrics::ZMQ_SEND_FAILURES, on = error)]
    pub async fn positions(&self) -> Result<Vec<Position>, GatewayError> {
        self.gateway.positions(Some(&self.symbol)).await
    }

    /// Carries out the order of a signal at about `price`.
    ///
    /// # Errors
    /// Any [`GatewayError`]; after `Timeout` the order may or may not have been filled.
    #[counted(metrics::SIGNALS_EXECUTED, on = ok, labels(action = order.side()))]
    pub async fn execute(&self, order: &Approved, price: f64) -> Result<Fill, GatewayError> {
        self.send(order, price).await
    }

    /// Sends an order that no signal asked for, such as one that ends a replay.
    ///
    /// # Errors
    /// As [`Desk::execute`].
    #[timed(metrics::ZMQ_SEND, on = ok)]
    #[counted(metrics::ZMQ_SEND_FAILURES, on = error)]
    #[counted(metrics::ZMQ_SEND_FAILURES, on = cancelled)]
    pub async fn send(&self, order: &Approved, price: f64) -> Result<Fill, GatewayError> {
        let uuid = Uuid::new_v4();
        match order.action() {
            Action::Open { volume } => {
                let terms = OrderTerms {
                    price,
                    stop_loss: 0.0,
                    symbol: self.symbol.clone(),
                    take_profit: 0.0,
                    side: order.side(),
                    volume,
                };
                let now = jiff::Timestamp::now();
                let risk_signature = self.key.as_ref().map(|key| key.sign(&terms, now));
                let order = OpenOrder {
                    uuid,
                    terms,
                    comment: COMMENT.to_owned(),
                    risk_signature,
                };
                self.gateway.open(&order).await
            }
            Action::Close { ticket, volume } => {
                self.gateway
                    .close(&CloseOrder {
                        uuid,
                        ticket,
                        volume,
                        price: Some(price),
                    })
                    .await
            }
        }
    }

    /// Balance and open profit of the account, in its currency.
    ///
    /// # Errors
    /// Any [`GatewayError`].
    pub async fn equity(&self) -> Result<f64, GatewayError> {
        Ok(self.gateway.account().await?.equity)
    }

    /// Asks the gateway for a sign of life, and passes it on as `heartbeat`.
    pub async fn check(&self, heartbeat: &Heartbeat) {
        match self.ping().await {
            Ok(()) => {
                metrics::GATEWAY_UP.set(1.0);
                heartbeat.beat();
            }
            Err(error) => {
                metrics::GATEWAY_UP.set(0.0);
                tracing::warn!(%error, "the gateway does not answer pings");
            }
        }
    }

    #[counted(metrics::GATEWAY_PING_FAILURES, on = error)]
    async fn ping(&self) -> Result<(), GatewayError> {
        self.gateway.ping().await.map(|_| ())
    }

    /// Ends the connection.
    pub async fn stop(&self) {
        self.gateway.stop().await;
    }
}
