//! Which worker gets a connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::mpsc;

use crate::{listener::Place, socket::Accepted};

/// Connections on their way to a worker.
pub(crate) const QUEUE: usize = 256;

/// A connection for a worker.
pub(crate) struct Incoming {
    /// The listener's index.
    pub(crate) listener: usize,
    pub(crate) accepted: Accepted,
    pub(crate) place: Place,
}

/// A worker, as seen from outside.
#[derive(Clone)]
pub(crate) struct Seat {
    /// How many connections it has.
    pub(crate) load: Arc<AtomicUsize>,
    pub(crate) sender: mpsc::Sender<Incoming>,
}

/// Hands each connection to the worker that has the fewest.
///
/// RPC clients open few and long connections, so that what a kernel's hash does
/// to them is not good enough.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    seats: Vec<Seat>,
    /// Where to begin among equals.
    next: usize,
}

impl Dispatcher {
    pub(crate) fn new(seats: Vec<Seat>) -> Self {
        Self { seats, next: 0 }
    }

    /// Waits while the worker's queue is full.
    pub(crate) async fn dispatch(&mut self, accepted: Accepted, index: usize, place: Place) {
        let Some(seat) = self.least_loaded() else {
            return;
        };
        let incoming = Incoming {
            listener: index,
            accepted,
            place: place.on(seat.load.clone()),
        };
        if seat.sender.send(incoming).await.is_err() {
            tracing::debug!("a connection came for a worker that has stopped");
        }
    }

    fn least_loaded(&mut self) -> Option<&Seat> {
        let count = self.seats.len();
        let first = self.next;
        self.next = (first + 1) % count.max(1);
        let (before, from) = self.seats.split_at_checked(first)?;
        from.iter()
            .chain(before)
            .min_by_key(|seat| seat.load.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatcher(loads: &[usize]) -> Dispatcher {
        let seat = |load: &usize| Seat {
            load: Arc::new(AtomicUsize::new(*load)),
            sender: mpsc::channel(1).0,
        };
        Dispatcher::new(loads.iter().map(seat).collect())
    }

    fn pick(dispatcher: &mut Dispatcher) -> usize {
        let load = dispatcher
            .least_loaded()
            .expect("there are workers")
            .load
            .clone();
        let same = |seat: &Seat| Arc::ptr_eq(&seat.load, &load);
        dispatcher
            .seats
            .iter()
            .position(same)
            .expect("it is one of them")
    }

    #[test]
    fn the_least_loaded_is_picked() {
        let mut dispatcher = dispatcher(&[3, 1, 2]);
        assert_eq!([(); 3].map(|()| pick(&mut dispatcher)), [1, 1, 1]);
    }

    #[test]
    fn equals_take_turns() {
        let mut dispatcher = dispatcher(&[5, 5, 5]);
        assert_eq!([(); 4].map(|()| pick(&mut dispatcher)), [0, 1, 2, 0]);
    }
}
