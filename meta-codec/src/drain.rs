//! The word that it is time to end.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};

use slab::Slab;

/// Tells connections to finish what they do and close. Cheap to clone.
///
/// A connection asks on every turn, so asking is one load.
#[derive(Clone, Default)]
pub struct Drain(Arc<Shared>);

#[derive(Default)]
struct Shared {
    begun: AtomicBool,
    waiting: Mutex<Slab<Waker>>,
}

impl Drain {
    /// A drain that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins; everyone who watches is woken.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        let mut waiting = self.0.lock();
        let wakers: Vec<_> = waiting.iter().map(|(_, waker)| waker.clone()).collect();
        waiting.shrink_to_fit();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    pub(crate) fn watch(&self) -> DrainWatch {
        DrainWatch {
            drain: self.clone(),
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
    fn lock(&self) -> std::sync::MutexGuard<'_, Slab<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher of a [`Drain`].
#[derive(Debug)]
pub(crate) struct DrainWatch {
    drain: Drain,
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
        if self.drain.has_begun() {
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
        self.drain.has_begun()
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
