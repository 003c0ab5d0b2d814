//! Jobs on time, and the health of a workspace beside a trading system.
//!
//! [`run::run`] is the whole program; a [`crew::Crew`] is all of it but the page, for another program to run. [`engine`]
//! runs jobs of any kind, and [`lab`] looks at MCP servers and git worktrees. A program that uses [`lab`] calls
//! [`guard::asked`] first thing in `main`.

pub mod cli;
pub mod config;
pub mod crew;
pub mod demo;
pub mod engine;
pub mod guard;
pub mod jobs;
pub mod lab;
pub mod log;
mod metrics;
pub mod once;
mod reload;
pub mod run;

/// The JSON body of `/health` while the program is ready; the predecessor's.
pub const HEALTHY: &str = r#"{"service":"thunes-metrics","status":"ok"}"#;

/// The families of this library, as patterns: a program that uses it only now and then leaves them out of its page.
pub const FAMILIES: [&str; 3] = ["job_*", "lab_*", "thunes_config_*"];
