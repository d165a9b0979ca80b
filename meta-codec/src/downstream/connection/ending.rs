//! Ending: drain, deadlines, and closing without losing what was written.

use super::*;

/// How often a connection that is not being read is asked whether it still lives.
const HANG_UP_CHECK: Duration = Duration::from_secs(1);
/// What a client may still send after we have refused to read on.
const LINGER: Duration = Duration::from_secs(2);
/// How long a client that was told to go is left alone after the last word: some
/// drop what they have read and not looked at when the connection closes.
const GOODBYE_GRACE: Duration = Duration::from_millis(250);

impl<T, S> Connection<T, S>
where
    T: Transport,
    S: Service<Request, Response = Response, Error = LocalReply>,
    S::Future: Unpin,
{
    /// Ends the connection, or moves it towards its end, where that is due.
    pub(super) fn close_if_done(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let draining = self.drain.poll(cx);
        if draining && self.goodbye.is_none() && matches!(self.phase, Phase::Open) {
            match self.codec.control(Control::Goodbye, &mut self.write) {
                Ok(heeded) => self.goodbye = Some(Goodbye { at: now, heeded }),
                Err(error) => return ControlFlow::Break(CloseReason::Unwritable(error)),
            }
            self.flush(cx, now)?;
        }
        if !self.is_quiet() {
            return ControlFlow::Continue(());
        }
        match &self.phase {
            Phase::Open if self.eof => ControlFlow::Break(CloseReason::Client),
            Phase::Open
                if draining
                    && self.read.is_empty()
                    && !self.is_asked(now)
                    && self.grace_ends().is_none_or(|end| now >= end) =>
            {
                self.linger(CloseReason::Drained, now, cx)
            }
            Phase::Finishing(_) => match std::mem::replace(&mut self.phase, Phase::Closed) {
                Phase::Finishing(reason) => self.linger(reason, now, cx),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    /// Whether no request is in flight or waits, and every response has left.
    fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.is_written() && self.parked.is_empty() && self.lane.is_empty()
    }

    /// Whether a server waits for the client's answer. A client that has not
    /// answered within the write timeout will not.
    fn is_asked(&self, now: Instant) -> bool {
        let since = now.checked_sub(self.shared.config.write_timeout);
        let calls = self.server_calls.as_ref();
        calls.is_some_and(|calls| calls.is_asked(since))
    }

    /// Until when a client that was told to go is left alone.
    fn grace_ends(&self) -> Option<Instant> {
        let heeded = self.goodbye.as_ref()?.heeded;
        heeded.then_some(self.last_activity + GOODBYE_GRACE)
    }

    /// Takes note of a request: a client that goes on as if nothing had been said
    /// is not waited for.
    pub(super) fn note_request(&mut self, now: Instant) {
        if let Some(goodbye) = &mut self.goodbye {
            goodbye.heeded &= now < goodbye.at + GOODBYE_GRACE;
        }
    }

    /// Since when nobody has been waiting for anything.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        let idle = self.is_quiet() && !self.is_asked(now);
        idle.then_some(self.last_activity)
    }

    /// Closes our side, then waits for the client to close its own: a socket
    /// closed with unread bytes is reset, and the reset would overtake the reply.
    fn linger(
        &mut self,
        reason: CloseReason,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> ControlFlow<CloseReason> {
        if self.eof {
            return ControlFlow::Break(reason);
        }
        self.phase = Phase::Lingering {
            reason,
            until: now + LINGER,
            shut_down: false,
        };
        self.poll_linger(cx, now)
    }

    pub(super) fn poll_linger(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        if let Phase::Lingering { shut_down, .. } = &mut self.phase
            && !*shut_down
        {
            match Pin::new(&mut self.transport).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => *shut_down = true,
                Poll::Ready(Err(error)) => return self.end(CloseReason::Broken(error)),
                Poll::Pending => {}
            }
        }
        loop {
            self.read = ReadBuffer::default();
            match self.read.poll_fill(&mut self.transport, cx) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => break,
                Poll::Pending => match self.phase {
                    Phase::Lingering { until, .. } if now < until => {
                        return ControlFlow::Continue(());
                    }
                    _ => break,
                },
            }
        }
        self.end(CloseReason::Client)
    }

    /// Ends with the reason that began the lingering, else with `otherwise`.
    fn end(&mut self, otherwise: CloseReason) -> ControlFlow<CloseReason> {
        ControlFlow::Break(match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Lingering { reason, .. } | Phase::Finishing(reason) => reason,
            _ => otherwise,
        })
    }

    /// The next moment at which something is due without anything happening.
    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if let Phase::Lingering { until, .. } = self.phase {
            return Some(until);
        }
        let config = &self.shared.config;
        let idle = config.idle_timeout.and_then(|timeout| {
            let since = self.idle_since(now)?;
            Some(since + timeout)
        });
        let write = self.blocked_since.map(|since| since + config.write_timeout);
        // Nobody says when a server that asked has gone.
        let unsure = !self.is_reading() || self.server_calls.is_some() && self.is_asked(now);
        let check = unsure.then(|| now + HANG_UP_CHECK);
        let grace = self.grace_ends().filter(|end| now < *end);
        [idle, write, check, grace].into_iter().flatten().min()
    }

    /// Acts on what is due at `now`.
    pub(super) fn on_deadline(&mut self, now: Instant) -> ControlFlow<CloseReason> {
        if let Phase::Lingering { .. } = self.phase {
            return ControlFlow::Continue(());
        }
        let config = &self.shared.config;
        let idle = config.idle_timeout.zip(self.idle_since(now));
        if idle.is_some_and(|(timeout, since)| now >= since + timeout) {
            self.shared.stats.idle_timeout.inc();
            return ControlFlow::Break(CloseReason::Idle);
        }
        if self
            .blocked_since
            .is_some_and(|since| now >= since + config.write_timeout)
        {
            self.shared.stats.write_timeout.inc();
            return ControlFlow::Break(CloseReason::WriteTimeout);
        }
        if !self.is_reading() && self.transport.is_hung_up() {
            let error = io::Error::from(io::ErrorKind::ConnectionReset);
            return ControlFlow::Break(CloseReason::Broken(error));
        }
        ControlFlow::Continue(())
    }

    /// Waits for the next deadline; a timer that is set for an earlier one is
    /// left, so that a busy connection does not move it with every request.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let Some(deadline) = self.next_deadline(now) else {
            return Poll::Pending;
        };
        self.timer.poll_or_earlier(deadline, cx)
    }
}
