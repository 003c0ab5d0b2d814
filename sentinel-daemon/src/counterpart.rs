//! The three parties a trading loop talks to, as small servers of our own: prices, model, gateway.

pub mod gateway;
pub mod model;
pub mod prices;
