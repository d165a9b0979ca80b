//! Limits that all workers share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// So many at a time, over all workers.
#[derive(Debug)]
pub(crate) struct Limit {
    max: usize,
    used: AtomicUsize,
}

impl Limit {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            used: AtomicUsize::new(0),
        })
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// How many are taken.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// One of them, if there is one left.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        self.enter().then(|| Permit(self.clone()))
    }

    /// Takes one, if there is one left; for who will [`Limit::leave`] without fail.
    /// In one order with that, so that who waits for it either gets what was given
    /// back or is seen waiting.
    pub(crate) fn enter(&self) -> bool {
        if self.used.fetch_add(1, Ordering::SeqCst) < self.max {
            return true;
        }
        self.leave();
        false
    }

    /// Gives back what [`Limit::enter`] took.
    pub(crate) fn leave(&self) {
        self.used.fetch_sub(1, Ordering::SeqCst);
    }

    /// One more, whatever the limit.
    pub(crate) fn acquire_over(self: &Arc<Self>) -> Permit {
        self.used.fetch_add(1, Ordering::Relaxed);
        Permit(self.clone())
    }
}

/// One of a [`Limit`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Limit>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back() {
        let limit = Limit::new(2);
        let first = limit.try_acquire().expect("two are left");
        let _second = limit.try_acquire().expect("one is left");
        assert!(limit.try_acquire().is_none());
        let over = limit.acquire_over();
        drop(first);
        assert!(limit.try_acquire().is_none(), "still two in use");
        drop(over);
        assert!(limit.try_acquire().is_some());
    }
}
