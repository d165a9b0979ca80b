//! One exchange with one upstream.
//!
//! A request that finds a connection ready goes over it without ado; what has to
//! be waited for first is left to the boxed futures of [`super::waiting`].

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use meta_codec::{SharedCall, Timer, now};
use meta_core::{
    BoxFuture, LocalReply, Message, MessageKind, ReplyKind, Request, ResolvedRoute, Response,
};

use super::{Active, waiting};
use crate::pool::{ClusterPool, Lease, SharedSlot, Tried};

pub(super) type Outcome = Result<Response, LocalReply>;

/// A request on its way through a cluster and back.
pub(super) struct Exchange {
    route: ResolvedRoute,
    active: Active,
    /// Kept as long as it may have to be sent again.
    request: Option<Request>,
    started: Instant,
    deadline: Option<Instant>,
    /// Watches the deadline, where the connection does not.
    timer: Option<Box<Timer>>,
    step: Step,
}

enum Step {
    Begin,
    Exclusive(Lease),
    Shared(SharedCall),
    Waiting(BoxFuture<'static, Outcome>),
}

impl Exchange {
    pub(super) fn new(mut request: Request, route: ResolvedRoute, active: Active) -> Self {
        let mutation = &route.route().request_mutation;
        if !mutation.is_empty() {
            request.mutation.extend(mutation);
        }
        let started = request.received_at();
        let timeout = timeout_of(&route, &request);
        Self {
            route,
            active,
            request: Some(request),
            started,
            // What ends after the end of time has no end.
            deadline: timeout.and_then(|timeout| started.checked_add(timeout)),
            timer: None,
            step: Step::Begin,
        }
    }

    /// Waits for the response. Dropping the exchange gives it up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let (outcome, at) = match self.poll_step(cx) {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                std::task::ready!(self.poll_deadline(cx));
                (Err(LocalReply::new(ReplyKind::Timeout, "")), None)
            }
        };
        Poll::Ready(match outcome {
            Ok(mut response) => {
                let at = at.unwrap_or_else(now);
                self.active
                    .answered(at.saturating_duration_since(self.started));
                let mutation = &self.route.route().response_mutation;
                if !mutation.is_empty() {
                    response.mutation.extend(mutation);
                }
                Ok(response)
            }
            Err(reply) => {
                self.active.failed(&reply);
                Err(match reply.kind() {
                    ReplyKind::Timeout => self.timed_out(),
                    _ => reply,
                })
            }
        })
    }

    /// The outcome, and when it came where that is known.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<(Outcome, Option<Instant>)> {
        loop {
            self.step = match &mut self.step {
                Step::Begin => match self.begin(cx) {
                    // It has just been told whom to wake.
                    Ok(Step::Shared(call)) => {
                        self.step = Step::Shared(call);
                        return Poll::Pending;
                    }
                    Ok(step) => step,
                    Err(reply) => return Poll::Ready((Err(reply), None)),
                },
                Step::Waiting(future) => return future.as_mut().poll(cx).map(|o| (o, None)),
                Step::Shared(call) => {
                    let outcome = std::task::ready!(Pin::new(&mut *call).poll(cx));
                    match (outcome, self.request.take()) {
                        (Err(reply), Some(request)) if reply.is_retriable() => {
                            let pool = self.active.pool.clone();
                            pool.stats().upstream_rq_retry.inc();
                            Step::Waiting(Box::pin(waiting::shared_again(
                                pool,
                                request,
                                self.deadline,
                            )))
                        }
                        (outcome, _) => {
                            let respond = |message| Response::new(message, call.info().clone());
                            return Poll::Ready((outcome.map(respond), call.answered_at()));
                        }
                    }
                }
                Step::Exclusive(lease) => {
                    let outcome = std::task::ready!(lease.poll_response(cx));
                    let Step::Exclusive(lease) = std::mem::replace(&mut self.step, Step::Begin)
                    else {
                        return Poll::Ready((Err(over()), None));
                    };
                    match (outcome, self.request.take()) {
                        (Err(reply), Some(request)) if reply.is_retriable() => {
                            let pool = self.active.pool.clone();
                            pool.stats().upstream_rq_retry.inc();
                            let endpoint = lease.endpoint().clone();
                            let again =
                                waiting::exclusive(pool, endpoint, request, self.deadline, true);
                            Step::Waiting(Box::pin(again))
                        }
                        (outcome, _) => {
                            let outcome = outcome.map(|message| answered(lease, Some(message)));
                            return Poll::Ready((outcome, None));
                        }
                    }
                }
            };
        }
    }

    /// Puts the request on a connection that is ready, or sees to one.
    fn begin(&mut self, cx: &mut Context<'_>) -> Result<Step, LocalReply> {
        let request = self.request.as_ref().ok_or_else(over)?;
        let pool = &self.active.pool;
        let wants_answer = request.metadata().kind == MessageKind::Request;
        let form = request.metadata().form;
        let pinned = pinned(pool, request)?;
        if pinned.is_none() && !pool.is_shared(form) {
            let endpoint = pool.pick(request)?;
            let idle = wants_answer.then(|| endpoint.try_lease(form, cx)).flatten();
            if let Some(lease) = idle {
                return Ok(Step::Exclusive(lease.carry(pool, request)?));
            }
            let (pool, endpoint) = (pool.clone(), endpoint.clone());
            let request = self.request.take().ok_or_else(over)?;
            let leased = waiting::exclusive(pool, endpoint, request, self.deadline, false);
            return Ok(Step::Waiting(Box::pin(leased)));
        }
        // A connection may drain for longer than its endpoint is left alone for it.
        let mut others = pool.endpoint_count().saturating_sub(1);
        let turn = loop {
            let try_slot = |slot: &Arc<SharedSlot>| match wants_answer {
                true => slot.try_call(request, self.deadline, cx),
                false => slot.try_wait(request),
            };
            let tried = match &pinned {
                Some(slot) => try_slot(slot),
                None => pool.pick(request)?.with_slot(request, try_slot),
            };
            match tried {
                Tried::Sent(sent) => {
                    let (call, encoded) = sent?;
                    pool.note(encoded);
                    return Ok(Step::Shared(call));
                }
                // The next pick is another endpoint's.
                Tried::Draining(_)
                    if pinned.is_none() && others > 0 && pool.has_good_endpoint() =>
                {
                    others -= 1;
                }
                Tried::Draining(turn) | Tried::MustWait(turn) => break turn,
            }
        };
        let pool = pool.clone();
        let request = self.request.take().ok_or_else(over)?;
        let shared = waiting::shared(pool, turn, request, self.deadline, false);
        Ok(Step::Waiting(Box::pin(shared)))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        match &mut self.step {
            // The connection looks after the deadlines of its calls.
            Step::Shared(_) => Poll::Pending,
            Step::Exclusive(lease) => lease.poll_deadline(deadline, cx),
            Step::Begin | Step::Waiting(_) => {
                let wheel = self.active.pool.upstream.wheel();
                let timer = self.timer.get_or_insert_with(|| Box::new(wheel.timer()));
                timer.poll_until(deadline, cx)
            }
        }
    }

    fn timed_out(&self) -> LocalReply {
        self.active.pool.stats().upstream_rq_timeout.inc();
        let deadline = self.deadline.unwrap_or(self.started);
        let timeout = deadline.saturating_duration_since(self.started);
        LocalReply::new(
            ReplyKind::Timeout,
            format!("no response within {timeout:?}"),
        )
        .with_cluster(self.route.cluster().clone())
    }
}

/// The shorter of what the route grants and what the client waits for; `None`
/// where neither sets a limit.
fn timeout_of(route: &ResolvedRoute, request: &Request) -> Option<Duration> {
    let client = request.metadata().timeout;
    let client = client.filter(|timeout| !timeout.is_zero());
    match (route.route().effective_timeout(), client) {
        (Some(route), Some(client)) => Some(route.min(client)),
        (route, client) => route.or(client),
    }
}

/// The connection that belongs to the request's client alone, if the client has
/// one that takes it, or this request is what binds it. A client whose connection
/// has closed or drains is no longer bound, but for the streams it has there.
pub(super) fn pinned(
    pool: &ClusterPool,
    request: &Request,
) -> Result<Option<Arc<SharedSlot>>, LocalReply> {
    let name = &pool.cluster.config.name;
    let session = request.session();
    let metadata = request.metadata();
    let stream = match metadata.kind {
        MessageKind::StreamData | MessageKind::StreamClose => metadata.stream_id,
        _ => None,
    };
    let takes = |slot: &SharedSlot| match stream {
        Some(stream) => slot.carries(stream),
        None => slot.is_usable(),
    };
    if let Some(slot) = session.pinned(name, takes) {
        slot.note_on(request);
        return Ok(Some(slot));
    }
    if let Some(stream) = stream {
        let detail = format!("stream {stream} has no server any more");
        let reply = LocalReply::new(ReplyKind::UpstreamReset, detail);
        return Err(reply.with_cluster(name.clone()));
    }
    if !(metadata.binds_session || metadata.kind == MessageKind::StreamInit) {
        return Ok(None);
    }
    let endpoint = pool.pick(request)?.clone();
    let slot = session.pin_with(name, takes, || {
        // The slot keeps the session and the session the slot, until the client's
        // connection ends and closes the session.
        Arc::new(SharedSlot::new(&endpoint, Some(session.clone())))
    });
    let gone = || LocalReply::new(ReplyKind::Internal, "the client has gone");
    slot.map(Some).ok_or_else(gone)
}

/// The response, and the connection back to the pool.
pub(super) fn answered(lease: Lease, message: Option<Message>) -> Response {
    let info = lease.info().clone();
    lease.give_back();
    match message {
        Some(message) => Response::new(message, info),
        None => Response::written(Some(info)),
    }
}

fn over() -> LocalReply {
    LocalReply::new(ReplyKind::Internal, "an exchange was polled after its end")
}
