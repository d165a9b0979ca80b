//! The router: the service at the inner end of every filter chain.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use foldhash::fast::RandomState;
use meta_codec::{Upstream, UpstreamStats, Wheel, now};
use meta_core::{
    CodecFactory, Limits, LocalReply, ReplyKind, Request, ResolvedRoute, Response, WorkerId,
};
use tower_service::Service;

use crate::{
    balancer::RoundRobin,
    cluster::Clusters,
    connect::Connect,
    pool::{ClusterPool, SWEEP_INTERVAL},
};

mod exchange;
mod future;
mod mirror;
mod waiting;

pub use future::RouteFuture;

use exchange::Exchange;
use mirror::Copies;

/// Sends each request to the cluster its route names and returns the response.
/// One for each worker; cheap to clone.
///
/// Always ready: bounds are the clusters' own, and over one of them a request
/// is refused with [`ReplyKind::Overflow`]. Every request ends: with its
/// response, or with a [`LocalReply`] that names the cluster, within the timeout
/// of its route or the client's own, whichever is shorter. A one-way request
/// ends when it has been written. Dropping the response future gives the
/// request up; an exclusive upstream connection is closed by that, and a late
/// response on a shared one is dropped and counted.
///
/// A request of which not one byte was taken, because its upstream connection
/// had just been closed, is sent once more over a fresh one. One for which no
/// connection can be made is given to another endpoint, if there is one that
/// did not fail lately; at most twice. Endpoints that failed or drain are left
/// alone for a while as long as there are others.
///
/// A route's [`Mirror`](meta_core::Mirror)s are sent besides, of calls that bind their
/// client to no server; a worker has at most 1,024 of them and 64 MiB under way, and
/// counts those it drops.
///
/// Over shared connections requests of one client reach an endpoint in the order
/// in which it sent them, one-way calls included.
#[derive(Clone)]
pub struct Router {
    worker: Arc<WorkerRouter>,
}

struct WorkerRouter {
    pools: HashMap<Arc<str>, Arc<ClusterPool>, RandomState>,
    copies: Copies,
}

impl Router {
    /// The router of one worker, with pools of its own.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime: the worker's own, whose tasks look after
    /// connections at rest.
    pub fn new(
        codec: Arc<dyn CodecFactory>,
        limits: Limits,
        worker: WorkerId,
        wheel: Wheel,
        clusters: &Clusters,
        connector: Arc<dyn Connect>,
    ) -> Self {
        let pool = |cluster: &Arc<crate::cluster::Cluster>| {
            let mut config = cluster.config.upstream.clone();
            config.idle_timeout = config.idle_timeout.or(Some(cluster.config.idle_timeout));
            let upstream = Upstream::new(
                codec.clone(),
                limits,
                config,
                Arc::new(UpstreamStats::of_worker()),
                wheel.clone(),
            );
            let balancer = Box::new(RoundRobin::starting_at(worker.0));
            let pool = ClusterPool::new(cluster.clone(), upstream, connector.clone(), balancer);
            (cluster.config.name.clone(), Arc::new(pool))
        };
        let worker = Arc::new(WorkerRouter {
            pools: clusters.iter().map(pool).collect(),
            copies: Copies::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&worker)));
        Self { worker }
    }

    /// What this worker counts for each cluster.
    pub fn stats(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<UpstreamStats>)> {
        let pools = self.worker.pools.iter();
        pools.map(|(name, pool)| (name, pool.stats()))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("clusters", &self.worker.pools.keys())
            .finish()
    }
}

impl Service<Request> for Router {
    type Response = Response;
    type Error = LocalReply;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> RouteFuture {
        match self.worker.admit(&mut request) {
            Ok((route, active)) => RouteFuture::new(Exchange::new(request, route, active)),
            Err(reply) => RouteFuture::refused(reply),
        }
    }
}

impl WorkerRouter {
    /// Finds the cluster of a request's route, and a place for the request there.
    fn admit(&self, request: &mut Request) -> Result<(ResolvedRoute, Active), LocalReply> {
        let Some(route) = request.take_route() else {
            let operation = request.metadata().operation();
            let detail = match operation.is_empty() {
                true => "no route matches".to_owned(),
                false => format!("no route matches {operation}"),
            };
            return Err(LocalReply::new(ReplyKind::NoRoute, detail));
        };
        let Some(pool) = self.pools.get(route.cluster()) else {
            let detail = format!("route {:?} names it", route.route().name);
            return Err(LocalReply::new(ReplyKind::UnknownCluster, detail)
                .with_cluster(route.cluster().clone()));
        };
        let active = Active::begin(pool)?;
        if !route.route().mirrors.is_empty() {
            self.mirror(request, route.route());
        }
        Ok((route, active))
    }
}

/// A request under way: its place among those that may be, and what it counts.
/// Made only once it has that place.
struct Active {
    pool: Arc<ClusterPool>,
    ended: bool,
}

impl Active {
    fn begin(pool: &Arc<ClusterPool>) -> Result<Self, LocalReply> {
        let stats = pool.stats();
        stats.upstream_rq_total.inc();
        let limit = &pool.cluster.requests;
        if !limit.enter() {
            stats.upstream_rq_pending_overflow.inc();
            let detail = format!("{} requests are under way", limit.max());
            return Err(LocalReply::new(ReplyKind::Overflow, detail)
                .with_cluster(pool.cluster.config.name.clone()));
        }
        stats.upstream_rq_active.inc();
        Ok(Self {
            pool: pool.clone(),
            ended: false,
        })
    }

    fn failed(&mut self, reply: &LocalReply) {
        self.ended = true;
        if reply.kind() == ReplyKind::ConnectFailed {
            self.pool.stats().upstream_rq_pending_failure_eject.inc();
        }
    }

    fn answered(&mut self, after: Duration) {
        self.ended = true;
        let stats = self.pool.stats();
        stats.upstream_rq_completed.inc();
        stats.upstream_rq_time.record(after);
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.pool.cluster.requests.leave();
        let stats = self.pool.stats();
        stats.upstream_rq_active.dec();
        if !self.ended {
            stats.upstream_rq_cancelled.inc();
        }
    }
}

/// Looks after the connections at rest of a worker, as long as it lives.
async fn sweep(worker: Weak<WorkerRouter>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let alive = poll_fn(|cx| {
            let Some(worker) = worker.upgrade() else {
                return Poll::Ready(false);
            };
            let at = now();
            for pool in worker.pools.values() {
                pool.sweep(cx, at);
            }
            interval.poll_tick(cx).map(|_| true)
        })
        .await;
        if !alive {
            return;
        }
    }
}
