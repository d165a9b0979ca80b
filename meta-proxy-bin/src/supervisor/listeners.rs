//! Listeners that are closed while the proxy goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_core::Address;
use meta_rds::TrafficDirection;
use tokio_util::sync::CancellationToken;

use super::Shared;

/// Where a listener is in its life.
#[derive(Default)]
pub(super) struct ListenerLife {
    /// Closes it.
    stop: CancellationToken,
    /// Its clients have been told.
    drains: AtomicBool,
}

/// How listeners come to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerDrain {
    /// At once. Connections go on.
    Close,
    /// Clients are told to go elsewhere, those there are at once.
    Graceful {
        /// How long connections are still accepted.
        time: Duration,
        /// Whether none are after that.
        close: bool,
    },
}

/// How many listeners are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerCounts {
    pub(crate) active: usize,
    pub(crate) draining: usize,
    pub(crate) closed: usize,
}

impl Shared {
    /// Closes listeners, all or those where requests come into the service.
    ///
    /// Has to be called on the runtime of the proxy.
    pub(crate) fn drain_listeners(self: &Arc<Self>, drain: ListenerDrain, inbound_only: bool) {
        let is_meant = |index: &usize| {
            let listener = self.plan.listeners.get(*index);
            let direction = listener.map(|listener| listener.config.traffic_direction);
            !inbound_only || direction == Some(TrafficDirection::Inbound)
        };
        let indices: Vec<_> = (0..self.lives.len()).filter(is_meant).collect();
        match drain {
            ListenerDrain::Close => indices.into_iter().for_each(|index| self.close(index)),
            ListenerDrain::Graceful { time, close } => {
                // Those that drain already do so by the first request.
                let begins = |index: &usize| {
                    let life = self.lives.get(*index);
                    life.is_some_and(|life| !life.drains.swap(true, Relaxed))
                };
                let begun: Vec<_> = indices.into_iter().filter(begins).collect();
                begun.iter().for_each(|index| self.tell_clients(*index));
                let shared = self.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = shared.abort.cancelled() => return,
                        () = tokio::time::sleep(time) => {}
                    }
                    if close {
                        begun.iter().for_each(|index| shared.close(*index));
                    }
                    // Those that came meanwhile.
                    begun.iter().for_each(|index| shared.tell_clients(*index));
                });
            }
        }
    }

    /// Tells the clients that are connected to a listener to go elsewhere; their
    /// connections end when nothing is in flight.
    fn tell_clients(&self, index: usize) {
        for worker in self.workers() {
            if let Some(drain) = worker.drains.get(index) {
                drain.begin_for_present();
            }
        }
    }

    fn close(&self, index: usize) {
        if let (Some(life), Some(listener)) =
            (self.lives.get(index), self.plan.listeners.get(index))
            && !life.stop.is_cancelled()
        {
            tracing::info!(listener = %listener.config.name, "closing the listener");
            life.stop.cancel();
        }
    }

    /// Closes all listeners.
    pub(super) fn close_listeners(&self) {
        self.lives.iter().for_each(|life| life.stop.cancel());
    }

    /// What closes a listener.
    pub(super) fn stop_of(&self, index: usize) -> Option<CancellationToken> {
        self.lives.get(index).map(|life| life.stop.clone())
    }

    /// The listeners that accept connections, and where.
    pub(crate) fn accepting(&self) -> impl Iterator<Item = (&Arc<str>, &[Address])> {
        let listeners = self.plan.listeners.iter().zip(&self.sites);
        let listeners = listeners.zip(&self.lives);
        let open = listeners.filter(|((_, site), life)| site.listens && !life.stop.is_cancelled());
        open.map(|((listener, site), _)| (&listener.config.name, site.addresses.as_slice()))
    }

    pub(crate) fn listener_counts(&self) -> ListenerCounts {
        let mut counts = ListenerCounts::default();
        for life in &self.lives {
            let is_closed = life.stop.is_cancelled();
            match (is_closed, life.drains.load(Relaxed)) {
                (true, _) => counts.closed += 1,
                (false, true) => counts.draining += 1,
                (false, false) => counts.active += 1,
            }
        }
        counts
    }
}
