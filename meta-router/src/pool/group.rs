//! The shared connections to one endpoint, and which of them a client uses.

use super::*;

/// How long after one more connection the next may be added.
const GROW_INTERVAL: Duration = Duration::from_secs(1);

/// Shared connections of one form. There is one; under load there are more, up to
/// the cluster's limit.
///
/// A client uses one of them, so that its requests arrive in the order in which
/// it sent them. To a connection that was added later it turns only when it has
/// nothing in flight.
pub(super) struct Group {
    form: WireForm,
    /// Each with the time at which it was added; never empty.
    slots: Vec<(Instant, Arc<SharedSlot>)>,
}

impl Group {
    pub(super) fn new(form: WireForm, endpoint: &Arc<Endpoint>) -> Self {
        let first = Arc::new(SharedSlot::new(endpoint.clone(), None));
        Self {
            form,
            slots: vec![(now(), first)],
        }
    }

    pub(super) fn is_of(&self, form: WireForm) -> bool {
        self.form == form
    }

    /// Shows `use_slot` the connection that `request` goes over; then adds one more
    /// if that is busy.
    pub(super) fn with_slot<R>(
        &mut self,
        endpoint: &Arc<Endpoint>,
        request: &Request,
        use_slot: impl FnOnce(&Arc<SharedSlot>) -> R,
    ) -> R {
        let index = self.index_for(request);
        let Some((_, slot)) = self.slots.get(index) else {
            return use_slot(&Arc::new(SharedSlot::new(endpoint.clone(), None)));
        };
        let used = use_slot(slot);
        if slot.is_busy() {
            self.grow(endpoint);
        }
        used
    }

    fn index_for(&self, request: &Request) -> usize {
        if self.slots.len() == 1 {
            return 0;
        }
        let since = request.busy_since();
        let known = self.slots.iter().take_while(|(added, _)| *added <= since);
        let count = known.count().max(1);
        line::client_of(request) as usize % count
    }

    fn grow(&mut self, endpoint: &Arc<Endpoint>) {
        let max = endpoint.shared.cluster.config.shared_connections;
        let at = now();
        let recently = |(added, _): &(Instant, _)| at < *added + GROW_INTERVAL;
        if self.slots.len() >= max || self.slots.last().is_some_and(recently) {
            return;
        }
        let slot = SharedSlot::new(endpoint.clone(), None);
        self.slots.push((at, Arc::new(slot)));
    }

    /// Whether there is no connection, nor anyone who wants one.
    pub(super) fn is_vacant(&self) -> bool {
        self.slots
            .iter()
            .all(|(_, slot)| SharedSlot::is_vacant(slot))
    }

    /// Gives up a connection that carries nothing; whether there was one.
    pub(super) fn give_up(&self) -> bool {
        self.slots.iter().any(|(_, slot)| slot.give_up())
    }
}
