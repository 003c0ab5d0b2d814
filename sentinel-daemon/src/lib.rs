//! A trading loop over hourly bars: fetch, features, predict, signal, risk, send.

pub mod bar;
pub mod counterpart;
pub mod features;
pub mod gateway;
pub mod history;
pub mod model;
