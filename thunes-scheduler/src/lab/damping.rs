//! Flap damping: a server is shown as down after so many failures in a row, and as up after so many successes.

use super::verdict::State;

/// What is shown of a server that may flap.
#[derive(Debug)]
pub(super) struct Damper {
    failures: u32,
    successes: u32,
    shown: Option<State>,
    /// How many checks in a row came to another state than is shown.
    against: u32,
}

impl Damper {
    pub(super) const fn new(failures: u32, successes: u32) -> Self {
        Self {
            failures,
            successes,
            shown: None,
            against: 0,
        }
    }

    /// Takes the state that a check came to, and tells the one to be shown.
    pub(super) fn take(&mut self, raw: State) -> State {
        let needed = match (self.shown, raw) {
            (Some(State::Up), State::Down) => self.failures,
            (Some(State::Down), State::Up) => self.successes,
            // Not configured and starting are facts, not flaps.
            _ => 1,
        };
        self.against = if self.shown == Some(raw) {
            0
        } else {
            self.against + 1
        };
        if self.against >= needed {
            (self.shown, self.against) = (Some(raw), 0);
        }
        self.shown.unwrap_or(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Down, NotConfigured, Up};
    use super::*;

    #[test]
    fn a_state_is_shown_once_it_came_often_enough_in_a_row() {
        let mut damper = Damper::new(3, 2);
        let raw = [
            Up,
            Down,
            Down,
            Up,
            Down,
            Down,
            Down,
            Up,
            Down,
            Up,
            Up,
            NotConfigured,
            Down,
        ];
        let shown = raw.map(|raw| damper.take(raw));
        assert_eq!(
            shown,
            [
                Up,
                Up,
                Up,
                Up,
                Up,
                Up,
                Down,
                Down,
                Down,
                Down,
                Up,
                NotConfigured,
                Down
            ]
        );
    }
}
