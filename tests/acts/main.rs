//! Everything that must hold of the programs, seen from outside.

mod catalogue;
mod command_line;
mod counterparts;
mod endpoint_faults;
mod exposition;
mod golden_day;
mod lab_campaign;
mod lab_in_daemon;
mod metrics;
mod moves;
mod order_faults;
mod order_replies;
mod paper;
mod real_counterparts;
mod scheduler;
mod service_faults;
mod shutdown;
mod wall_clock;
