//! Which of a connection's calls want to be polled.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// The calls that were woken since they were last polled, by key.
///
/// What `FuturesUnordered` does, for futures that live elsewhere and with wakers
/// that outlive them: a call costs no allocation of its own. A waker left over
/// from an earlier call of the same key wakes the later one for nothing.
pub(super) struct Woken {
    /// Keys taken from the queue and not polled yet.
    batch: VecDeque<u32>,
    queue: Arc<Queue>,
    /// One for each key ever used.
    wakers: Vec<Waker>,
    /// The task that word was left for, by the address that its waker has as long
    /// as the queue keeps it.
    left_word: Option<usize>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    /// Whether there are keys: found without the lock.
    has_keys: AtomicBool,
}

#[derive(Default)]
struct QueueState {
    keys: VecDeque<u32>,
    /// Whether a key is among them.
    queued: Vec<bool>,
    /// The connection's task, while it waits.
    task: Option<Waker>,
}

struct CallWaker {
    queue: Arc<Queue>,
    key: u32,
}

impl Woken {
    pub(super) fn new() -> Self {
        Self {
            batch: VecDeque::new(),
            queue: Arc::default(),
            wakers: Vec::new(),
            left_word: None,
        }
    }

    /// Takes up a call that has not been polled yet.
    pub(super) fn begin(&mut self, key: usize) {
        while self.wakers.len() <= key {
            let waker = Arc::new(CallWaker {
                queue: self.queue.clone(),
                key: self.wakers.len() as u32,
            });
            self.wakers.push(waker.into());
            self.queue.lock().queued.push(false);
        }
        self.batch.push_back(key as u32);
    }

    /// The next key to poll, and the waker to poll it with. While there is none,
    /// the task is woken for the next.
    pub(super) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<(usize, &Waker)> {
        let key = loop {
            match self.batch.pop_front() {
                // A key of calls long gone has no waker any more.
                Some(key) if key as usize >= self.wakers.len() => {}
                Some(key) => break key as usize,
                None if !self.refill(cx) => return Poll::Pending,
                None => {}
            }
        };
        match self.wakers.get(key) {
            Some(waker) => Poll::Ready((key, waker)),
            None => Poll::Pending,
        }
    }

    /// Takes the whole queue; where it is empty, leaves word whom to wake.
    fn refill(&mut self, cx: &Context<'_>) -> bool {
        let task = cx.waker().data().addr();
        if self.left_word == Some(task) && !self.queue.has_keys.load(Ordering::Acquire) {
            // Whoever comes after this look finds the word.
            return false;
        }
        let mut queue = self.queue.lock();
        let queue = &mut *queue;
        if !queue.keys.is_empty() {
            self.queue.has_keys.store(false, Ordering::Relaxed);
            self.left_word = None;
            std::mem::swap(&mut self.batch, &mut queue.keys);
            for key in &self.batch {
                if let Some(queued) = queue.queued.get_mut(*key as usize) {
                    *queued = false;
                }
            }
            return true;
        }
        match &mut queue.task {
            Some(task) => task.clone_from(cx.waker()),
            task => *task = Some(cx.waker().clone()),
        }
        self.left_word = Some(task);
        false
    }

    /// Forgets the wakers of keys from `keys` on, which no call has.
    pub(super) fn shrink_to(&mut self, keys: usize) {
        if self.wakers.len() <= keys {
            return;
        }
        self.wakers.truncate(keys);
        self.wakers.shrink_to_fit();
        self.batch.shrink_to(keys);
        let mut queue = self.queue.lock();
        queue.keys.shrink_to(keys);
        queue.queued.truncate(keys);
        queue.queued.shrink_to_fit();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut queue = self.queue.lock();
        match queue.queued.get_mut(self.key as usize) {
            Some(queued) if !*queued => *queued = true,
            // It is queued already, or gone.
            _ => return,
        }
        queue.keys.push_back(self.key);
        self.queue.has_keys.store(true, Ordering::Release);
        let task = queue.task.take();
        drop(queue);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn next(woken: &mut Woken) -> Option<usize> {
        match woken.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready((key, _)) => Some(key),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_key_is_polled_once_for_many_wakes() {
        let mut woken = Woken::new();
        woken.begin(0);
        woken.begin(1);
        assert_eq!((next(&mut woken), next(&mut woken)), (Some(0), Some(1)));
        assert_eq!(next(&mut woken), None);
        let waker = woken.wakers[1].clone();
        waker.wake_by_ref();
        waker.wake();
        assert_eq!(next(&mut woken), Some(1));
        assert_eq!(next(&mut woken), None);
    }

    #[test]
    fn a_wake_after_its_key_is_gone_is_harmless() {
        let mut woken = Woken::new();
        woken.begin(5);
        assert_eq!(next(&mut woken), Some(5));
        let waker = woken.wakers[5].clone();
        woken.shrink_to(2);
        waker.wake();
        assert_eq!(next(&mut woken), None);
        woken.begin(5);
        assert_eq!(next(&mut woken), Some(5));
    }
}
