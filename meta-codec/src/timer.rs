//! A coarse timer wheel: what requests and connections wait by.
//!
//! tokio's own timer costs 140 ns a time; most timeouts here are set by the
//! hundred thousand and never fire. Setting and cancelling one costs two short
//! critical sections on a lock that only this worker takes.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::time::Sleep;

use crate::clock;

/// How coarse the wheel is: timers fire up to this much late, never early.
pub const RESOLUTION: Duration = Duration::from_millis(10);

/// Slots in a revolution; what is further off than that goes round again.
const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;

/// The timers of one worker. Cheap to clone.
#[derive(Clone)]
pub struct Wheel(Arc<Shared>);

struct Shared {
    start: Instant,
    state: Mutex<State>,
}

struct State {
    entries: Slab<Entry>,
    /// The first entry of each slot's list.
    slots: Box<[u32; SLOTS]>,
    /// Which slots hold any.
    occupied: [u64; SLOTS / 64],
    /// All ticks up to this one have been fired.
    fired: u64,
    /// The tick that the driver sleeps towards.
    planned: u64,
    driver: Option<Waker>,
}

struct Entry {
    tick: u64,
    waker: Option<Waker>,
    previous: u32,
    next: u32,
}

impl Wheel {
    /// A wheel, and the future that turns it; nothing fires unless that is
    /// polled. It ends when all handles are gone.
    pub fn new() -> (Self, WheelDriver) {
        let wheel = Self(Arc::new(Shared {
            start: clock::read(),
            state: Mutex::new(State {
                entries: Slab::new(),
                slots: Box::new([NONE; SLOTS]),
                occupied: [0; SLOTS / 64],
                fired: 0,
                planned: u64::MAX,
                driver: None,
            }),
        }));
        let driver = WheelDriver {
            wheel: Arc::downgrade(&wheel.0),
            sleep: None,
        };
        (wheel, driver)
    }

    /// A wheel that is turned by a task of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn spawn() -> Self {
        let (wheel, driver) = Self::new();
        tokio::spawn(driver);
        wheel
    }

    /// A timer that is not set.
    pub fn timer(&self) -> Timer {
        Timer {
            wheel: self.clone(),
            key: None,
            deadline: None,
        }
    }

    /// How many timers are set.
    pub fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Wheel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("timers", &self.len())
            .finish()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first tick that is not before `deadline`.
    fn tick_of(&self, deadline: Instant) -> u64 {
        let nanos = deadline.saturating_duration_since(self.start).as_nanos();
        u64::try_from(nanos.div_ceil(RESOLUTION.as_nanos())).unwrap_or(u64::MAX)
    }

    fn instant_of(&self, tick: u64) -> Option<Instant> {
        let nanos = (RESOLUTION.as_nanos() as u64).checked_mul(tick)?;
        self.start.checked_add(Duration::from_nanos(nanos))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if let Some(driver) = state.unwrap_or_else(PoisonError::into_inner).driver.take() {
            driver.wake();
        }
    }
}

impl State {
    fn insert(&mut self, tick: u64, waker: Waker) -> usize {
        let tick = tick.max(self.fired + 1);
        let slot = slot_of(tick);
        let head = self.slots[slot];
        let key = self.entries.insert(Entry {
            tick,
            waker: Some(waker),
            previous: NONE,
            next: head,
        });
        if let Some(entry) = self.entries.get_mut(head as usize) {
            entry.previous = key as u32;
        }
        self.slots[slot] = key as u32;
        self.occupied[slot / 64] |= 1 << (slot % 64);
        key
    }

    fn remove(&mut self, key: usize) -> Option<Entry> {
        let entry = self.entries.try_remove(key)?;
        let slot = slot_of(entry.tick);
        match self.entries.get_mut(entry.previous as usize) {
            Some(previous) => previous.next = entry.next,
            None => self.slots[slot] = entry.next,
        }
        if let Some(next) = self.entries.get_mut(entry.next as usize) {
            next.previous = entry.previous;
        }
        if self.slots[slot] == NONE {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        Some(entry)
    }

    /// Takes the wakers of all that is due by `tick`. Their entries stay, without
    /// a waker, until their timers see it.
    fn fire(&mut self, tick: u64, due: &mut Vec<Waker>) {
        let first = self.fired + 1;
        let span = (tick + 1).saturating_sub(first).min(SLOTS as u64);
        for offset in 0..span {
            let mut key = self.slots[slot_of(first + offset)];
            while let Some(entry) = self.entries.get_mut(key as usize) {
                key = entry.next;
                if entry.tick <= tick {
                    due.extend(entry.waker.take());
                }
            }
        }
        self.fired = self.fired.max(tick);
    }

    /// The tick of the next slot that holds anything.
    fn next_tick(&self) -> Option<u64> {
        let first = self.fired + 1;
        let start = slot_of(first);
        let mut offset = 0;
        while offset < SLOTS {
            let slot = (start + offset) % SLOTS;
            let rest = self.occupied[slot / 64] >> (slot % 64);
            if rest != 0 {
                let ahead = offset + rest.trailing_zeros() as usize;
                return Some(first + ahead as u64);
            }
            offset += 64 - slot % 64;
        }
        None
    }
}

fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

/// Turns a [`Wheel`].
pub struct WheelDriver {
    /// Gone when all handles are: that ends the driver.
    wheel: Weak<Shared>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for WheelDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WheelDriver")
    }
}

impl Future for WheelDriver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut due = Vec::new();
        loop {
            let Some(wheel) = this.wheel.upgrade() else {
                return Poll::Ready(());
            };
            let passed = clock::read().saturating_duration_since(wheel.start);
            let tick = (passed.as_nanos() / RESOLUTION.as_nanos()) as u64;
            let mut state = wheel.lock();
            state.fire(tick, &mut due);
            let next = state.next_tick();
            state.planned = next.unwrap_or(u64::MAX);
            match &mut state.driver {
                Some(waker) => waker.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
            drop(state);
            due.drain(..).for_each(Waker::wake);

            let Some(wake_at) = next.and_then(|tick| wheel.instant_of(tick)) else {
                this.sleep = None;
                return Poll::Pending;
            };
            let sleep = this
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(wake_at.into())));
            if sleep.deadline().into_std() != wake_at {
                sleep.as_mut().reset(wake_at.into());
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// One timer. Dropping it cancels it.
#[derive(Debug)]
pub struct Timer {
    wheel: Wheel,
    key: Option<usize>,
    deadline: Option<Instant>,
}

impl Timer {
    /// Waits until `deadline`, which may differ from call to call; the task is
    /// woken at the latest one asked for.
    pub fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let shared = &self.wheel.0;
        let mut state = shared.lock();
        if let Some(key) = self.key {
            if self.deadline == Some(deadline)
                && let Some(entry) = state.entries.get_mut(key)
            {
                let Some(waker) = &mut entry.waker else {
                    // It has fired.
                    state.remove(key);
                    self.key = None;
                    return Poll::Ready(());
                };
                if !waker.will_wake(cx.waker()) {
                    waker.clone_from(cx.waker());
                }
                return Poll::Pending;
            }
            state.remove(key);
        }
        let tick = shared.tick_of(deadline);
        self.deadline = Some(deadline);
        if tick <= state.fired {
            self.key = None;
            return Poll::Ready(());
        }
        self.key = Some(state.insert(tick, cx.waker().clone()));
        if tick < state.planned {
            state.planned = tick;
            let driver = state.driver.clone();
            drop(state);
            if let Some(driver) = driver {
                driver.wake();
            }
        }
        Poll::Pending
    }

    /// As [`Timer::poll_until`], for a deadline that moves on with every exchange: a
    /// timer still set for an earlier one is left, costs no more than saying whom to
    /// wake, and is ready when that earlier one comes.
    pub fn poll_or_earlier(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let armed = match self.deadline {
            Some(armed) if self.key.is_some() && armed < deadline => armed,
            _ => deadline,
        };
        self.poll_until(armed, cx)
    }

    /// As [`Timer::poll_or_earlier`], but ready at the deadline alone; the task may
    /// be woken in vain.
    pub fn poll_by(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.poll_or_earlier(deadline, cx));
            if self.deadline == Some(deadline) {
                return Poll::Ready(());
            }
        }
    }

    /// Takes the deadline back.
    pub fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            self.wheel.0.lock().remove(key);
        }
        self.deadline = None;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn sleep(wheel: &Wheel, duration: Duration) {
        let deadline = clock::read() + duration;
        let mut timer = wheel.timer();
        poll_fn(|cx| timer.poll_until(deadline, cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn fires_late_by_at_most_its_resolution_and_never_early() {
        let wheel = Wheel::spawn();
        for ms in [0, 1, 9, 10, 11, 1_234, 10_240, 10_250, 15_000, 123_456] {
            let duration = Duration::from_millis(ms);
            let start = clock::read();
            sleep(&wheel, duration).await;
            let passed = clock::read() - start;
            assert!(passed >= duration, "{passed:?} for {duration:?}");
            let late = passed - duration;
            assert!(
                late <= RESOLUTION + Duration::from_millis(1),
                "{late:?} late"
            );
        }
        assert!(wheel.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn many_timers_fire_in_order() {
        let wheel = Wheel::spawn();
        let fired = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..500u64)
            .map(|n| {
                let ms = n * 7919 % 40_000;
                let (wheel, fired) = (wheel.clone(), fired.clone());
                tokio::spawn(async move {
                    sleep(&wheel, Duration::from_millis(ms)).await;
                    fired.lock().expect("no panic").push(ms / 10);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let fired = fired.lock().expect("no panic");
        assert_eq!(fired.len(), 500);
        assert!(fired.is_sorted(), "{fired:?}");
        assert!(wheel.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_on_is_kept() {
        let wheel = Wheel::spawn();
        let start = clock::read();
        let mut timer = wheel.timer();
        for second in [5, 10, 15] {
            let deadline = start + Duration::from_secs(second);
            poll_fn(|cx| {
                assert!(timer.poll_by(deadline, cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(wheel.len(), 1);
        }
        poll_fn(|cx| timer.poll_by(start + Duration::from_secs(15), cx)).await;
        assert!(clock::read() - start >= Duration::from_secs(15));
        assert!(clock::read() - start < Duration::from_secs(16));
        assert!(wheel.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_timer_leaves_nothing() {
        let wheel = Wheel::spawn();
        let mut timer = wheel.timer();
        let far = clock::read() + Duration::from_secs(60);
        poll_fn(|cx| {
            assert!(timer.poll_until(far, cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(wheel.len(), 1);
        timer.cancel();
        assert!(wheel.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_is_kept() {
        let wheel = Wheel::spawn();
        let start = clock::read();
        let mut timer = wheel.timer();
        poll_fn(|cx| {
            let _ = timer.poll_until(start + Duration::from_secs(60), cx);
            Poll::Ready(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let earlier = start + Duration::from_secs(2);
        poll_fn(|cx| timer.poll_until(earlier, cx)).await;
        assert!(clock::read() - start < Duration::from_secs(3));
    }
}
