//! The shared connections to one endpoint, and which of them a client uses.

use super::*;

/// How long after one more connection was asked for the next may be.
const GROW_INTERVAL: Duration = Duration::from_secs(1);

/// Shared connections of one form. There is one; under load there are more, up to
/// the cluster's limit.
///
/// A client uses one of them, so that its requests arrive in the order in which
/// it sent them. To a connection that was added later it turns only when it has
/// nothing in flight; from one that has closed, to the first.
pub(super) struct Group {
    form: WireForm,
    first: Arc<SharedSlot>,
    added: Vec<Added>,
    /// When one was last asked for.
    grew_at: Option<Instant>,
    is_growing: bool,
}

/// A connection that was added.
struct Added {
    slot: Arc<SharedSlot>,
    /// Since when clients know of this place.
    known_at: Instant,
    /// Since when there is this connection in it.
    open_at: Instant,
}

impl Group {
    pub(super) fn new(form: WireForm, endpoint: &Arc<Endpoint>) -> Self {
        Self {
            form,
            first: Arc::new(SharedSlot::new(endpoint, None)),
            added: Vec::new(),
            grew_at: None,
            is_growing: false,
        }
    }

    pub(super) fn is_of(&self, form: WireForm) -> bool {
        self.form == form
    }

    /// Shows `use_slot` the connection that `request` goes over; then asks for one
    /// more if that is busy.
    pub(super) fn with_slot<R>(
        &mut self,
        endpoint: &Arc<Endpoint>,
        request: &Request,
        use_slot: impl FnOnce(&Arc<SharedSlot>) -> R,
    ) -> R {
        let slot = self.slot_for(request);
        let used = use_slot(slot);
        if slot.is_busy() {
            self.grow(endpoint);
        }
        used
    }

    /// Asks for one more connection, if there may be one.
    pub(super) fn grow(&mut self, endpoint: &Arc<Endpoint>) {
        if self.may_grow(endpoint) {
            self.grew_at = Some(now());
            self.is_growing = endpoint.add_shared(self.form);
        }
    }

    /// The connection that all clients use, unless there are more.
    pub(super) fn first(&self) -> &Arc<SharedSlot> {
        &self.first
    }

    fn slot_for(&self, request: &Request) -> &Arc<SharedSlot> {
        if self.added.is_empty() {
            return &self.first;
        }
        let since = request.place().busy_since;
        let known = self.added.iter().take_while(|added| added.known_at < since);
        let places = known.count() + 1;
        let index = line::client_of(request) as usize % places;
        let added = index.checked_sub(1).and_then(|index| self.added.get(index));
        match added {
            Some(added) if added.open_at < since && added.slot.is_open() => &added.slot,
            _ => &self.first,
        }
    }

    /// Whether one more is to be asked for.
    fn may_grow(&self, endpoint: &Endpoint) -> bool {
        let recently = self
            .grew_at
            .is_some_and(|last| now() < last + GROW_INTERVAL);
        let max = endpoint.shared.cluster.config.shared_connections;
        let open = self.added.iter().filter(|added| added.slot.is_open());
        !recently && !self.is_growing && open.count() + 1 < max
    }

    /// Takes up the connection that was asked for, if it could be made, in the
    /// place of one that has closed if there is such.
    pub(super) fn grown(&mut self, slot: Option<SharedSlot>) {
        self.is_growing = false;
        let (Some(slot), at) = (slot.map(Arc::new), now()) else {
            return;
        };
        match self.added.iter_mut().find(|added| !added.slot.is_open()) {
            Some(added) => {
                added.slot = slot;
                added.open_at = at;
            }
            None => self.added.push(Added {
                slot,
                known_at: at,
                open_at: at,
            }),
        }
    }

    /// Whether there is no connection, nor anyone who wants one.
    pub(super) fn is_vacant(&self) -> bool {
        self.slots().all(SharedSlot::is_vacant)
    }

    /// Gives up a connection that carries nothing; whether there was one.
    pub(super) fn give_up(&self) -> bool {
        self.slots().any(|slot| slot.give_up())
    }

    /// Gives all connections up; they end with the last of their calls.
    pub(super) fn retire(&self) {
        self.slots().for_each(|slot| slot.retire());
    }

    fn slots(&self) -> impl Iterator<Item = &Arc<SharedSlot>> {
        let added = self.added.iter().map(|added| &added.slot);
        added.chain(std::iter::once(&self.first))
    }
}
