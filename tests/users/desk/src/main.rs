//! The README's program.

#![deny(warnings, unused, clippy::all, clippy::pedantic)]
#![allow(clippy::print_stdout, reason = "a reader wants to see it")]

include!(concat!(env!("OUT_DIR"), "/main.rs"));
