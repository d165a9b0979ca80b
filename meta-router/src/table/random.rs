//! The random numbers that weights are drawn with.

use std::cell::RefCell;

use rand::{Rng, rngs::SmallRng};

thread_local! {
    // Which cluster a request goes to must come out even, not unpredictable: a
    // xoshiro of each thread's own is cheaper than ChaCha, and cores share nothing.
    static GENERATOR: RefCell<SmallRng> = RefCell::new(rand::make_rng());
}

/// A number out of all of `u64`, each as likely as the other.
pub(crate) fn next_u64() -> u64 {
    GENERATOR.with_borrow_mut(|generator| generator.next_u64())
}
