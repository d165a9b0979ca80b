//! The word that it is time to end.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use slab::Slab;

/// The round after which there is no other.
const BEGUN: u64 = u64::MAX;

/// Tells connections to finish what they do and close. Cheap to clone.
///
/// A connection asks on every turn, so asking is one load.
#[derive(Clone, Default)]
pub struct Drain(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Grows each time that those who watch are told to end; [`BEGUN`] once everyone
    /// is.
    round: AtomicU64,
    waiting: Mutex<Slab<Waker>>,
}

impl Drain {
    /// A drain that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins; everyone who watches is woken.
    pub fn begin(&self) {
        self.0.round.store(BEGUN, Ordering::Release);
        self.wake();
    }

    /// Tells those who watch at present; who comes later is not meant. Nothing
    /// happens where it has begun for everyone.
    pub fn begin_for_present(&self) {
        let next = |round| (round != BEGUN).then(|| round + 1);
        let update = self
            .0
            .round
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        if update.is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        let mut waiting = self.0.lock();
        let wakers: Vec<_> = waiting.iter().map(|(_, waker)| waker.clone()).collect();
        waiting.shrink_to_fit();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether it has begun for everyone.
    pub fn has_begun(&self) -> bool {
        self.0.round() == BEGUN
    }

    pub(crate) fn watch(&self) -> DrainWatch {
        DrainWatch {
            drain: self.clone(),
            // Who comes when it has begun is meant, too.
            round: match self.0.round() {
                BEGUN => 0,
                round => round,
            },
            key: None,
            waker: None,
        }
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.has_begun()).finish()
    }
}

impl Shared {
    fn round(&self) -> u64 {
        self.round.load(Ordering::Acquire)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Slab<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher of a [`Drain`].
#[derive(Debug)]
pub(crate) struct DrainWatch {
    drain: Drain,
    /// The round that it came in.
    round: u64,
    key: Option<usize>,
    waker: Option<Waker>,
}

impl DrainWatch {
    /// Whether the task is the one that asked last.
    pub(crate) fn is_asked_by(&self, cx: &Context<'_>) -> bool {
        let known = self.waker.as_ref();
        known.is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// Whether the drain has begun; if not, the task is woken when it does.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.has_begun() {
            return true;
        }
        if !self.is_asked_by(cx) {
            let mut waiting = self.drain.0.lock();
            match self.key.and_then(|key| waiting.get_mut(key)) {
                Some(waker) => waker.clone_from(cx.waker()),
                None => self.key = Some(waiting.insert(cx.waker().clone())),
            }
            drop(waiting);
            self.waker = Some(cx.waker().clone());
        }
        // It may have begun before the waker was in place.
        self.has_begun()
    }

    /// Whether it has begun for this watcher.
    fn has_begun(&self) -> bool {
        self.drain.0.round() != self.round
    }
}

impl Drop for DrainWatch {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.drain.0.lock().try_remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_watcher_leaves_nothing_and_the_others_are_woken() {
        let drain = Drain::new();
        let mut watches: Vec<_> = (0..10).map(|_| drain.watch()).collect();
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        for watch in &mut watches {
            assert!(!watch.poll(&mut cx));
            assert!(!watch.poll(&mut cx));
        }
        assert_eq!(drain.0.lock().len(), 10);
        watches.truncate(4);
        assert_eq!(drain.0.lock().len(), 4);
        watches.clear();
        assert!(drain.0.lock().is_empty());
    }

    #[test]
    fn who_comes_after_the_present_is_not_meant() {
        let drain = Drain::new();
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        let mut first = drain.watch();
        assert!(!first.poll(&mut cx));
        drain.begin_for_present();
        assert!(first.poll(&mut cx));
        assert!(!drain.has_begun());
        let mut second = drain.watch();
        assert!(!second.poll(&mut cx));
        drain.begin_for_present();
        assert!(second.poll(&mut cx));
        let mut third = drain.watch();
        drain.begin();
        drain.begin_for_present();
        assert!(drain.has_begun());
        assert!(third.poll(&mut cx));
        assert!(drain.watch().poll(&mut cx));
    }

    #[tokio::test]
    async fn who_watches_from_another_task_is_woken_there() {
        let drain = Drain::new();
        let mut watch = drain.watch();
        let mut first = Context::from_waker(futures::task::noop_waker_ref());
        assert!(!watch.poll(&mut first));
        let mut begun = Box::pin(poll_fn(move |cx| match watch.poll(cx) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }));
        assert_eq!(begun.as_mut().now_or_never(), None);
        let waiting = tokio::spawn(begun);
        tokio::task::yield_now().await;
        drain.begin();
        waiting.await.expect("no panic");
        assert!(drain.0.lock().is_empty());
    }
}
