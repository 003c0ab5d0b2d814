//! The wall clock as the engine reads it, so that tests can step it.

use jiff::Timestamp;

/// A clock that may step back and ahead.
pub trait WallClock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
