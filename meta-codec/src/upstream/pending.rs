//! The exchanges that wait for a response on a shared connection.

use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll, Waker},
    time::Instant,
};

use foldhash::fast::FixedState;
use meta_core::{Correlation, IdSpace, LocalReply, Message, WireId};
use slab::Slab;

pub(super) type Outcome = Result<Message, LocalReply>;

/// Requests on a connection without ids whose responses have not come, those
/// given up included: behind a server that hangs they would add up for ever.
const MAX_IN_ORDER: usize = 4096;

/// Exchanges by key, and how responses find them.
pub(super) struct Pending {
    slots: Slab<Slot>,
    order: Order,
    /// No request's deadline is before this.
    earliest: Option<Instant>,
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
    pub(super) fn new(correlation: Correlation) -> Self {
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

    /// Hands `message` to the request it answers; `false` where there is none.
    pub(super) fn complete(&mut self, message: Message, now: Instant) -> bool {
        let key = match &mut self.order {
            Order::ById { keys, .. } => keys.remove(&message.metadata.id.0),
            Order::InOrder(keys) => keys.pop_front().flatten(),
        };
        match key.and_then(|key| self.slots.get_mut(key)) {
            Some(slot) => {
                slot.finish(Ok(message), now);
                true
            }
            None => false,
        }
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
        match self.slots.remove(key).state {
            State::Done(outcome, at) => Poll::Ready(Some((outcome, at))),
            State::Waiting(_) => Poll::Ready(None),
        }
    }

    /// Forgets a request whose client gave up.
    pub(super) fn abandon(&mut self, key: usize) {
        let Some(slot) = self.slots.try_remove(key) else {
            return;
        };
        if let State::Done(..) = slot.state {
            return;
        }
        self.order.forget(slot.id, key);
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
        let mut pending = Pending::new(Correlation::InOrder);
        for _ in 0..MAX_IN_ORDER {
            let id = pending.next_id().expect("there is room");
            let key = pending.insert(id, 0, None, None);
            pending.abandon(key);
        }
        assert_eq!(pending.len(), 0);
        assert_eq!(pending.next_id(), None);
    }
}
