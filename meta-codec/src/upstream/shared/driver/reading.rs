//! Reading: responses to who waits for them, and what the server starts.

use super::*;

/// The longest message that is skipped rather than given up on.
const MAX_SKIP_BYTES: u64 = 1 << 30;

impl<T: Transport> SharedDriver<T> {
    /// Reads once and deals with all that is whole; `true` if there was anything.
    pub(super) fn read_some(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, End> {
        if !self.push_held(cx) {
            return Ok(false);
        }
        if self.starved {
            match self.read.poll_fill(&mut self.transport, cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(error)) => return Err(End::Remote(Some(error), false)),
                Poll::Ready(Ok(0)) => return Err(End::Remote(None, !self.read.is_empty())),
                Poll::Ready(Ok(count)) => {
                    let stats = &self.inner.upstream.stats;
                    stats.upstream_cx_rx_bytes_total.add(count as u64);
                    self.starved = false;
                    self.silent_since = now;
                    self.unanswered = 0;
                }
            }
        }
        let inner = self.inner.clone();
        let mut state = inner.state();
        while !self.starved && self.held.is_none() {
            if self.skip > 0 {
                self.skip -= self.read.skip(self.skip);
                self.starved = self.skip > 0 || self.read.is_empty();
                continue;
            }
            let decoded = self.read.decode(&mut *state.codec, &inner.upstream.limits);
            match decoded {
                Ok(Some(message)) => self.take_message(&mut state, message, now),
                Ok(None) => self.starved = true,
                Err(error) => self.refuse(&mut state, error, now)?,
            }
        }
        Ok(true)
    }

    /// Skips a message that is refused, where the codec tells where the next
    /// begins. If it is a response, the call that it answers fails; the server's
    /// own requests are answered.
    fn refuse(&mut self, state: &mut State, error: CodecError, now: Instant) -> Result<(), End> {
        let Some(skip @ 1..=MAX_SKIP_BYTES) = error.skip() else {
            return Err(End::Protocol(error));
        };
        let unknown = &self.inner.upstream.stats.upstream_rq_unknown_response;
        let reply = crate::upstream::undecodable(&self.inner.info, &error);
        match error.message() {
            Some(message) if message.kind == MessageKind::Response => {
                let known = state.pending.complete(message.id, Err(reply), now);
                unknown.add(u64::from(!known));
            }
            Some(message) if message.kind == MessageKind::Request => {
                unknown.inc();
                self.refuse_request(state, message, &reply);
            }
            _ => unknown.inc(),
        }
        self.skip = skip;
        Ok(())
    }

    /// Answers a server's request that goes nowhere.
    fn refuse_request(&self, state: &mut State, request: &Metadata, reply: &LocalReply) {
        // A server that does not read would have no end of answers kept for it.
        if self.inner.has_room(state) {
            state.write_control(|codec, out| codec.on_error(request, reply, out).map(|()| true));
        }
    }

    fn take_message(&mut self, state: &mut State, message: Message, now: Instant) {
        let stats = &self.inner.upstream.stats;
        match message.kind() {
            MessageKind::Response => {
                let id = message.metadata.id;
                if message.metadata.ends_connection {
                    state.drain();
                }
                let known = state.pending.complete(id, Ok(message), now);
                stats.upstream_rq_unknown_response.add(u64::from(!known));
            }
            // A server that does not read would have no end of pongs kept for it.
            MessageKind::Ping if !self.inner.has_room(state) => {}
            MessageKind::Ping => {
                let ping = &message.metadata;
                state.write_control(|codec, out| codec.control(Control::Pong { ping }, out));
            }
            MessageKind::Event(Event::Drain) => {
                self.tell_drain(true);
                state.drain();
            }
            MessageKind::Event(Event::Resume) => {
                self.tell_drain(false);
                if let Status::Draining = state.status {
                    state.status = Status::Open;
                }
            }
            MessageKind::Request if self.session.is_some() => {
                let request = message.metadata.clone();
                let inner = self.inner.clone();
                let answer = Box::new(ServerRequest { inner, request });
                self.held = Some(Push::Request(message, answer));
            }
            MessageKind::OneWay
            | MessageKind::StreamInit
            | MessageKind::StreamData
            | MessageKind::StreamClose
                if self.session.is_some() =>
            {
                if let (MessageKind::StreamClose, Some(stream)) =
                    (message.kind(), message.metadata.stream_id)
                {
                    state.streams.remove(&stream);
                }
                self.held = Some(Push::Message(message));
            }
            MessageKind::Request => {
                stats.upstream_rq_unknown_response.inc();
                let reply = LocalReply::new(
                    ReplyKind::BadRequest,
                    "this connection belongs to no client that could answer",
                );
                self.refuse_request(state, &message.metadata, &reply);
            }
            MessageKind::OneWay
            | MessageKind::StreamInit
            | MessageKind::StreamData
            | MessageKind::StreamClose => stats.upstream_rq_unknown_response.inc(),
            _ => {}
        }
        if self.held.is_some() {
            // Handed over when the lock is gone: the session has one of its own.
            self.last_used = now;
        }
    }

    fn tell_drain(&self, drains: bool) {
        if let Some(tell) = &self.on_drain {
            tell(drains);
        }
    }

    /// Waits until what is held has been handed over; `true` once it has.
    fn push_held(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(session) = &self.session else {
            return true;
        };
        while let Some(push) = self.held.take() {
            match session.poll_push_ready(cx) {
                Poll::Pending => {
                    self.held = Some(push);
                    return false;
                }
                Poll::Ready(Ok(())) => self.held = session.push(push).err(),
                Poll::Ready(Err(_)) => {}
            }
        }
        true
    }

    /// Waits until the client has been told of the streams that broke.
    pub(super) fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.push_held(cx) {
            match self.broken_streams.pop() {
                Some(stream) => self.held = Some(Push::StreamReset(stream)),
                None => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }
}
