//! The line in which one client's requests wait for a shared connection.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::*;

/// The client that a request came from: its connection.
pub(super) fn client_of(request: &Request) -> u64 {
    request.session().info().id
}

/// Who waits to send over one connection. Requests of one client go in the order
/// in which they came; those of different clients do not wait for each other.
#[derive(Default)]
pub(super) struct Line {
    next_ticket: u64,
    /// By client.
    waiting: HashMap<u64, BTreeMap<Ticket, Option<Waker>>, FixedState>,
}

/// A request's number among its client's; and a number of the line's own, since
/// there may be more than one of that number.
type Ticket = (u64, u64);

impl Line {
    /// Whether a request of this client waits.
    pub(super) fn has(&self, client: u64) -> bool {
        !self.waiting.is_empty() && self.waiting.contains_key(&client)
    }

    fn join(&mut self, client: u64, number: u64) -> Ticket {
        let ticket = (number, self.next_ticket);
        self.next_ticket += 1;
        let of_client = self.waiting.entry(client).or_default();
        of_client.insert(ticket, None);
        ticket
    }

    /// Waits until no other of the same client's is before this one.
    fn poll_first(&mut self, client: u64, ticket: Ticket, cx: &Context<'_>) -> Poll<()> {
        let Some(of_client) = self.waiting.get_mut(&client) else {
            return Poll::Ready(());
        };
        let is_first = of_client.keys().next() == Some(&ticket);
        match of_client.get_mut(&ticket) {
            Some(waker) if !is_first => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Takes one out; returns who is to be woken.
    fn leave(&mut self, client: u64, ticket: Ticket) -> Option<Waker> {
        let of_client = self.waiting.get_mut(&client)?;
        of_client.remove(&ticket);
        if let Some(mut next) = of_client.first_entry() {
            return next.get_mut().take();
        }
        self.waiting.remove(&client);
        if self.waiting.is_empty() {
            self.waiting = HashMap::default();
        }
        None
    }
}

/// A request's place in the line; left when dropped.
pub(crate) struct Turn {
    slot: Arc<SharedSlot>,
    client: u64,
    ticket: Ticket,
}

impl Turn {
    /// Takes its place: behind those of its client that came before it, if they
    /// wait here.
    pub(crate) fn queue(slot: Arc<SharedSlot>, request: &Request) -> Self {
        let (client, number) = (client_of(request), request.place().number);
        let ticket = slot.line(|line| line.join(client, number));
        Self {
            slot,
            client,
            ticket,
        }
    }

    /// The connection it waits for.
    pub(crate) fn slot(&self) -> &Arc<SharedSlot> {
        &self.slot
    }

    /// Waits for the client's earlier requests.
    pub(crate) fn poll_first(&self, cx: &Context<'_>) -> Poll<()> {
        let (client, ticket) = (self.client, self.ticket);
        self.slot.line(|line| line.poll_first(client, ticket, cx))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (client, ticket) = (self.client, self.ticket);
        if let Some(next) = self.slot.line(|line| line.leave(client, ticket)) {
            next.wake();
        }
    }
}
