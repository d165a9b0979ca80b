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

use meta_codec::{EndpointStats, Timer, Transport, Upstream, UpstreamStats, now};
use meta_core::{
    Address, Correlation, Encoded, LocalReply, ReplyKind, Request, Sharing, UpstreamInfo, WireForm,
};

use crate::{
    avoid::Standing,
    balancer::LoadBalancer,
    cluster::Cluster,
    connect::{Connect, Connected},
    limit::Permit,
};

mod bound;
mod endpoint;
mod exclusive;
mod group;
mod line;
mod members;
mod shared;

pub(crate) use bound::Waiting;
pub(crate) use endpoint::Endpoint;
pub(crate) use exclusive::Lease;
pub(crate) use line::Turn;
pub(crate) use members::Picked;
pub(crate) use shared::{SharedSlot, Tried};

use bound::{Open, PoolShared};
use exclusive::Idle;
use group::Group;
use members::Members;

type BoxTransport = Box<dyn Transport>;

/// One cluster, as one worker sees it.
pub(crate) struct ClusterPool {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) upstream: Arc<Upstream>,
    /// The same for all forms, where it was configured so.
    sharing: Option<Sharing>,
    shared: Arc<PoolShared>,
    members: Members,
    balancer: Box<dyn LoadBalancer>,
    warned: AtomicBool,
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
        let sharing = match upstream.capabilities().correlation {
            Correlation::OneAtATime => Some(Sharing::Exclusive),
            _ => cluster.config.sharing,
        };
        Self {
            sharing,
            members: Members::new(shared.clone()),
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
    pub(crate) fn pick(&self, request: &Request) -> Result<Picked<'_>, LocalReply> {
        let endpoints = self.members.in_force();
        let turn = self.balancer.pick(endpoints.len(), request);
        let index = turn.map(|turn| best_from(&endpoints, turn));
        let picked = index.and_then(|index| Picked::new(endpoints, index));
        let picked = picked.ok_or_else(|| {
            self.stats().upstream_cx_none_healthy.inc();
            let reply =
                LocalReply::new(ReplyKind::NoHealthyUpstream, "the cluster has no endpoint");
            reply.with_cluster(self.cluster.config.name.clone())
        })?;
        request.note_endpoint(|| picked.address());
        Ok(picked)
    }

    pub(crate) fn endpoint_count(&self) -> usize {
        self.members.in_force().len()
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
        let endpoints = self.members.in_force();
        endpoints.iter().map(|endpoint| endpoint.standing()).min()
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
        for endpoint in self.members.in_force().iter() {
            endpoint.sweep(cx, at);
        }
        // Other workers may have closed some of theirs.
        self.shared.wake();
    }
}

/// Where the best of the endpoints is, of equals the first from `turn` on.
fn best_from(endpoints: &[Arc<Endpoint>], turn: usize) -> usize {
    let standing = |index: &usize| endpoints.get(*index).map(|endpoint| endpoint.standing());
    if endpoints.len() == 1 || standing(&turn) == Some(Standing::Good) {
        return turn;
    }
    let others = (turn..endpoints.len()).chain(0..turn);
    others.min_by_key(standing).unwrap_or(turn)
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
