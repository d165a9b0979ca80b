//! The connections of one worker to one cluster.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use meta_codec::{Timer, Transport, Upstream, UpstreamStats, now};
use meta_core::{
    Address, Correlation, Encoded, LocalReply, ReplyKind, Request, Sharing, UpstreamInfo, WireForm,
};

use crate::{
    avoid::{Avoid, Standing},
    balancer::LoadBalancer,
    cluster::Cluster,
    connect::{Connect, Connected},
    limit::Permit,
};

mod bound;
mod exclusive;
mod group;
mod line;
mod shared;

pub(crate) use exclusive::Lease;
pub(crate) use line::Turn;
pub(crate) use shared::{SharedSlot, Tried};

use bound::{Open, PoolShared};
use exclusive::Idle;
use group::Group;

type BoxTransport = Box<dyn Transport>;

/// One cluster, as one worker sees it.
pub(crate) struct ClusterPool {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) upstream: Arc<Upstream>,
    /// The same for all forms, where it was configured so.
    sharing: Option<Sharing>,
    shared: Arc<PoolShared>,
    endpoints: Vec<Arc<Endpoint>>,
    balancer: Box<dyn LoadBalancer>,
    warned: AtomicBool,
}

/// One endpoint, as one worker sees it.
pub(crate) struct Endpoint {
    shared: Arc<PoolShared>,
    address: Address,
    avoid: Arc<Avoid>,
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

#[derive(Default)]
struct EndpointState {
    /// Connections at rest, the last used last.
    idle: Vec<Idle>,
    /// Shared ones, for each form.
    groups: Vec<Group>,
}

impl ClusterPool {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        upstream: Upstream,
        connector: Arc<dyn Connect>,
        balancer: Box<dyn LoadBalancer>,
    ) -> Self {
        let upstream = Arc::new(upstream);
        let shared = PoolShared::new(cluster.clone(), upstream.clone(), connector);
        let shared = Arc::new(shared);
        let endpoint = |(address, avoid): (&Address, &Arc<Avoid>)| {
            Arc::new(Endpoint {
                shared: shared.clone(),
                address: address.clone(),
                avoid: avoid.clone(),
                state: Mutex::default(),
                main: OnceLock::new(),
            })
        };
        let endpoints = cluster.config.endpoints.iter().zip(&cluster.avoid);
        let endpoints: Vec<_> = endpoints.map(endpoint).collect();
        shared.set_endpoints(&endpoints);
        let sharing = match upstream.capabilities().correlation {
            Correlation::OneAtATime => Some(Sharing::Exclusive),
            _ => cluster.config.sharing,
        };
        Self {
            sharing,
            endpoints,
            shared,
            cluster,
            upstream,
            balancer,
            warned: AtomicBool::new(false),
        }
    }

    pub(crate) fn stats(&self) -> &Arc<UpstreamStats> {
        self.upstream.stats()
    }

    /// Whether requests of this form share connections; never where the protocol
    /// carries one exchange at a time.
    pub(crate) fn is_shared(&self, form: WireForm) -> bool {
        let sharing = self.sharing.unwrap_or_else(|| self.upstream.sharing(form));
        sharing == Sharing::Shared
    }

    /// The endpoint that `request` goes to: the one whose turn it is, or the next
    /// of better standing.
    pub(crate) fn pick(&self, request: &Request) -> Result<&Arc<Endpoint>, LocalReply> {
        let picked = self.balancer.pick(self.endpoints.len(), request);
        let picked = picked.and_then(|index| Some((index, self.endpoints.get(index)?)));
        let Some((index, endpoint)) = picked else {
            self.stats().upstream_cx_none_healthy.inc();
            let reply =
                LocalReply::new(ReplyKind::NoHealthyUpstream, "the cluster has no endpoint");
            return Err(reply.with_cluster(self.cluster.config.name.clone()));
        };
        if self.endpoints.len() == 1 || endpoint.standing() == Standing::Good {
            return Ok(endpoint);
        }
        let (before, from) = self.endpoints.split_at(index);
        let others = from.iter().chain(before);
        // Of equals the first.
        Ok(others
            .min_by_key(|endpoint| endpoint.standing())
            .unwrap_or(endpoint))
    }

    pub(crate) fn endpoint_count(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is an endpoint that neither drains nor fails.
    pub(crate) fn has_good_endpoint(&self) -> bool {
        self.best_standing() == Some(Standing::Good)
    }

    /// Whether there is an endpoint to which a connection might be made.
    pub(crate) fn has_live_endpoint(&self) -> bool {
        self.best_standing() < Some(Standing::Fails)
    }

    fn best_standing(&self) -> Option<Standing> {
        self.endpoints
            .iter()
            .map(|endpoint| endpoint.standing())
            .min()
    }

    /// Counts mutations that do not fit, and says so once.
    pub(crate) fn note(&self, encoded: Encoded) {
        if encoded == Encoded::WithoutMutation {
            self.stats().upstream_rq_mutation_dropped.inc();
            if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    cluster = %self.cluster.config.name,
                    "a request mutation was dropped: the form has no room for it; \
                     see upstream_rq_mutation_dropped for how many more"
                );
            }
        }
    }

    /// Drops what is closed or has been at rest for too long, and looks after
    /// the rest: the task is woken when a server closes one of them.
    pub(crate) fn sweep(&self, cx: &mut Context<'_>, at: Instant) {
        for endpoint in &self.endpoints {
            endpoint.sweep(cx, at);
        }
        // Other workers may have closed some of theirs.
        self.shared.wake();
    }
}

impl Endpoint {
    fn state(&self) -> MutexGuard<'_, EndpointState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stats(&self) -> &UpstreamStats {
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

    fn standing(&self) -> Standing {
        self.avoid.standing(now())
    }

    /// The server wants no new requests, or welcomes them again.
    fn drains(&self, drains: bool) {
        self.avoid.drains(drains, now());
    }

    /// Adds a connection to those of this form that clients share, as soon as it is
    /// made; `false` where there is no room for one.
    fn add_shared(self: &Arc<Self>, form: WireForm) -> bool {
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

    fn sweep(&self, cx: &mut Context<'_>, at: Instant) {
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

    /// Makes a connection, within the connect timeout.
    async fn connect(&self, open: Open) -> Result<(Connected, Open), LocalReply> {
        let stats = self.stats();
        stats.upstream_cx_total.inc();
        let timeout = self.shared.cluster.config.connect_timeout;
        let connecting = self.shared.connector.connect(&self.address);
        let timer = self.shared.upstream.wheel().timer();
        let deadline = now().checked_add(timeout);
        let failure = match within(timer, deadline, connecting).await {
            Some(Ok(connected)) => {
                self.avoid.connected();
                return Ok((connected, open));
            }
            Some(Err(error)) => {
                stats.upstream_cx_connect_fail.inc();
                format!("cannot connect to {}: {error}", self.address)
            }
            None => {
                stats.upstream_cx_connect_fail.inc();
                stats.upstream_cx_connect_timeout.inc();
                format!("{} did not accept within {timeout:?}", self.address)
            }
        };
        self.avoid.failed(now());
        Err(LocalReply::new(ReplyKind::ConnectFailed, failure)
            .with_cluster(self.shared.cluster.config.name.clone())
            .retriable())
    }

    /// How many connections are at rest.
    fn at_rest(&self) -> usize {
        self.state().idle.len()
    }

    /// Closes the connection that has been at rest for longest.
    fn evict_idle(&self) -> bool {
        let mut state = self.state();
        let evicted = (!state.idle.is_empty()).then(|| state.idle.remove(0));
        drop(state);
        if evicted.is_some() {
            self.stats().upstream_cx_destroy_local.inc();
        }
        evicted.is_some()
    }

    /// Gives up a shared connection that carries nothing.
    fn evict_shared(&self) -> bool {
        self.state().groups.iter().any(Group::give_up)
    }

    fn info(&self, connected: &Connected) -> Arc<UpstreamInfo> {
        Arc::new(UpstreamInfo {
            cluster: self.shared.cluster.config.name.clone(),
            endpoint: self.address.clone(),
            local: connected.local.clone(),
        })
    }
}

/// Waits for `future` until the deadline; `None` where that comes first.
pub(crate) async fn within<F: Future>(
    mut timer: Timer,
    deadline: Option<Instant>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        match deadline {
            Some(deadline) => timer.poll_until(deadline, cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

/// How often connections at rest are looked at, besides when their server
/// closes them.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
