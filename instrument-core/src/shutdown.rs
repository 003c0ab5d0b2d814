//! SIGINT and SIGTERM, for programs that end in order.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// The two signals that ask a program to end.
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over from their default action. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system refused the handler.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one; returns its name and the exit code of a program that it ends at once.
    pub async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}
