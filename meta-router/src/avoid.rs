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

/// What is known against an endpoint; the better ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Good,
    /// Its server has asked for no new requests.
    Drains,
    /// No connection could be made lately.
    Fails,
}

/// Until when an endpoint gets no requests while a better one can take them. What
/// one worker hears of a server holds for all.
#[derive(Debug)]
pub(crate) struct Avoid {
    began: Instant,
    /// In milliseconds since then; 0 for not at all.
    drains_until: AtomicU64,
    fails_until: AtomicU64,
    /// Failures in a row, those counted once that came together.
    failures: AtomicU32,
}

impl Avoid {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            drains_until: AtomicU64::new(0),
            fails_until: AtomicU64::new(0),
            failures: AtomicU32::new(0),
        }
    }

    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let fails_until = self.fails_until.load(Ordering::Relaxed);
        let drains_until = self.drains_until.load(Ordering::Relaxed);
        if fails_until == 0 && drains_until == 0 {
            return Standing::Good;
        }
        match self.since_began(now) {
            at if at < fails_until => Standing::Fails,
            at if at < drains_until => Standing::Drains,
            _ => Standing::Good,
        }
    }

    /// The server wants no new requests, or welcomes them again.
    pub(crate) fn drains(&self, drains: bool, now: Instant) {
        let until = match drains {
            true => self.after(now, AFTER_DRAIN),
            false => 0,
        };
        self.drains_until.store(until, Ordering::Relaxed);
    }

    /// No connection could be made.
    pub(crate) fn failed(&self, now: Instant) {
        if self.standing(now) == Standing::Fails {
            return;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        let time = AFTER_FAILURE * 2u32.pow(failures.min(MAX_DOUBLINGS));
        let until = self.after(now, time);
        self.fails_until.store(until, Ordering::Relaxed);
    }

    /// A connection has been made.
    pub(crate) fn connected(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.fails_until.store(0, Ordering::Relaxed);
    }

    /// Nothing is held against it any more.
    pub(crate) fn forget(&self) {
        self.connected();
        self.drains_until.store(0, Ordering::Relaxed);
    }

    fn after(&self, now: Instant, time: Duration) -> u64 {
        self.since_began(now) + time.as_millis() as u64
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
        assert_eq!(avoid.standing(now), Standing::Good);
        for seconds in [1, 2, 4, 8, 16, 32, 32] {
            // Those that fail together count as one.
            avoid.failed(now);
            avoid.failed(now);
            let last = now + Duration::from_millis(seconds * 1000 - 1);
            assert_eq!(avoid.standing(last), Standing::Fails, "{seconds}");
            now += Duration::from_secs(seconds);
            assert_eq!(avoid.standing(now), Standing::Good, "{seconds}");
        }
        avoid.connected();
        avoid.failed(now);
        assert_eq!(avoid.standing(now + AFTER_FAILURE), Standing::Good);
    }

    #[test]
    fn what_drains_is_better_than_what_fails() {
        let now = Instant::now();
        let avoid = Avoid::new(now);
        avoid.drains(true, now);
        avoid.connected();
        assert_eq!(avoid.standing(now + AFTER_FAILURE), Standing::Drains);
        avoid.failed(now);
        assert_eq!(avoid.standing(now), Standing::Fails);
        assert_eq!(avoid.standing(now + AFTER_FAILURE), Standing::Drains);
        assert_eq!(avoid.standing(now + AFTER_DRAIN), Standing::Good);
        avoid.drains(true, now);
        avoid.drains(false, now);
        assert_eq!(avoid.standing(now + AFTER_FAILURE), Standing::Good);
        assert!(Standing::Good < Standing::Drains && Standing::Drains < Standing::Fails);
    }
}
