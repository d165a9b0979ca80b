//! Exchanges that have to wait for a connection first.

use std::{future::poll_fn, sync::Arc};

use meta_codec::Shared;
use meta_core::{LocalReply, MessageKind, Request, Response};

use super::exchange::{Outcome, answered, pinned};
use crate::pool::{ClusterPool, Endpoint, SharedSlot};

/// Sends `request` over the connection of `slot`.
pub(super) async fn shared(
    pool: Arc<ClusterPool>,
    slot: Arc<SharedSlot>,
    request: Request,
    mut retried: bool,
) -> Outcome {
    loop {
        let shared = match slot.connected().await {
            Ok(shared) => shared,
            Err(reply) => {
                unbind(&pool, &slot, &request);
                return Err(reply);
            }
        };
        poll_fn(|cx| shared.poll_room(cx)).await;
        match send(&pool, &shared, &request).await {
            Err(reply) if reply.is_retriable() && !retried => {
                retried = true;
                pool.stats().upstream_rq_retry.inc();
            }
            ended => return ended,
        }
    }
}

/// Binds the client no longer to an endpoint that no connection can be made to.
fn unbind(pool: &ClusterPool, slot: &Arc<SharedSlot>, request: &Request) {
    let (session, name) = (request.session(), &pool.cluster.config.name);
    let pinned = session.pinned::<SharedSlot>(name);
    if pinned.is_some_and(|pinned| Arc::ptr_eq(&pinned, slot)) {
        session.unpin(name);
    }
}

/// Sends `request` once more.
pub(super) async fn shared_again(pool: Arc<ClusterPool>, request: Request) -> Outcome {
    let slot = match pinned(&pool, &request)? {
        Some(slot) => slot,
        None => {
            let form = request.metadata().form;
            pool.pick(&request)?.with_slot(form, Arc::clone)
        }
    };
    shared(pool, slot, request, true).await
}

async fn send(pool: &ClusterPool, shared: &Shared, request: &Request) -> Outcome {
    let (message, mutation) = (&request.message, &request.mutation);
    let info = shared.info().clone();
    if message.kind() == MessageKind::Request {
        let (call, encoded) = shared.call(message, mutation, None)?;
        pool.note(encoded);
        Ok(Response::new(call.await?, info))
    } else {
        let (send, encoded) = shared.send(message, mutation)?;
        pool.note(encoded);
        send.await?;
        Ok(Response::written(Some(info)))
    }
}

/// Sends `request` over a connection that it has to itself; with `fresh` over
/// one that was never used.
pub(super) async fn exclusive(
    pool: Arc<ClusterPool>,
    endpoint: Arc<Endpoint>,
    request: Request,
    mut fresh: bool,
) -> Outcome {
    let form = request.metadata().form;
    let wants_answer = request.metadata().kind == MessageKind::Request;
    loop {
        let lease = endpoint.lease(form, fresh).await?;
        let mut lease = lease.carry(&pool, &request)?;
        let outcome = match wants_answer {
            true => poll_fn(|cx| lease.poll_response(cx)).await.map(Some),
            false => poll_fn(|cx| lease.poll_written(cx)).await.map(|()| None),
        };
        match outcome {
            Ok(message) => return Ok(answered(lease, message)),
            Err(reply) if reply.is_retriable() && lease.used_before && !fresh => {
                fresh = true;
                pool.stats().upstream_rq_retry.inc();
            }
            Err(reply) => return Err::<Response, LocalReply>(reply),
        }
    }
}
