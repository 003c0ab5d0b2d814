//! The draw behind `sample = 1/N`: random, so that it cannot keep step with anything that repeats. Hot.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8) | 1);
}

/// Whether one call in `n` is this one. Marsaglia's xorshift64, one word of state for each thread; a thread that is
/// ending draws nothing.
pub(crate) fn draw(n: u32) -> bool {
    let next = STATE.try_with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x
    });
    next.is_ok_and(|x| ((x >> 32) * u64::from(n)) >> 32 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_n_is_drawn() {
        let drawn = (0..64_000).filter(|_| draw(64)).count();
        // 1,000 expected, with a standard deviation of 31: ten of them is never.
        assert!((690..1310).contains(&drawn), "{drawn}");
        assert!((0..100).all(|_| draw(1)));
    }
}
