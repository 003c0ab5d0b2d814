//! A trading loop over hourly bars: fetch, features, predict, signal, risk, send.
//!
//! | room | what it does |
//! | --- | --- |
//! | `cli`, `config` | what was typed, and what it comes to |
//! | `run`, `banner` | starts and ends everything, the seam that programs and tests use; what a person is told |
//! | `schedule`, `market` | when a cycle starts, and what time the market has |
//! | `cycle` | one cycle, from bars to a fill, readable from top to bottom |
//! | `vendor`, `prediction`, `http` | the clients of the two HTTP services |
//! | `features`, `signal`, `risk` | pure: bars to features, probabilities to a signal, a signal to an approved order |
//! | `desk`, `gateway` | sends approved orders, and nothing else, over `ZeroMQ`; settles those without an answer |
//! | `regime`, `score` | what the page tells beside the numbers: what the market is like, how well the loop is |
//! | `state` | the folder where state outlives the process |
//! | `model`, `history` | the shipped model and the bars it was trained on |
//! | `counterpart` | the three parties it talks to, as small servers of our own |
//! | `metrics` | every declared metric |

mod banner;
pub mod bar;
pub mod cli;
pub mod config;
pub mod counterpart;
pub mod cycle;
pub mod desk;
mod embedded;
pub mod features;
pub mod gateway;
pub mod history;
pub mod http;
pub mod market;
pub mod metrics;
pub mod model;
pub mod prediction;
pub mod regime;
pub mod risk;
pub mod run;
pub mod schedule;
pub mod score;
pub mod signal;
pub mod state;
pub mod vendor;
