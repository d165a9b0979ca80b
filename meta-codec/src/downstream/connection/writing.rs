//! Writing: answers, replies, and what servers start.

use super::*;

impl<T, S> Connection<T, S>
where
    T: Transport,
    S: Service<Request, Response = Response, Error = LocalReply>,
    S::Future: Unpin,
{
    /// Writes what servers started.
    pub(super) fn take_pushes(&mut self, cx: &mut Context<'_>, now: Instant) {
        let capabilities = &self.shared.capabilities;
        if !(capabilities.server_requests || capabilities.streams || capabilities.server_first) {
            return;
        }
        let last_id = match capabilities.correlation {
            Correlation::ById(ids) => ids.last,
            _ => u64::MAX,
        };
        while !self.is_write_full() {
            let Poll::Ready(push) = self.session.poll_pushed(cx) else {
                break;
            };
            let before = self.write.len();
            let written = match push {
                Push::Message(message) => self.write_push(&message, message.metadata.id),
                Push::Request(message, answer) => {
                    let id = self.server_calls().register(answer, last_id, now);
                    let written = self.write_push(&message, id);
                    if let Err(error) = &written {
                        let reply = LocalReply::new(ReplyKind::BadRequest, error.to_string());
                        self.server_calls().answer(id, Err(reply));
                    }
                    written
                }
                Push::StreamReset(stream_id) => {
                    let reset = Control::StreamReset { stream_id };
                    let written = self.codec.control(reset, &mut self.write);
                    written.map(|_| ())
                }
                _ => continue,
            };
            if let Err(error) = written {
                self.write.truncate(before);
                tracing::debug!(%error, "a server's message does not fit the client's form");
            }
        }
    }

    fn write_push(&mut self, message: &Message, id: WireId) -> Result<(), CodecError> {
        let context = EncodeContext {
            id,
            mutation: &Mutation::new(),
            request: None,
        };
        self.codec
            .encode(message, &context, &mut self.write)
            .map(|_| ())
    }

    /// Writes the answers that are there.
    pub(super) fn take_answers(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        while !self.calls.is_empty() && !self.is_write_full() {
            let Poll::Ready(mut answered) = self.calls.poll_answered(cx) else {
                break;
            };
            loop {
                let (entry, answer) = answered;
                self.take_answer(&entry, answer, now)?;
                if entry.in_lane {
                    let next = self.lane.pop_front();
                    self.lane_busy = next.is_some();
                    if let Some(next) = next {
                        self.parked_bytes -= next.frame.len();
                        self.park(next);
                        self.start_parked(cx, now);
                    }
                }
                match self.calls.unblock_follower(&entry) {
                    Some(next) => answered = next,
                    None => break,
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn take_answer(
        &mut self,
        entry: &Entry,
        answer: Answer,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let stats = &self.shared.stats;
        self.tally.active -= 1;
        let passed = now.saturating_duration_since(entry.received_at);
        self.tally.times.record(&stats.request_time_ms, passed);
        self.last_activity = now;
        let overtaken = entry.request.kind == MessageKind::Request
            && self.last_answered.is_some_and(|last| last > entry.number);
        let before = self.write.len();
        let written = match answer {
            Ok(response) => match &response.message {
                Some(message) => {
                    self.interleaves |= overtaken;
                    let forwarded = self.forward(entry, message, &response.mutation);
                    forwarded.map(|()| response)
                }
                None if entry.request.kind == MessageKind::Request => {
                    let detail = "a call was left unanswered";
                    Err(LocalReply::new(ReplyKind::Internal, detail))
                }
                None => Ok(response),
            },
            // The client took a later answer and does not wait for several: what
            // looked like a call was one-way, and an error sent for it would be
            // read as the answer to the client's next call.
            Err(_) if overtaken && self.may_disguise() => {
                stats.request_disguised_oneway.inc();
                self.log(entry, Outcome::Answered(&Response::default()), 0, now);
                return ControlFlow::Continue(());
            }
            Err(reply) => {
                if reply.kind() == ReplyKind::BadResponse {
                    stats.response_decoding_error.inc();
                }
                Err(reply)
            }
        };
        if let Err(reply) = &written {
            self.reply(&entry.request, reply);
        }
        let outcome = match &written {
            Ok(response) => Outcome::Answered(response),
            Err(reply) => Outcome::Refused(reply),
        };
        let sent_bytes = self.write.len().saturating_sub(before);
        self.log(entry, outcome, sent_bytes, now);
        if entry.request.kind == MessageKind::Request {
            self.last_answered = self.last_answered.max(Some(entry.number));
        }
        ControlFlow::Continue(())
    }

    /// Whether a call that a later one overtook is taken for a one-way call: the
    /// protocol has such, and this client has not shown that it waits for several.
    fn may_disguise(&self) -> bool {
        self.shared.capabilities.disguised_one_way && !self.interleaves
    }

    /// Writes a response under the client's own id.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: the reply that has to take its place.
    fn forward(
        &mut self,
        entry: &Entry,
        message: &Message,
        mutation: &Mutation,
    ) -> Result<(), LocalReply> {
        let context = EncodeContext {
            id: entry.request.id,
            mutation,
            request: Some(&entry.request),
        };
        let before = self.write.len();
        let stats = &self.shared.stats;
        let encoded = match self.codec.encode(message, &context, &mut self.write) {
            Ok(encoded) => encoded,
            Err(error) => {
                self.write.truncate(before);
                return Err(LocalReply::new(ReplyKind::BadResponse, error.to_string()));
            }
        };
        if encoded == Encoded::WithoutMutation {
            stats.mutation_dropped.inc();
        }
        self.tally.responses += 1;
        match message.metadata.status {
            Status::BusinessException => stats.response_business_exception.inc(),
            Status::Error => stats.response_error.inc(),
            _ => self.tally.successes += 1,
        }
        Ok(())
    }

    /// Writes the proxy's own answer to a request that did not reach the service,
    /// and tells of it.
    pub(super) fn refuse_with(&mut self, request: &Metadata, reply: &LocalReply, now: Instant) {
        let before = self.write.len();
        self.reply(request, reply);
        let sent_bytes = self.write.len().saturating_sub(before);
        self.log_unstarted(request, Outcome::Refused(reply), sent_bytes, now, None);
    }

    /// Writes the proxy's own answer to `request`.
    pub(super) fn reply(&mut self, request: &Metadata, reply: &LocalReply) {
        let before = self.write.len();
        let written = match request.stream_id {
            Some(stream_id) if request.kind.is_stream() => self
                .codec
                .control(Control::StreamReset { stream_id }, &mut self.write)
                .map(|_| ()),
            _ => self.codec.on_error(request, reply, &mut self.write),
        };
        self.shared.stats.local_response_error.inc();
        tracing::debug!(
            connection = self.session.info().id,
            operation = %request.operation(),
            %reply,
            "local reply"
        );
        if let Err(error) = written {
            self.write.truncate(before);
            self.phase = Phase::Finishing(CloseReason::Unwritable(error));
        }
    }

    pub(super) fn flush(&mut self, cx: &mut Context<'_>, now: Instant) -> ControlFlow<CloseReason> {
        if self.is_written() {
            return ControlFlow::Continue(());
        }
        let before = self.write.len();
        let flushed = poll_write_out(&mut self.write, &mut self.transport, cx);
        let written = before - self.write.len();
        let stats = &self.shared.stats;
        stats.downstream_cx_tx_bytes_total.add(written as u64);
        if written > 0 {
            self.last_activity = now;
        }
        match flushed {
            Poll::Ready(Ok(())) => self.blocked_since = None,
            Poll::Ready(Err(error)) => return ControlFlow::Break(CloseReason::Broken(error)),
            Poll::Pending if written > 0 => self.blocked_since = Some(now),
            Poll::Pending => self.blocked_since = self.blocked_since.or(Some(now)),
        }
        self.write.release();
        ControlFlow::Continue(())
    }

    /// Whether everything has left, the transport's own buffers included.
    pub(super) fn is_written(&self) -> bool {
        self.write.is_empty() && self.blocked_since.is_none()
    }
}
