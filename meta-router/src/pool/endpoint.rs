//! One endpoint, as one worker sees it.

use std::io;

use super::*;
use crate::membership::Member;

/// One endpoint, as one worker sees it.
pub(crate) struct Endpoint {
    pub(super) shared: Arc<PoolShared>,
    member: Arc<Member>,
    /// Connections that count for this endpoint.
    pub(super) upstream: Arc<Upstream>,
    state: Mutex<EndpointState>,
    /// For the form that came first: found without the lock.
    main: OnceLock<Main>,
}

/// The shared connection that requests of the form that came first go over, until
/// there are more of that form.
struct Main {
    form: WireForm,
    slot: Arc<SharedSlot>,
    /// There are more.
    is_one_of_many: AtomicBool,
}

/// How far the making of a connection has come: whether what is left is to secure it.
#[derive(Default)]
struct Stage(AtomicBool);

impl Stage {
    fn is_connected(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(super) struct EndpointState {
    /// Connections at rest, the last used last.
    pub(super) idle: Vec<Idle>,
    /// Shared ones, for each form.
    groups: Vec<Group>,
    /// It is no longer one of the cluster's: nothing comes to rest here.
    pub(super) is_retired: bool,
}

impl Endpoint {
    pub(super) fn new(shared: Arc<PoolShared>, member: Arc<Member>) -> Arc<Self> {
        let cells = Arc::new(EndpointStats::of_worker());
        member.count_in(cells.clone());
        Arc::new(Self {
            upstream: Arc::new(shared.upstream.to_endpoint(cells)),
            shared,
            member,
            state: Mutex::default(),
            main: OnceLock::new(),
        })
    }

    /// The same, as all workers see it.
    pub(super) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Where it is.
    pub(super) fn address(&self) -> Address {
        Address::clone(&self.member.address())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, EndpointState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> &UpstreamStats {
        self.shared.upstream.stats()
    }

    /// Shows `use_slot` the place of the shared connection that `request` goes
    /// over.
    pub(crate) fn with_slot<R>(
        self: &Arc<Self>,
        request: &Request,
        use_slot: impl FnOnce(&Arc<SharedSlot>) -> R,
    ) -> R {
        let form = request.metadata().form;
        if let Some(main) = self.main.get()
            && main.form == form
            && !main.is_one_of_many.load(Ordering::Acquire)
        {
            let used = use_slot(&main.slot);
            if main.slot.is_busy() {
                self.with_group(form, |group| group.grow(self));
            }
            return used;
        }
        let mut state = self.state();
        let groups = &mut state.groups;
        let known = groups.iter().position(|group| group.is_of(form));
        let index = known.unwrap_or_else(|| {
            let group = Group::new(form, self);
            self.main.get_or_init(|| Main {
                form,
                slot: group.first().clone(),
                is_one_of_many: AtomicBool::new(false),
            });
            groups.push(group);
            groups.len() - 1
        });
        match groups.get_mut(index) {
            Some(group) => group.with_slot(self, request, use_slot),
            None => use_slot(&Arc::new(SharedSlot::new(self, None))),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.member.avoid.standing(now())
    }

    /// The server wants no new requests, or welcomes them again.
    pub(super) fn drains(&self, drains: bool) {
        self.member.avoid.drains(drains, now());
    }

    /// Whether it is no longer one of the cluster's.
    pub(super) fn is_retired(&self) -> bool {
        self.state().is_retired
    }

    /// Closes what is at rest, and gives up shared connections, which end with
    /// their last call. What is in use does not come to rest here any more.
    pub(super) fn retire(&self) {
        let mut state = self.state();
        state.is_retired = true;
        let idle = std::mem::take(&mut state.idle);
        let groups = std::mem::take(&mut state.groups);
        drop(state);
        self.stats()
            .upstream_cx_destroy_local
            .add(idle.len() as u64);
        drop(idle);
        groups.iter().for_each(Group::retire);
    }

    /// Adds a connection to those of this form that clients share, as soon as it is
    /// made; `false` where there is no room for one.
    pub(super) fn add_shared(self: &Arc<Self>, form: WireForm) -> bool {
        let Some(open) = self.shared.try_open() else {
            return false;
        };
        let endpoint = self.clone();
        tokio::spawn(async move {
            let slot = SharedSlot::connect(&endpoint, open).await;
            if let Some(main) = endpoint.main.get()
                && main.form == form
                && slot.is_ok()
            {
                // Before the clock is read: who does not see it yet came before.
                main.is_one_of_many.store(true, Ordering::Release);
            }
            endpoint.with_group(form, |group| group.grown(slot.ok()));
        });
        true
    }

    fn with_group(&self, form: WireForm, use_group: impl FnOnce(&mut Group)) {
        let mut state = self.state();
        if let Some(group) = state.groups.iter_mut().find(|group| group.is_of(form)) {
            use_group(group);
        }
    }

    pub(super) fn sweep(&self, cx: &mut Context<'_>, at: Instant) {
        let timeout = self.shared.cluster.config.idle_timeout;
        let mut state = self.state();
        let spent = |idle: &mut Idle| idle.is_spent(cx, at, timeout, self.stats());
        let gone: Vec<_> = state.idle.extract_if(.., spent).collect();
        if state.idle.is_empty() {
            state.idle = Vec::new();
        }
        // Clients may come up with any number of forms.
        state.groups.retain(|group| !group.is_vacant());
        state.groups.shrink_to(8);
        drop(state);
        drop(gone);
    }

    /// Makes a connection, within the connect timeout; tells where it leads.
    pub(super) async fn connect(
        &self,
        mut open: Open,
    ) -> Result<(Connected, Arc<UpstreamInfo>, Open), LocalReply> {
        let stats = self.stats();
        stats.upstream_cx_total.inc();
        let began = open.begin(self.upstream.endpoint_stats());
        let config = &self.shared.cluster.config;
        let timeout = config.connect_timeout;
        let address = self.member.address();
        let stage = Stage::default();
        let connecting = self.secured(&address, &stage);
        let timer = self.shared.upstream.wheel().timer();
        let deadline = began.checked_add(timeout);
        let failure = match within(timer, deadline, connecting).await {
            Some(Ok(connected)) => {
                self.member.avoid.connected();
                let took = now().saturating_duration_since(began);
                stats.upstream_cx_connect_ms.record(took);
                let info = Arc::new(UpstreamInfo {
                    cluster: config.name.clone(),
                    endpoint: Address::clone(&address),
                    local: connected.local.clone(),
                });
                return Ok((connected, info, open));
            }
            Some(Err(error)) => {
                stats.upstream_cx_connect_fail.inc();
                match stage.is_connected() {
                    false => format!("cannot connect to {address}: {error}"),
                    true => format!("cannot secure the connection to {address}: {error}"),
                }
            }
            None => {
                stats.upstream_cx_connect_fail.inc();
                stats.upstream_cx_connect_timeout.inc();
                match stage.is_connected() {
                    false => format!("{address} did not accept within {timeout:?}"),
                    true => {
                        format!("the connection to {address} was not secured within {timeout:?}")
                    }
                }
            }
        };
        self.upstream.endpoint_stats().cx_connect_fail.inc();
        self.member.avoid.failed(now());
        Err(LocalReply::new(ReplyKind::ConnectFailed, failure)
            .with_cluster(config.name.clone())
            .retriable())
    }

    /// Connects, and secures the connection where it is to be.
    async fn secured(&self, address: &Address, stage: &Stage) -> io::Result<Connected> {
        let config = &self.shared.cluster.config;
        let connector = &self.shared.connector;
        let mut connected = connector.connect_with(address, &config.socket).await?;
        if let Some(socket) = &config.transport_socket {
            stage.0.store(true, Ordering::Relaxed);
            connected.transport = socket.connect(connected.transport, address).await?;
        }
        Ok(connected)
    }

    /// How many connections are at rest.
    pub(super) fn at_rest(&self) -> usize {
        self.state().idle.len()
    }

    /// Closes the connection that has been at rest for longest.
    pub(super) fn evict_idle(&self) -> bool {
        let mut state = self.state();
        let evicted = (!state.idle.is_empty()).then(|| state.idle.remove(0));
        drop(state);
        if evicted.is_some() {
            self.stats().upstream_cx_destroy_local.inc();
        }
        evicted.is_some()
    }

    /// Gives up a shared connection that carries nothing.
    pub(super) fn evict_shared(&self) -> bool {
        self.state().groups.iter().any(Group::give_up)
    }
}
