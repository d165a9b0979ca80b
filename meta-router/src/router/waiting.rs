//! Exchanges that have to wait for a connection first.

use std::{
    future::poll_fn,
    ptr,
    sync::Arc,
    task::{Poll, ready},
    time::Instant,
};

use meta_codec::{Shared, SharedCall, SharedSend};
use meta_core::{LocalReply, MessageKind, ReplyKind, Request, Response};

use super::exchange::{Outcome, answered, pinned};
use crate::pool::{ClusterPool, Endpoint, SharedSlot, Turn};

/// Endpoints tried for one request, where no connection can be made.
const MAX_CONNECTS: u32 = 3;

/// Sends `request` over a shared connection, when its turn has come.
pub(super) async fn shared(
    pool: Arc<ClusterPool>,
    mut turn: Turn,
    request: Request,
    deadline: Option<Instant>,
    mut retried: bool,
) -> Outcome {
    let mut connects = 1;
    loop {
        let shared = match turn.slot().connected().await {
            Ok(shared) => shared,
            Err(reply) => {
                unbind(&pool, turn.slot(), &request);
                let is_gone = turn.slot().is_gone();
                if !is_gone && !may_go_elsewhere(&pool, &reply, &mut connects) {
                    return Err(reply);
                }
                turn = queue(&pool, &request)?;
                continue;
            }
        };
        // One that came earlier may still join the line while this waits for room.
        poll_fn(|cx| {
            ready!(turn.poll_first(cx));
            shared.poll_room(cx)
        })
        .await;
        if !turn.slot().admits(&shared) {
            continue;
        }
        let sent = Sent::send(&pool, &shared, &request, deadline);
        let ended = match sent {
            Ok(sent) => {
                drop(turn);
                sent.ended(&shared).await
            }
            Err(reply) => Err(reply),
        };
        match ended {
            Err(reply) if reply.is_retriable() && !retried => {
                retried = true;
                pool.stats().upstream_rq_retry.inc();
                turn = queue(&pool, &request)?;
            }
            ended => return ended,
        }
    }
}

/// Sends `request` once more.
pub(super) async fn shared_again(
    pool: Arc<ClusterPool>,
    request: Request,
    deadline: Option<Instant>,
) -> Outcome {
    let turn = queue(&pool, &request)?;
    shared(pool, turn, request, deadline, true).await
}

/// Whether a request for which no connection could be made is given to another
/// endpoint.
fn may_go_elsewhere(pool: &ClusterPool, reply: &LocalReply, connects: &mut u32) -> bool {
    let may = reply.kind() == ReplyKind::ConnectFailed
        && *connects < MAX_CONNECTS
        && pool.has_live_endpoint();
    *connects += 1;
    may
}

/// A place in the line for the connection that `request` goes over.
fn queue(pool: &ClusterPool, request: &Request) -> Result<Turn, LocalReply> {
    let turn = |slot: &Arc<SharedSlot>| Turn::queue(slot.clone(), request);
    Ok(match pinned(pool, request)? {
        Some(slot) => turn(&slot),
        None => pool.pick(request)?.with_slot(request, turn),
    })
}

/// Binds the client no longer to an endpoint that no connection can be made to.
fn unbind(pool: &ClusterPool, slot: &Arc<SharedSlot>, request: &Request) {
    let (session, name) = (request.session(), &pool.cluster.config.name);
    session.unpin::<SharedSlot>(name, |pinned| ptr::eq(pinned, &**slot));
}

/// A request whose bytes are under way.
enum Sent {
    Call(SharedCall),
    OneWay(SharedSend),
}

impl Sent {
    fn send(
        pool: &ClusterPool,
        shared: &Shared,
        request: &Request,
        deadline: Option<Instant>,
    ) -> Result<Self, LocalReply> {
        let (message, mutation) = (&request.message, &request.mutation);
        let (sent, encoded) = match message.kind() {
            MessageKind::Request => {
                let (call, encoded) = shared.call(message, mutation, deadline)?;
                (Self::Call(call), encoded)
            }
            _ => {
                let (send, encoded) = shared.send(message, mutation)?;
                (Self::OneWay(send), encoded)
            }
        };
        pool.note(encoded);
        Ok(sent)
    }

    /// Waits for the answer, or for the write of what wants none.
    async fn ended(self, shared: &Shared) -> Outcome {
        let info = shared.info().clone();
        match self {
            Self::Call(call) => Ok(Response::new(call.await?, info)),
            Self::OneWay(send) => {
                send.await?;
                Ok(Response::written(Some(info)))
            }
        }
    }
}

/// Sends `request` over a connection that it has to itself; with `fresh` over
/// one that was never used.
pub(super) async fn exclusive(
    pool: Arc<ClusterPool>,
    mut endpoint: Arc<Endpoint>,
    request: Request,
    deadline: Option<Instant>,
    mut fresh: bool,
) -> Outcome {
    let form = request.metadata().form;
    let wants_answer = request.metadata().kind == MessageKind::Request;
    let mut connects = 1;
    let mut place = None;
    loop {
        let lease = match endpoint.lease(form, fresh, &mut place).await {
            Ok(Some(lease)) => lease,
            Ok(None) => {
                endpoint = pool.pick(&request)?.clone();
                continue;
            }
            Err(reply) if may_go_elsewhere(&pool, &reply, &mut connects) => {
                endpoint = pool.pick(&request)?.clone();
                continue;
            }
            Err(reply) => return Err(reply),
        };
        let mut lease = lease.carry(&pool, &request)?;
        let outcome = match wants_answer {
            true => poll_fn(|cx| match lease.poll_response(cx) {
                Poll::Pending => match deadline {
                    // Whoever waits for this says what it is about.
                    Some(deadline) => lease
                        .poll_deadline(deadline, cx)
                        .map(|()| Err(LocalReply::new(ReplyKind::Timeout, ""))),
                    None => Poll::Pending,
                },
                ended => ended,
            })
            .await
            .map(Some),
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
