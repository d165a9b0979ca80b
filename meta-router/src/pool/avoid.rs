//! Endpoints that are better left alone for a while.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long after a server said that it drains.
const AFTER_DRAIN: Duration = Duration::from_secs(10);
/// How long after the first failure to connect; twice as long after each further.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// At most so many times twice.
const MAX_DOUBLINGS: u32 = 5;

/// Until when an endpoint gets no requests while another can take them.
pub(super) struct Avoid {
    began: Instant,
    /// In milliseconds since then; 0 for not at all.
    until: AtomicU64,
    /// Connects that failed in a row.
    failures: AtomicU32,
}

impl Avoid {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            until: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        }
    }

    pub(super) fn is_on(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until > 0 && self.since_began(now) < until
    }

    /// The server wants no new requests.
    pub(super) fn drains(&self, now: Instant) {
        self.set(now, AFTER_DRAIN);
    }

    /// No connection could be made.
    pub(super) fn failed(&self, now: Instant) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        self.set(now, AFTER_FAILURE * 2u32.pow(failures.min(MAX_DOUBLINGS)));
    }

    /// A connection has been made.
    pub(super) fn connected(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.until.store(0, Ordering::Relaxed);
    }

    fn set(&self, now: Instant, time: Duration) {
        let until = self.since_began(now) + time.as_millis() as u64;
        self.until.store(until, Ordering::Relaxed);
    }

    fn since_began(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_double_the_time() {
        let mut now = Instant::now();
        let avoid = Avoid::new(now);
        assert!(!avoid.is_on(now));
        for seconds in [1, 2, 4, 8, 16, 32, 32] {
            avoid.failed(now);
            let last = now + Duration::from_millis(seconds * 1000 - 1);
            assert!(avoid.is_on(last), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(!avoid.is_on(now), "{seconds}");
        }
        avoid.drains(now);
        assert!(avoid.is_on(now + Duration::from_secs(9)));
        avoid.connected();
        assert!(!avoid.is_on(now));
        avoid.failed(now);
        assert!(!avoid.is_on(now + Duration::from_secs(1)));
    }
}
