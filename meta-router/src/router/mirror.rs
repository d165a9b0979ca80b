//! Copies of requests, which outlive their clients.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
};

use meta_core::{ConnectionInfo, MessageKind, Mirror, Request, ResolvedRoute, Route, Session};
use tokio::task::JoinSet;

use super::{Active, WorkerRouter, exchange::Exchange};
use crate::{pool::ClusterPool, table::random};

/// Copies of a worker that are under way.
const MAX_COPIES: usize = 1024;
/// Bytes of them all.
const MAX_BYTES: usize = 64 << 20;

/// The copies of a worker that are under way; given up with the worker.
#[derive(Default)]
pub(super) struct Copies(Mutex<UnderWay>);

#[derive(Default)]
struct UnderWay {
    /// Each ends with its bytes.
    tasks: JoinSet<usize>,
    bytes: usize,
}

impl WorkerRouter {
    /// Sends the copies that the route of `request` asks for.
    #[cold]
    pub(super) fn mirror(&self, request: &Request, route: &Route) {
        // What is tied to a connection has no meaning but there.
        let metadata = request.metadata();
        let is_call = matches!(metadata.kind, MessageKind::Request | MessageKind::OneWay);
        if !is_call || metadata.binds_session {
            return;
        }
        let due = route.mirrors.iter();
        for mirror in due.filter(|mirror| mirror.fraction.takes(random::next_u64())) {
            if let Some(pool) = self.pools.get(&mirror.cluster) {
                self.copies.send(pool, copy(request, route), mirror, route);
            }
        }
    }
}

impl Copies {
    fn send(&self, pool: &Arc<ClusterPool>, copy: Request, mirror: &Mirror, route: &Route) {
        let stats = pool.stats();
        let bytes = copy.message.frame.len();
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = under_way.tasks.try_join_next() {
            under_way.bytes = under_way.bytes.saturating_sub(ended.unwrap_or_default());
        }
        let is_full = under_way.tasks.len() >= MAX_COPIES
            || under_way.bytes.saturating_add(bytes) > MAX_BYTES;
        let active = if is_full {
            None
        } else {
            Active::begin(pool).ok()
        };
        let Some((active, way)) = active.zip(way(mirror, route)) else {
            stats.upstream_rq_mirror_dropped.inc();
            return;
        };
        stats.upstream_rq_mirrored.inc();
        let mut exchange = Exchange::new(copy, way, active);
        under_way.bytes += bytes;
        under_way.tasks.spawn(async move {
            // Its cluster has counted what became of it.
            let _ = poll_fn(|cx| exchange.poll(cx)).await;
            bytes
        });
    }
}

/// The same message with the same changes, of a connection that nobody is at the
/// other end of.
fn copy(request: &Request, route: &Route) -> Request {
    let info = request.session().info();
    let session = Session::new(ConnectionInfo {
        routes: None,
        ..info.clone()
    });
    let mut copy = Request::new(request.message.clone(), session, request.received_at());
    copy.mutation.extend(&request.mutation);
    copy.mutation.extend(&route.request_mutation);
    copy.with_place(request.place())
}

/// The way of a copy: as long as the request itself may take.
fn way(mirror: &Mirror, route: &Route) -> Option<ResolvedRoute> {
    let mut way = Route::to_cluster(route.name.clone(), mirror.cluster.clone());
    way.timeout = route.timeout;
    ResolvedRoute::new(Arc::new(way), 0)
}
