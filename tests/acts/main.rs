//! Everything that must hold of the programs, seen from outside.

mod command_line;
mod counterparts;
mod exposition;
mod paper;
mod scheduler;
mod shutdown;
