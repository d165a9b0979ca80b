//! Connections that one exchange has to itself while it lasts.

use std::task::ready;

use meta_codec::{Exclusive, Timer};
use meta_core::Message;

use super::*;

/// A connection, and the timer of its exchanges. Boxed, since it moves from hand
/// to hand.
struct Line {
    connection: Exclusive<BoxTransport>,
    /// Set for the deadline of this exchange or of an earlier one.
    timer: Timer,
    /// How many requests it has carried.
    carried: u32,
}

/// A connection at rest.
pub(super) struct Idle {
    form: WireForm,
    line: Box<Line>,
    /// When it was first seen at rest; the clock is not read for each exchange.
    since: Option<Instant>,
    open: Open,
}

impl Idle {
    /// Whether the connection has ended, or been at rest for too long.
    pub(super) fn is_spent(
        &mut self,
        cx: &mut Context<'_>,
        at: Instant,
        timeout: Duration,
        stats: &UpstreamStats,
    ) -> bool {
        let since = *self.since.get_or_insert(at);
        if at.saturating_duration_since(since) >= timeout {
            stats.upstream_cx_idle_timeout.inc();
            stats.upstream_cx_destroy_local.inc();
            return true;
        }
        let alive = self.line.connection.poll_idle(cx);
        if !alive {
            stats.upstream_cx_stale.inc();
            stats.upstream_cx_destroy_remote.inc();
        }
        !alive
    }
}

/// A connection taken out of the pool for one exchange. Dropping it closes it;
/// [`Lease::give_back`] keeps it for the next.
pub(crate) struct Lease {
    endpoint: Arc<Endpoint>,
    form: WireForm,
    line: Box<Line>,
    open: Open,
    /// Whether it has carried an exchange before.
    pub(crate) used_before: bool,
}

/// What a request that wants a connection gets.
enum Place {
    Taken(Lease),
    Free(Open),
    /// The endpoint is no longer one of the cluster's.
    Gone,
}

impl Endpoint {
    /// A connection of this form: the one used last, or a new one. With `fresh`
    /// always a new one. `None` where the endpoint is no longer one of the
    /// cluster's; `waiting`, the place among those that wait, is kept then.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        form: WireForm,
        fresh: bool,
        waiting: &mut Option<Waiting>,
    ) -> Result<Option<Lease>, LocalReply> {
        let place = poll_fn(|cx| {
            if self.is_retired() {
                return Poll::Ready(Ok(Place::Gone));
            }
            // One may be given back while this waits for leave to make another.
            let in_turn = waiting.is_some() || !self.shared.is_awaited();
            let idle = (in_turn && !fresh).then(|| self.take_idle(form, cx));
            match idle.flatten() {
                Some(lease) => Poll::Ready(Ok(Place::Taken(lease))),
                None => self.shared.poll_admit(waiting, cx).map_ok(Place::Free),
            }
        });
        let place = place.await;
        if let Ok(Place::Gone) = place {
            return Ok(None);
        }
        *waiting = None;
        let open = match place? {
            Place::Taken(lease) => return Ok(Some(lease)),
            Place::Free(open) => open,
            Place::Gone => return Ok(None),
        };
        let (connected, info, open) = self.connect(open).await?;
        let connection = self.upstream.exclusive(connected.transport, info);
        Ok(Some(Lease {
            endpoint: self.clone(),
            form,
            line: Box::new(Line {
                connection,
                timer: self.shared.upstream.wheel().timer(),
                carried: 0,
            }),
            open,
            used_before: false,
        }))
    }

    /// The connection of this form that was used last, if it is still good and
    /// nobody waits for it.
    pub(crate) fn try_lease(
        self: &Arc<Self>,
        form: WireForm,
        cx: &mut Context<'_>,
    ) -> Option<Lease> {
        match self.shared.is_awaited() {
            true => None,
            false => self.take_idle(form, cx),
        }
    }

    fn take_idle(self: &Arc<Self>, form: WireForm, cx: &mut Context<'_>) -> Option<Lease> {
        loop {
            let mut state = self.state();
            let index = state.idle.iter().rposition(|idle| idle.form == form)?;
            let mut idle = state.idle.remove(index);
            drop(state);
            if idle.line.connection.poll_idle(cx) {
                return Some(Lease {
                    endpoint: self.clone(),
                    form,
                    line: idle.line,
                    open: idle.open,
                    used_before: true,
                });
            }
            let stats = self.stats();
            stats.upstream_cx_stale.inc();
            stats.upstream_cx_destroy_remote.inc();
        }
    }
}

impl Lease {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Where the connection leads.
    pub(crate) fn info(&self) -> &Arc<UpstreamInfo> {
        self.line.connection.info()
    }

    /// Takes up a request. One that cannot be written leaves the connection as it
    /// was, for the next.
    pub(crate) fn carry(
        mut self,
        pool: &ClusterPool,
        request: &Request,
    ) -> Result<Self, LocalReply> {
        match self
            .line
            .connection
            .begin(&request.message, &request.mutation)
        {
            Ok(encoded) => {
                pool.note(encoded);
                self.open.in_exchange = true;
                self.line.carried = self.line.carried.saturating_add(1);
                Ok(self)
            }
            Err(reply) => {
                self.give_back();
                Err(reply)
            }
        }
    }

    /// Waits for the response to the request taken up.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, LocalReply>> {
        let response = ready!(self.line.connection.poll_response(cx));
        self.open.in_exchange = false;
        Poll::Ready(response)
    }

    /// Waits until the deadline of this exchange.
    pub(crate) fn poll_deadline(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.line.timer.poll_by(deadline, cx));
        self.line.connection.timed_out();
        Poll::Ready(())
    }

    /// Waits until the request taken up has been written.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        let written = ready!(self.line.connection.poll_written(cx));
        self.open.in_exchange = false;
        Poll::Ready(written)
    }

    /// Puts the connection back, if it can carry another exchange.
    pub(crate) fn give_back(self) {
        if !self.line.connection.is_reusable() {
            self.endpoint.stats().upstream_cx_destroy_local.inc();
            return;
        }
        if self.line.carried >= self.endpoint.shared.max_requests() {
            self.endpoint.stats().upstream_cx_destroy_local.inc();
            self.endpoint.stats().upstream_cx_max_requests.inc();
            return;
        }
        let idle = Idle {
            form: self.form,
            line: self.line,
            since: None,
            open: self.open,
        };
        let mut state = self.endpoint.state();
        if state.is_retired {
            drop(state);
            self.endpoint.stats().upstream_cx_destroy_local.inc();
            return;
        }
        state.idle.push(idle);
        drop(state);
        self.endpoint.shared.wake();
    }
}
