//! The one clock of the data path: tokio's, so that tests can pause it.

use std::{cell::Cell, time::Instant};

thread_local! {
    /// The time of the event that this thread is dealing with.
    static EVENT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time of the event under way: the clock is read once for each turn of a
/// connection, and whoever takes part in the turn sees that time. Outside of one,
/// the time as it is.
pub fn now() -> Instant {
    EVENT.get().unwrap_or_else(read)
}

/// The time as it is.
pub(crate) fn read() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Makes `at` the time of the event under way, until dropped.
pub(crate) struct Event;

impl Event {
    pub(crate) fn begin(at: Instant) -> Self {
        EVENT.set(Some(at));
        Self
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        EVENT.set(None);
    }
}
