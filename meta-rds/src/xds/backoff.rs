//! How long to wait before the next attempt.

use std::time::Duration;

/// Waits that grow, each of random length below its bound, so that a fleet does not
/// come back at once.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    /// No wait is shorter.
    pub(crate) const LEAST: Duration = Duration::from_millis(10);

    /// The first wait is below `base`, none above `max`.
    pub(crate) fn new(base: Duration, max: Duration) -> Self {
        let base = base.max(Self::LEAST);
        let max = max.max(base);
        let bound = base;
        Self { base, max, bound }
    }

    /// The next wait; `random` is any number out of all of `u64`.
    pub(crate) fn next(&mut self, random: u64) -> Duration {
        let range = self.bound.saturating_sub(Self::LEAST);
        let part = (range.as_nanos().saturating_mul(random.into())) >> 64;
        let part = Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX));
        self.bound = self.bound.saturating_mul(2).min(self.max);
        Self::LEAST.saturating_add(part)
    }

    /// The next wait is a first one again.
    pub(crate) fn reset(&mut self) {
        self.bound = self.base;
    }
}
