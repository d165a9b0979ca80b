//! The line in which one client's requests wait for a shared connection.

use super::*;

/// The client that a request came from: its connection.
pub(super) fn client_of(request: &Request) -> u64 {
    request.session().info().id
}

/// Who waits to send over one connection. Requests of one client go in the order
/// in which they came; those of different clients do not wait for each other.
#[derive(Default)]
pub(super) struct Line {
    next_number: u64,
    waiting: Vec<Waiting>,
}

struct Waiting {
    number: u64,
    client: u64,
    waker: Option<Waker>,
}

impl Line {
    /// Whether a request of this client waits.
    pub(super) fn has(&self, client: u64) -> bool {
        self.waiting.iter().any(|waiting| waiting.client == client)
    }

    fn join(&mut self, client: u64) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.waiting.push(Waiting {
            number,
            client,
            waker: None,
        });
        number
    }

    /// Waits until no other of the same client's is before this one.
    fn poll_first(&mut self, number: u64, cx: &Context<'_>) -> Poll<()> {
        let of = |waiting: &Waiting| waiting.number == number;
        let Some(at) = self.waiting.iter().position(of) else {
            return Poll::Ready(());
        };
        let (before, rest) = self.waiting.split_at_mut(at);
        let Some(this) = rest.first_mut() else {
            return Poll::Ready(());
        };
        if before.iter().all(|waiting| waiting.client != this.client) {
            return Poll::Ready(());
        }
        this.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes one out; returns who is to be woken.
    fn leave(&mut self, number: u64) -> Option<Waker> {
        let of = |waiting: &Waiting| waiting.number == number;
        let at = self.waiting.iter().position(of)?;
        let left = self.waiting.remove(at);
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        let next = self.waiting.iter_mut().find(|w| w.client == left.client)?;
        next.waker.take()
    }
}

/// A request's place in the line; left when dropped.
pub(crate) struct Turn {
    slot: Arc<SharedSlot>,
    number: u64,
}

impl Turn {
    /// Takes the last place.
    pub(crate) fn queue(slot: Arc<SharedSlot>, request: &Request) -> Self {
        let number = slot.line(|line| line.join(client_of(request)));
        Self { slot, number }
    }

    /// The connection it waits for.
    pub(crate) fn slot(&self) -> &Arc<SharedSlot> {
        &self.slot
    }

    /// Waits for the client's earlier requests.
    pub(crate) fn poll_first(&self, cx: &Context<'_>) -> Poll<()> {
        self.slot.line(|line| line.poll_first(self.number, cx))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(next) = self.slot.line(|line| line.leave(self.number)) {
            next.wake();
        }
    }
}
