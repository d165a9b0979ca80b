//! The exchanges that wait for a response on a shared connection.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use foldhash::fast::FixedState;
use meta_core::{Correlation, IdSpace, LocalReply, Message, ReplyKind, WireId};
use slab::Slab;

pub(super) type Outcome = Result<Message, LocalReply>;

/// Requests on a connection without ids whose responses have not come, those
/// given up included: behind a server that hangs they would add up for ever.
const MAX_IN_ORDER: usize = 4096;

/// Responses longer than this are counted until they are taken up; of shorter
/// ones the bound on requests is enough of a bound.
const COUNTED_FROM_BYTES: usize = 16 << 10;

/// Exchanges by key, and how responses find them.
pub(super) struct Pending {
    slots: Slab<Slot>,
    order: Order,
    /// No request's deadline is before this.
    earliest: Option<Instant>,
    unread: Unread,
}

/// Long responses that nobody has taken up yet.
struct Unread {
    bytes: usize,
    max_bytes: usize,
    /// Which they are, the oldest first; some of these have been taken up. With
    /// where their request begins: keys are used again.
    keys: VecDeque<(usize, u64)>,
    cluster: Arc<str>,
}

enum Order {
    /// Ids are consecutive over the whole space, so that a late response cannot
    /// meet another request until the space has gone round.
    ById {
        ids: IdSpace,
        next: u64,
        keys: HashMap<u64, usize, FixedState>,
    },
    /// `None` stands for a request that was given up; its response is dropped.
    InOrder(VecDeque<Option<usize>>),
}

struct Slot {
    id: WireId,
    /// Where the request's bytes begin, counted from the connection's first.
    begins_at: u64,
    deadline: Option<Instant>,
    state: State,
}

enum State {
    Waiting(Option<Waker>),
    Done(Outcome, Instant),
}

impl Pending {
    pub(super) fn new(correlation: Correlation, unread_bytes: usize, cluster: Arc<str>) -> Self {
        Self {
            slots: Slab::new(),
            order: match correlation {
                Correlation::ById(ids) => Order::ById {
                    ids,
                    next: 1,
                    keys: HashMap::default(),
                },
                _ => Order::InOrder(VecDeque::new()),
            },
            earliest: None,
            unread: Unread {
                bytes: 0,
                max_bytes: unread_bytes,
                keys: VecDeque::new(),
                cluster,
            },
        }
    }

    /// Requests in flight, and responses not yet fetched.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Requests whose response has not come and is still wanted.
    pub(super) fn waiting(&self) -> usize {
        match &self.order {
            Order::ById { keys, .. } => keys.len(),
            Order::InOrder(keys) => keys.iter().flatten().count(),
        }
    }

    /// Whether anybody waits for a response that has not come.
    pub(super) fn is_awaited(&self) -> bool {
        match &self.order {
            Order::ById { keys, .. } => !keys.is_empty(),
            Order::InOrder(keys) => keys.iter().any(Option::is_some),
        }
    }

    /// The id for the next request: one that is not in flight, if there is any.
    pub(super) fn next_id(&mut self) -> Option<WireId> {
        match &mut self.order {
            Order::InOrder(keys) => (keys.len() < MAX_IN_ORDER).then_some(WireId(0)),
            Order::ById { ids, keys, .. } if keys.len() as u64 >= ids.last => None,
            Order::ById { ids, next, keys } => loop {
                let id = *next;
                *next = if id >= ids.last { 1 } else { id + 1 };
                if !keys.contains_key(&id) {
                    return Some(WireId(id));
                }
            },
        }
    }

    /// No request's deadline is before this.
    pub(super) fn earliest_deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes up the request that went out under `id`.
    pub(super) fn insert(
        &mut self,
        id: WireId,
        begins_at: u64,
        deadline: Option<Instant>,
        waker: Option<Waker>,
    ) -> usize {
        if let Some(deadline) = deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |at| at.min(deadline)));
        }
        let key = self.slots.insert(Slot {
            id,
            begins_at,
            deadline,
            state: State::Waiting(waker),
        });
        match &mut self.order {
            Order::ById { keys, .. } => {
                keys.insert(id.0, key);
            }
            Order::InOrder(keys) => keys.push_back(Some(key)),
        }
        key
    }

    /// Hands `outcome` to the request that went out under `id`, or without ids to
    /// the oldest; `false` where there is none.
    pub(super) fn complete(&mut self, id: WireId, outcome: Outcome, now: Instant) -> bool {
        let key = match &mut self.order {
            Order::ById { keys, .. } => keys.remove(&id.0),
            Order::InOrder(keys) => keys.pop_front().flatten(),
        };
        let Some((key, slot)) = key.and_then(|key| Some((key, self.slots.get_mut(key)?))) else {
            return false;
        };
        let (bytes, begins_at) = (counted(&outcome), slot.begins_at);
        slot.finish(outcome, now);
        if bytes > 0 {
            self.count_unread(bytes, key, begins_at);
        }
        true
    }

    fn count_unread(&mut self, bytes: usize, key: usize, begins_at: u64) {
        let (slots, unread) = (&self.slots, &mut self.unread);
        unread.bytes += bytes;
        unread.keys.push_back((key, begins_at));
        // Those taken up are forgotten now and then.
        if unread.keys.len() > 2 * slots.len() + 16 {
            let is_there = |(key, begins_at): &(usize, u64)| {
                let slot = slots.get(*key);
                slot.is_some_and(|slot| slot.begins_at == *begins_at)
            };
            unread.keys.retain(is_there);
        }
        while self.unread.bytes > self.unread.max_bytes && self.drop_oldest() {}
    }

    /// Gives up the response that has not been taken up for longest, unless it is
    /// the only one.
    fn drop_oldest(&mut self) -> bool {
        if self.unread.keys.len() < 2 {
            return false;
        }
        let Some((key, begins_at)) = self.unread.keys.pop_front() else {
            return false;
        };
        if let Some(slot) = self.slots.get_mut(key)
            && slot.begins_at == begins_at
            && let State::Done(outcome, _) = &mut slot.state
        {
            self.unread.bytes -= counted(outcome);
            let detail = "the client did not read its responses; this one was given up";
            let reply = LocalReply::new(ReplyKind::Overflow, detail);
            *outcome = Err(reply.with_cluster(self.unread.cluster.clone()));
        }
        true
    }

    /// The outcome of a request, once it is there.
    pub(super) fn poll(
        &mut self,
        key: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Outcome, Instant)>> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Poll::Ready(None);
        };
        if let State::Waiting(waker) = &mut slot.state {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                waker => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let slot = self.slots.remove(key);
        match slot.state {
            State::Done(outcome, at) => {
                self.unread.forget(counted(&outcome));
                Poll::Ready(Some((outcome, at)))
            }
            State::Waiting(_) => Poll::Ready(None),
        }
    }

    /// Forgets a request whose client gave up; tells its deadline.
    pub(super) fn abandon(&mut self, key: usize) -> Option<Instant> {
        let slot = self.slots.try_remove(key)?;
        match slot.state {
            State::Done(outcome, _) => self.unread.forget(counted(&outcome)),
            State::Waiting(_) => self.order.forget(slot.id, key),
        }
        slot.deadline
    }

    /// Ends the requests whose deadline has come; their responses will be late.
    pub(super) fn expire(&mut self, now: Instant, reply: impl Fn() -> LocalReply) {
        let mut earliest = None;
        for (key, slot) in &mut self.slots {
            let (State::Waiting(_), Some(deadline)) = (&slot.state, slot.deadline) else {
                continue;
            };
            if deadline > now {
                earliest = Some(earliest.map_or(deadline, |at: Instant| at.min(deadline)));
                continue;
            }
            slot.finish(Err(reply()), now);
            self.order.forget(slot.id, key);
        }
        self.earliest = earliest;
    }

    /// Ends all requests with `reply`, which is retriable for those whose bytes
    /// begin at or after `written`.
    pub(super) fn fail_all(&mut self, reply: &LocalReply, written: u64, now: Instant) {
        for (_, slot) in &mut self.slots {
            if let State::Waiting(_) = slot.state {
                let reply = reply.clone();
                let reply = match slot.begins_at >= written {
                    true => reply.retriable(),
                    false => reply,
                };
                slot.finish(Err(reply), now);
            }
        }
        match &mut self.order {
            Order::ById { keys, .. } => keys.clear(),
            Order::InOrder(keys) => keys.clear(),
        }
    }
}

/// The bytes of a response that are counted until it is taken up.
fn counted(outcome: &Outcome) -> usize {
    let bytes = outcome.as_ref().map_or(0, |message| message.frame.len());
    if bytes >= COUNTED_FROM_BYTES {
        bytes
    } else {
        0
    }
}

impl Unread {
    /// So many bytes have been taken up.
    fn forget(&mut self, bytes: usize) {
        self.bytes -= bytes;
        if self.bytes == 0 {
            self.keys.clear();
        }
    }
}

impl Order {
    /// Drops the response of the request under `id` when it comes.
    fn forget(&mut self, id: WireId, key: usize) {
        match self {
            Self::ById { keys, .. } => {
                keys.remove(&id.0);
            }
            Self::InOrder(keys) => {
                keys.iter_mut()
                    .filter(|waiting| **waiting == Some(key))
                    .for_each(|waiting| *waiting = None);
            }
        }
    }
}

impl Slot {
    fn finish(&mut self, outcome: Outcome, now: Instant) {
        if let State::Waiting(Some(waker)) =
            std::mem::replace(&mut self.state, State::Done(outcome, now))
        {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_up_requests_in_order_are_bounded() {
        let mut pending = Pending::new(Correlation::InOrder, 0, "backend".into());
        for _ in 0..MAX_IN_ORDER {
            let id = pending.next_id().expect("there is room");
            let key = pending.insert(id, 0, None, None);
            pending.abandon(key);
        }
        assert_eq!(pending.len(), 0);
        assert_eq!(pending.next_id(), None);
    }
}
