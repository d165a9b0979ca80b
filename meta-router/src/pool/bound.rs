//! The bound on connections, and who waits at it.

use std::{collections::BTreeMap, num::NonZeroU32};

use arc_swap::ArcSwap;

use super::*;

/// What the endpoints of a pool have in common.
pub(super) struct PoolShared {
    pub(super) cluster: Arc<Cluster>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) connector: Arc<dyn Connect>,
    /// The endpoints themselves, which hold this.
    endpoints: ArcSwap<Vec<Weak<Endpoint>>>,
    /// This worker's connections.
    open: AtomicUsize,
    queue: Mutex<Queue>,
    /// How many wait, those included that have been woken.
    queued: AtomicUsize,
}

/// Who waits for a connection to be given back or closed, in order.
#[derive(Default)]
struct Queue {
    next_number: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl PoolShared {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        upstream: Arc<Upstream>,
        connector: Arc<dyn Connect>,
    ) -> Self {
        Self {
            cluster,
            upstream,
            connector,
            endpoints: ArcSwap::default(),
            open: AtomicUsize::new(0),
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
        }
    }

    /// The requests that one connection carries.
    pub(super) fn max_requests(&self) -> u32 {
        let max = self.cluster.config.max_requests_per_connection;
        max.map_or(u32::MAX, NonZeroU32::get)
    }

    /// Names the endpoints in force.
    pub(super) fn set_endpoints(&self, endpoints: &[Arc<Endpoint>]) {
        let endpoints = endpoints.iter().map(Arc::downgrade).collect();
        self.endpoints.store(Arc::new(endpoints));
    }

    /// Leave to have one connection more; waits for one to be given up where the
    /// limit is reached.
    pub(super) fn poll_admit(
        self: &Arc<Self>,
        waiting: &mut Option<Waiting>,
        cx: &Context<'_>,
    ) -> Poll<Result<Open, LocalReply>> {
        let in_turn = waiting.is_some() || !self.is_awaited();
        if in_turn && let Some(open) = self.open_or_evict() {
            return Poll::Ready(Ok(open));
        }
        let waiting = match waiting {
            Some(waiting) => waiting,
            None => waiting.insert(Waiting::begin(self)?),
        };
        waiting.wait(cx);
        // What another thread gave up before this waited has woken nobody.
        let alone = self.queued.load(Ordering::Relaxed) == 1;
        if alone && let Some(open) = self.open_or_evict() {
            return Poll::Ready(Ok(open));
        }
        if in_turn {
            self.evict_shared();
        }
        Poll::Pending
    }

    /// Whether anyone waits, so that whoever comes now has to wait as well.
    pub(super) fn is_awaited(&self) -> bool {
        self.queued.load(Ordering::SeqCst) > 0
    }

    /// Room for a connection: one of the limit's, or this worker's first.
    pub(super) fn try_open(self: &Arc<Self>) -> Option<Open> {
        let limit = &self.cluster.connections;
        let permit = match limit.try_acquire() {
            Some(permit) => permit,
            None if self.open.load(Ordering::Relaxed) == 0 => limit.acquire_over(),
            None => return None,
        };
        self.open.fetch_add(1, Ordering::Relaxed);
        self.upstream.stats().upstream_cx_active.inc();
        Some(Open {
            pool: self.clone(),
            permit: Some(permit),
            began: None,
            in_exchange: false,
        })
    }

    /// Room for a connection; for want of it, that of one at rest, which may be of
    /// another form or lead to another endpoint.
    fn open_or_evict(self: &Arc<Self>) -> Option<Open> {
        loop {
            if let Some(open) = self.try_open() {
                return Some(open);
            }
            let endpoints = self.endpoints.load();
            let endpoints = endpoints.iter().filter_map(Weak::upgrade);
            let crowded = endpoints.max_by_key(|endpoint| endpoint.at_rest())?;
            if !crowded.evict_idle() {
                return None;
            }
        }
    }

    /// Gives up a shared connection that carries nothing. It closes when its task
    /// comes to it, which wakes who waits.
    fn evict_shared(&self) {
        let endpoints = self.endpoints.load();
        let mut endpoints = endpoints.iter().filter_map(Weak::upgrade);
        endpoints.any(|endpoint| endpoint.evict_shared());
    }

    /// There may be room: who has waited longest looks again, and whoever takes
    /// the room or goes wakes the next.
    pub(super) fn wake(&self) {
        if !self.is_awaited() {
            // Whoever comes to wait after this look finds what there is.
            return;
        }
        let mut queue = self.queue();
        if let Some((_, waker)) = queue.wakers.pop_first() {
            drop(queue);
            waker.wake();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for a connection.
pub(crate) struct Waiting {
    pool: Arc<PoolShared>,
    number: u64,
    _permit: Permit,
}

impl Waiting {
    fn begin(pool: &Arc<PoolShared>) -> Result<Self, LocalReply> {
        let stats = pool.upstream.stats();
        let Some(permit) = pool.cluster.pending.try_acquire() else {
            stats.upstream_rq_pending_overflow.inc();
            let limits = &pool.cluster.config.limits;
            let detail = format!(
                "{} connections are in use and {} requests wait for one",
                limits.max_connections, limits.max_pending
            );
            return Err(LocalReply::new(ReplyKind::Overflow, detail)
                .with_cluster(pool.cluster.config.name.clone()));
        };
        stats.upstream_cx_overflow.inc();
        stats.upstream_rq_pending_total.inc();
        stats.upstream_rq_pending_active.inc();
        pool.queued.fetch_add(1, Ordering::SeqCst);
        let mut queue = pool.queue();
        let number = queue.next_number;
        queue.next_number += 1;
        drop(queue);
        Ok(Self {
            pool: pool.clone(),
            number,
            _permit: permit,
        })
    }

    fn wait(&self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        self.pool.queue().wakers.insert(self.number, waker);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pool.upstream.stats().upstream_rq_pending_active.dec();
        self.pool.queued.fetch_sub(1, Ordering::Relaxed);
        let woken = self.pool.queue().wakers.remove(&self.number).is_none();
        if woken {
            self.pool.wake();
        }
    }
}

/// An open connection's place among those that may be; given up when dropped.
pub(crate) struct Open {
    pool: Arc<PoolShared>,
    permit: Option<Permit>,
    /// When it was begun to be made, and where that is counted.
    began: Option<(Instant, Arc<EndpointStats>)>,
    /// An exchange is under way that has the connection to itself.
    pub(super) in_exchange: bool,
}

impl Open {
    /// Counts that a connection to this endpoint is being made; tells when.
    pub(super) fn begin(&mut self, endpoint: &Arc<EndpointStats>) -> Instant {
        let at = now();
        endpoint.cx_total.inc();
        endpoint.cx_active.inc();
        self.began = Some((at, endpoint.clone()));
        at
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some((began, endpoint)) = self.began.take() {
            endpoint.cx_active.dec();
            let stats = self.pool.upstream.stats();
            let length = now().saturating_duration_since(began);
            stats.upstream_cx_length_ms.record(length);
        }
        self.permit = None;
        self.pool.open.fetch_sub(1, Ordering::Relaxed);
        let stats = self.pool.upstream.stats();
        stats.upstream_cx_active.dec();
        stats.upstream_cx_destroy.inc();
        if self.in_exchange {
            stats.upstream_cx_destroy_local.inc();
            stats.upstream_cx_destroy_with_active_rq.inc();
        }
        self.pool.wake();
    }
}
