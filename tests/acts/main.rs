//! Everything that must hold of the programs, seen from outside.

mod catalogue;
mod command_line;
mod counterparts;
mod endpoint_faults;
mod exposition;
mod metrics;
mod order_faults;
mod paper;
mod scheduler;
mod service_faults;
mod shutdown;
mod wall_clock;
