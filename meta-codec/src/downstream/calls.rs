//! The requests in flight on one connection, and the order of their answers.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use meta_core::{Journal, LocalReply, MessageKind, Response, SharedMetadata};

use super::woken::Woken;

pub(super) type Answer = Result<Response, LocalReply>;

/// Wakers kept while nothing is in flight.
const KEEP_WAKERS: usize = 16;
/// Slots made at once for a burst like the last.
const MAX_EXPECTED: usize = 64;

/// Requests in flight. A request waits for its predecessor where both have the
/// same id, or where the protocol has none: then answers leave in request order.
pub(super) struct Calls<F> {
    /// Not kept while empty: they are large, and most connections are idle most
    /// of the time. Filled and emptied where they stay, since they are.
    slots: Vec<Slot<F>>,
    /// The slots that are not in use.
    vacant: Vec<u32>,
    /// How many calls were in flight at once, the last time there were any.
    expected: usize,
    /// The same, since there were none.
    peak: usize,
    /// Whether a call that is alone, in the first slot, wants to be polled;
    /// `None` while there are several, or none.
    alone: Option<bool>,
    /// Of several calls: the slots whose futures want to be polled.
    woken: Woken,
    /// The bytes of the requests.
    bytes: usize,
    /// The largest id since there was nothing in flight: an id above it cannot
    /// be in flight twice.
    highest_id: u64,
    /// The youngest request that wants an answer.
    youngest: Option<usize>,
    next_number: u64,
}

struct Slot<F> {
    /// `None` where the slot is not in use.
    entry: Option<Entry>,
    /// `None` once it has completed.
    future: Option<F>,
    /// A predecessor has to be answered first.
    blocked: bool,
    /// Waits for the predecessor.
    answer: Option<Box<Answer>>,
}

/// One request in flight.
pub(super) struct Entry {
    pub(super) request: SharedMetadata,
    pub(super) received_at: Instant,
    /// Its place among all of the connection's calls.
    pub(super) number: u64,
    /// It goes through the session's lane: one at a time, in order.
    pub(super) in_lane: bool,
    /// Where it was to go, if someone wants to know.
    pub(super) journal: Option<Journal>,
    /// The request that waits for this one.
    follower: Option<u32>,
}

impl Entry {
    pub(super) fn new(
        request: SharedMetadata,
        received_at: Instant,
        number: u64,
        in_lane: bool,
        journal: Option<Journal>,
    ) -> Self {
        Self {
            request,
            received_at,
            number,
            in_lane,
            journal,
            follower: None,
        }
    }
}

impl<F> Calls<F> {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            expected: 1,
            peak: 0,
            alone: None,
            woken: Woken::new(),
            bytes: 0,
            highest_id: 0,
            youngest: None,
            next_number: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those that have not been answered.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref())
    }
}

impl<F: Future<Output = Answer> + Unpin> Calls<F> {
    /// Takes up a call. Its future runs when the set is polled.
    pub(super) fn start(&mut self, entry: Entry, in_order: bool, future: F) {
        let id = entry.request.id.0;
        let wants_answer = entry.request.kind == MessageKind::Request;
        let predecessor = if wants_answer {
            self.predecessor(id, in_order)
        } else {
            None
        };
        self.bytes += entry.request.total_bytes;
        let key = self.vacant_key();
        if let Some(slot) = self.slots.get_mut(key) {
            slot.entry = Some(entry);
            slot.future = Some(future);
            slot.blocked = predecessor.is_some();
        }
        self.peak = self.peak.max(self.len());
        if self.slots.len() == 1 {
            self.alone = Some(true);
        } else {
            if self.alone.take().is_some() {
                // From here on it is polled with a waker of its own.
                self.woken.begin(0);
            }
            self.woken.begin(key);
        }
        if wants_answer {
            self.highest_id = self.highest_id.max(id);
            self.youngest = Some(key);
        }
        let predecessor = predecessor.and_then(|key| self.slots.get_mut(key));
        if let Some(entry) = predecessor.and_then(|slot| slot.entry.as_mut()) {
            entry.follower = Some(key as u32);
        }
    }

    fn vacant_key(&mut self) -> usize {
        if let Some(key) = self.vacant.pop() {
            return key as usize;
        }
        if self.slots.capacity() == 0 {
            self.slots.reserve_exact(self.expected);
        }
        self.slots.push(Slot {
            entry: None,
            future: None,
            blocked: false,
            answer: None,
        });
        self.slots.len() - 1
    }

    /// The place of the next call among all of the connection's.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Whether a request of this id that begins would have to wait for another.
    pub(super) fn has_predecessor(&self, id: u64, in_order: bool) -> bool {
        self.predecessor(id, in_order).is_some()
    }

    /// Takes note that the task was woken: perhaps by a call that is alone, which
    /// has the task's own waker. That spares it what finding one of several costs.
    pub(super) fn begin_turn(&mut self) {
        self.alone = self.alone.map(|_| true);
    }

    /// The next answer that may leave, in the order in which answers may.
    pub(super) fn poll_answered(&mut self, cx: &mut Context<'_>) -> Poll<(Entry, Answer)> {
        match self.alone {
            Some(true) => self.poll_alone(cx),
            Some(false) => Poll::Pending,
            None => self.poll_woken(cx),
        }
    }

    fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<(Entry, Answer)> {
        self.alone = Some(false);
        let slot = self.slots.first_mut();
        let Some(future) = slot.and_then(|slot| slot.future.as_mut()) else {
            return Poll::Pending;
        };
        let answer = ready!(Pin::new(future).poll(cx));
        match self.remove(0) {
            Some(entry) => Poll::Ready((entry, answer)),
            None => Poll::Pending,
        }
    }

    fn poll_woken(&mut self, cx: &mut Context<'_>) -> Poll<(Entry, Answer)> {
        for _ in 0..=2 * self.len() {
            let Poll::Ready((key, waker)) = self.woken.poll_next(cx) else {
                return Poll::Pending;
            };
            let Some(slot) = self.slots.get_mut(key) else {
                continue;
            };
            let Some(future) = &mut slot.future else {
                continue;
            };
            let answer = match Pin::new(future).poll(&mut Context::from_waker(waker)) {
                Poll::Ready(answer) => answer,
                Poll::Pending => continue,
            };
            slot.future = None;
            if slot.blocked {
                slot.answer = Some(Box::new(answer));
            } else if let Some(entry) = self.remove(key) {
                return Poll::Ready((entry, answer));
            }
        }
        // Some wake themselves; other tasks have to get on before they can.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The follower of `left`, if its answer has been waiting for it to leave.
    pub(super) fn unblock_follower(&mut self, left: &Entry) -> Option<(Entry, Answer)> {
        let key = left.follower? as usize;
        let slot = self.slots.get_mut(key)?;
        slot.blocked = false;
        let answer = slot.answer.take()?;
        Some((self.remove(key)?, *answer))
    }

    fn remove(&mut self, key: usize) -> Option<Entry> {
        let entry = self.slots.get_mut(key)?.entry.take()?;
        self.vacant.push(key as u32);
        self.bytes -= entry.request.total_bytes;
        if self.youngest == Some(key) {
            self.youngest = None;
        }
        if self.is_empty() {
            self.highest_id = 0;
            self.expected = std::mem::take(&mut self.peak).clamp(1, MAX_EXPECTED);
            self.slots = Vec::new();
            self.alone = None;
            self.vacant.clear();
            self.vacant.shrink_to(MAX_EXPECTED);
            self.woken.shrink_to(KEEP_WAKERS);
        }
        Some(entry)
    }

    /// The request that has to be answered before one of this id that begins.
    fn predecessor(&self, id: u64, in_order: bool) -> Option<usize> {
        if in_order {
            // Answers leave in order, so whichever is in flight and has no
            // follower is the youngest.
            return self.youngest;
        }
        if self.is_empty() || id > self.highest_id {
            return None;
        }
        self.slots.iter().position(|Slot { entry, .. }| {
            entry.as_ref().is_some_and(|entry| {
                entry.request.id.0 == id
                    && entry.follower.is_none()
                    && entry.request.kind == MessageKind::Request
            })
        })
    }
}
