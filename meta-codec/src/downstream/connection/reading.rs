//! Reading: from bytes to calls.

use tokio::task::coop::has_budget_remaining;

use super::*;

/// The longest message that is skipped rather than cut off.
const MAX_SKIP_BYTES: u64 = 1 << 30;

impl<T, S> Connection<T, S>
where
    T: Transport,
    S: Service<Request, Response = Response, Error = LocalReply>,
    S::Future: Unpin,
{
    /// Reads once and decodes all that is whole; `true` if there is more to do.
    pub(super) fn read_some(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> ControlFlow<CloseReason, bool> {
        if self.starved && !self.fill(cx, now)? {
            return ControlFlow::Continue(false);
        }
        let taken = self.decode_all(cx, now)?;
        if self.starved && matches!(self.phase, Phase::Open) {
            // Mostly there is nothing more: it takes no further round to see that.
            return self.fill(cx, now);
        }
        ControlFlow::Continue(taken)
    }

    /// Reads once, where that is allowed; `true` if there was anything.
    fn fill(&mut self, cx: &mut Context<'_>, now: Instant) -> ControlFlow<CloseReason, bool> {
        if self.eof || self.may_not_read() || self.watched && !self.transport.may_read() {
            return ControlFlow::Continue(false);
        }
        self.watched = false;
        let tried = match std::mem::take(&mut self.unread) {
            true => self.read.try_fill(&self.transport),
            false => None,
        };
        let read = match tried {
            Some(read) => Poll::Ready(read),
            None => self.read.poll_fill(&mut self.transport, cx),
        };
        match read {
            Poll::Pending => {
                // What has used up its share is woken for that alone.
                self.watched = has_budget_remaining();
                ControlFlow::Continue(false)
            }
            Poll::Ready(Err(error)) => ControlFlow::Break(CloseReason::Broken(error)),
            Poll::Ready(Ok(0)) => {
                self.eof = true;
                if !self.read.is_empty() {
                    // The client gave up amid a message.
                    self.shared.stats.request_decoding_error.inc();
                }
                ControlFlow::Continue(false)
            }
            Poll::Ready(Ok(count)) => {
                let stats = &self.shared.stats;
                stats.downstream_cx_rx_bytes_total.add(count as u64);
                self.last_activity = now;
                self.starved = false;
                ControlFlow::Continue(true)
            }
        }
    }

    /// `true` if anything was taken off the buffer.
    fn decode_all(&mut self, cx: &mut Context<'_>, now: Instant) -> ControlFlow<CloseReason, bool> {
        let before = self.read.len();
        while !self.starved && !self.may_not_read() && matches!(self.phase, Phase::Open) {
            if self.skip > 0 {
                self.skip -= self.read.skip(self.skip);
                self.starved = self.skip > 0 || self.read.is_empty();
                continue;
            }
            let decoded = self.read.decode(&mut *self.codec, &self.shared.limits);
            match decoded {
                Ok(Some(message)) => {
                    self.tally.messages += 1;
                    self.take_message(message, cx, now)?;
                }
                Ok(None) => self.starved = true,
                Err(error) => self.refuse(error, now),
            }
        }
        ControlFlow::Continue(self.read.len() < before)
    }

    /// Takes note of what could not be decoded.
    fn refuse(&mut self, error: CodecError, now: Instant) {
        let error = match self.read.begins_with_tls() {
            // Whatever the codec took it for, nothing can be skipped nor answered.
            true => CodecError::malformed("TLS where plain text is spoken"),
            false => error,
        };
        let stats = &self.shared.stats;
        match error.kind() {
            CodecErrorKind::Refused => stats.request_refused.inc(),
            CodecErrorKind::TooLarge => {
                stats.request_decoding_error.inc();
                stats.request_too_large.inc();
            }
            _ => stats.request_decoding_error.inc(),
        }
        self.phase = Phase::Refusing(error);
        self.take_refusal(now);
    }

    /// Answers what was refused, as far as it can be, once its turn has come, and
    /// skips it or stops reading; whether it came to that.
    pub(super) fn take_refusal(&mut self, now: Instant) -> bool {
        match &self.phase {
            Phase::Refusing(error) if !error.message().is_some_and(|r| self.must_wait(r)) => {}
            Phase::Finishing(CloseReason::Service(reply)) if self.calls.is_empty() => {
                let reply = reply.clone();
                self.lane.clear();
                self.parked_bytes = 0;
                for message in std::mem::take(&mut self.parked) {
                    self.refuse_with(&message.metadata, &reply, now);
                }
                return false;
            }
            _ => return false,
        }
        let Phase::Refusing(error) = std::mem::replace(&mut self.phase, Phase::Open) else {
            return false;
        };
        let kind = match error.kind() {
            CodecErrorKind::TooLarge => ReplyKind::TooLarge,
            _ => ReplyKind::BadRequest,
        };
        let reply = LocalReply::new(kind, error.to_string()).with_origin(Origin::Downstream);
        if let Some(message) = error.message() {
            match message.kind {
                MessageKind::Response => self.take_client_answer(message.id, Err(reply)),
                _ => self.refuse_with(message, &reply, now),
            }
            if message.kind == MessageKind::Request {
                self.last_answered = Some(self.calls.number());
            }
        } else if !self.shared.logs.is_empty() {
            self.log_unstarted(&Metadata::default(), Outcome::Refused(&reply), 0, now, None);
        }
        match error.skip() {
            Some(skip) if skip > 0 && skip <= MAX_SKIP_BYTES => {
                tracing::debug!(connection = self.session.info().id, %error, "skipped a request");
                self.skip = skip;
                self.starved = false;
            }
            _ => {
                self.shared
                    .stats
                    .response_error_caused_connection_close
                    .inc();
                self.phase = Phase::Finishing(CloseReason::Undecodable(error));
            }
        }
        true
    }

    /// Whether others have to be answered before `request`.
    fn must_wait(&self, request: &Metadata) -> bool {
        if request.kind == MessageKind::Response {
            return false;
        }
        let in_order = self.answers_in_order();
        self.calls.has_predecessor(request.id.0, in_order)
            || (self.parked.iter()).any(|parked| in_order || parked.metadata.id == request.id)
    }

    fn take_message(
        &mut self,
        message: Message,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let stats = &self.shared.stats;
        match message.kind() {
            MessageKind::Request => self.tally.twoway += 1,
            MessageKind::OneWay => stats.request_oneway.inc(),
            MessageKind::StreamInit | MessageKind::StreamData | MessageKind::StreamClose => {
                stats.request_stream.inc();
                if std::mem::replace(&mut self.lane_busy, true) {
                    self.parked_bytes += message.frame.len();
                    self.lane.push_back(message);
                    return ControlFlow::Continue(());
                }
            }
            MessageKind::Response => {
                let id = message.metadata.id;
                self.take_client_answer(id, Ok(message));
                return ControlFlow::Continue(());
            }
            MessageKind::Ping => {
                stats.request_event.inc();
                let ping = &message.metadata;
                let pong = self.codec.control(Control::Pong { ping }, &mut self.write);
                return match pong {
                    Ok(_) => ControlFlow::Continue(()),
                    Err(error) => ControlFlow::Break(CloseReason::Unwritable(error)),
                };
            }
            _ => {
                stats.request_event.inc();
                return ControlFlow::Continue(());
            }
        }
        if self.at_bounds() || !self.parked.is_empty() {
            self.park(message);
            return ControlFlow::Continue(());
        }
        match self.service.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.start(message, now),
            Poll::Ready(Err(reply)) => {
                self.phase = Phase::Finishing(CloseReason::Service(reply));
                self.park(message);
            }
            Poll::Pending => self.park(message),
        }
        ControlFlow::Continue(())
    }

    /// Hands the client's answer to the server that asked.
    fn take_client_answer(&mut self, id: WireId, answer: Result<Message, LocalReply>) {
        let asked = self.server_calls.as_mut();
        if !asked.is_some_and(|calls| calls.answer(id, answer)) {
            self.shared.stats.request_unknown_answer.inc();
        }
    }

    pub(super) fn park(&mut self, message: Message) {
        self.parked_bytes += message.frame.len();
        self.parked.push_back(message);
    }

    /// Starts what waits for room, as far as there is some; `true` if there was
    /// any.
    pub(super) fn start_parked(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let before = self.parked.len();
        while !self.parked.is_empty() && !self.at_bounds() && !self.has_failed() {
            match self.service.poll_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(Err(reply)) => {
                    self.phase = Phase::Finishing(CloseReason::Service(reply));
                }
                Poll::Ready(Ok(())) => {
                    if let Some(message) = self.parked.pop_front() {
                        self.parked_bytes -= message.frame.len();
                        self.start(message, now);
                    }
                }
            }
        }
        self.parked.len() < before
    }

    /// Whether the service takes no more requests.
    fn has_failed(&self) -> bool {
        matches!(self.phase, Phase::Finishing(CloseReason::Service(_)))
    }

    /// Calls the service, which is ready.
    fn start(&mut self, message: Message, now: Instant) {
        self.note_request(now);
        let metadata = message.metadata.clone();
        let in_lane = metadata.kind.is_stream();
        let in_order = self.answers_in_order();
        if self.calls.is_empty() {
            self.busy_since = now;
        }
        let mut request = Request::new(message, self.session.clone(), now);
        let journal = self.is_logged(&metadata).then(|| request.keep_journal());
        let number = self.calls.number();
        let request = request.with_place(Place {
            number,
            busy_since: self.busy_since,
        });
        let future = self.service.call(request);
        self.tally.active += 1;
        let entry = Entry::new(metadata, now, number, in_lane, journal);
        self.calls.start(entry, in_order, future);
    }

    fn answers_in_order(&self) -> bool {
        !matches!(self.shared.capabilities.correlation, Correlation::ById(_))
    }
}
