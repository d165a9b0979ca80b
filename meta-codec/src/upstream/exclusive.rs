//! An upstream connection for one exchange at a time.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use meta_core::{
    Codec, Control, Correlation, EncodeContext, Encoded, Event, FrameBuf, LocalReply, Message,
    MessageKind, Mutation, UpstreamInfo, WireId,
};
use tokio::task::unconstrained;

use super::Upstream;
use crate::{
    buffer::{ReadBuffer, poll_write_out},
    transport::Transport,
};

/// A connection that carries one exchange at a time, driven by the task of the
/// request itself: no other task is woken, no channel crossed.
///
/// Each request goes out under an id of the connection's own, so that a late
/// answer to an earlier one (a one-way call that failed, say) is never taken for
/// the answer to this one.
///
/// Dropping it amid an exchange closes it. Whoever pools it must ask
/// [`Exclusive::is_reusable`] first.
pub struct Exclusive<T> {
    shared: Arc<Upstream>,
    transport: T,
    codec: Box<dyn Codec>,
    info: Arc<UpstreamInfo>,
    read: ReadBuffer,
    write: FrameBuf,
    /// Not everything has left, the transport's own buffers included.
    unwritten: bool,
    id: u64,
    expecting: bool,
    /// A request has been taken up, and its end has not been counted.
    is_counted: bool,
    starved: bool,
    /// The task has just looked for bytes and will be woken when there are some.
    watched: bool,
    /// The server takes no further requests.
    draining: bool,
    broken: bool,
    write_error: Option<io::Error>,
    /// Bytes of this exchange's request that were taken.
    taken: usize,
}

impl<T: Transport> Exclusive<T> {
    pub(super) fn new(
        shared: Arc<Upstream>,
        transport: T,
        codec: Box<dyn Codec>,
        info: Arc<UpstreamInfo>,
    ) -> Self {
        Self {
            shared,
            transport,
            codec,
            info,
            read: ReadBuffer::default(),
            write: FrameBuf::new(),
            unwritten: false,
            id: 0,
            expecting: false,
            is_counted: false,
            starved: true,
            watched: false,
            draining: false,
            broken: false,
            write_error: None,
            taken: 0,
        }
    }

    /// Where the connection leads.
    pub fn info(&self) -> &Arc<UpstreamInfo> {
        &self.info
    }

    /// Takes up a request; it leaves when the connection is polled.
    ///
    /// # Errors
    ///
    /// Where the request cannot be encoded; the connection is as it was.
    pub fn begin(&mut self, message: &Message, mutation: &Mutation) -> Result<Encoded, LocalReply> {
        if let Correlation::ById(ids) = self.shared.capabilities.correlation {
            self.id = if self.id >= ids.last { 1 } else { self.id + 1 };
        }
        let context = EncodeContext {
            id: WireId(self.id),
            mutation,
            request: None,
        };
        self.taken = 0;
        let before = self.write.len();
        let encoded = self.codec.encode(message, &context, &mut self.write);
        self.expecting = encoded.is_ok() && message.kind() == MessageKind::Request;
        self.unwritten = encoded.is_ok();
        self.is_counted = encoded.is_ok();
        if self.is_counted {
            self.shared.endpoint.begin();
        }
        encoded.map_err(|error| {
            self.write.truncate(before);
            super::unencodable(&self.info, &error)
        })
    }

    /// Waits until the request has been written; all there is to a one-way call.
    ///
    /// # Errors
    ///
    /// Where the connection breaks; retriable if not one byte was taken.
    pub fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        self.watched = false;
        let written = ready!(self.poll_write(cx));
        if std::mem::take(&mut self.is_counted) {
            self.shared.endpoint.end(None);
            self.shared.endpoint.written(written.is_ok());
        }
        written.map_err(|error| self.fail(Some(error), false))?;
        Poll::Ready(Ok(()))
    }

    /// Counts that the request taken up was not answered in time. The connection is
    /// of no use for others.
    pub fn timed_out(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.shared.endpoint.end(None);
            self.shared.endpoint.timed_out();
        }
    }

    /// Writes the request and waits for its response.
    ///
    /// # Errors
    ///
    /// Where the connection breaks or the response cannot be read; retriable if
    /// not one byte of the request was taken.
    pub fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, LocalReply>> {
        let response = ready!(self.poll_answer(cx));
        if std::mem::take(&mut self.is_counted) {
            self.shared.endpoint.end(Some(&response));
        }
        Poll::Ready(response)
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, LocalReply>> {
        let mut unread = true;
        loop {
            if self.unwritten
                && let Poll::Ready(Err(error)) = self.poll_write(cx)
            {
                // The server may have said why before it closed.
                self.write_error = Some(error);
                self.write = FrameBuf::new();
            }
            if self.starved {
                if std::mem::take(&mut self.watched) && self.write_error.is_none() {
                    return Poll::Pending;
                }
                let tried = match std::mem::take(&mut unread) {
                    true => self.read.try_fill(&self.transport),
                    false => None,
                };
                let read = match tried {
                    Some(read) => Poll::Ready(read),
                    None => self.read.poll_fill(&mut self.transport, cx),
                };
                let read = match read {
                    Poll::Ready(read) => read,
                    Poll::Pending => match self.write_error.take() {
                        Some(error) => return Poll::Ready(Err(self.fail(Some(error), false))),
                        None => return Poll::Pending,
                    },
                };
                match read {
                    Ok(0) => {
                        let amid_response = !self.read.is_empty();
                        let error = self.write_error.take();
                        return Poll::Ready(Err(self.fail(error, amid_response)));
                    }
                    Ok(count) => {
                        let stats = &self.shared.stats;
                        stats.upstream_cx_rx_bytes_total.add(count as u64);
                        self.starved = false;
                    }
                    Err(error) => return Poll::Ready(Err(self.fail(Some(error), false))),
                }
            }
            if let Some(response) = self.decode()? {
                self.expecting = false;
                if self.unwritten {
                    // A pong, perhaps: what leaves at once does not cost the connection.
                    self.broken |= matches!(self.poll_write(cx), Poll::Ready(Err(_)));
                }
                return Poll::Ready(Ok(response));
            }
        }
    }

    /// Writes what is left; ready once all of it has left, or cannot.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let before = self.write.len();
        let written = poll_write_out(&mut self.write, &mut self.transport, cx);
        let count = before - self.write.len();
        self.taken += count;
        let stats = &self.shared.stats;
        stats.upstream_cx_tx_bytes_total.add(count as u64);
        self.unwritten = written.is_pending();
        self.write.release();
        written
    }

    /// The response, if it is there; everything before it is dealt with.
    fn decode(&mut self) -> Result<Option<Message>, LocalReply> {
        while !self.starved {
            match self.read.decode(&mut *self.codec, &self.shared.limits) {
                Ok(Some(message)) => match message.kind() {
                    MessageKind::Response if self.answers(&message) => {
                        self.draining |= message.metadata.ends_connection;
                        self.starved = self.read.is_empty();
                        return Ok(Some(message));
                    }
                    // A server that does not read would have no end of pongs kept for it.
                    MessageKind::Ping
                        if self.write.len() >= self.shared.config.write_buffer_bytes => {}
                    MessageKind::Ping => {
                        let ping = &message.metadata;
                        let pong = self.codec.control(Control::Pong { ping }, &mut self.write);
                        self.broken |= pong.is_err();
                        self.unwritten = true;
                    }
                    MessageKind::Event(Event::Drain) => self.draining = true,
                    MessageKind::Event(Event::Resume) => self.draining = false,
                    MessageKind::Pong | MessageKind::Event(_) => {}
                    _ => self.shared.stats.upstream_rq_unknown_response.inc(),
                },
                Ok(None) => self.starved = true,
                Err(error) => return Err(self.protocol_error(&error)),
            }
        }
        Ok(None)
    }

    fn answers(&self, message: &Message) -> bool {
        match self.shared.capabilities.correlation {
            Correlation::ById(_) => message.metadata.id == WireId(self.id),
            _ => true,
        }
    }

    /// Whether another exchange may go over this connection: nothing of this one
    /// is left, and the server wants more.
    pub fn is_reusable(&self) -> bool {
        !self.expecting
            && !self.broken
            && !self.draining
            && !self.unwritten
            && self.read.is_empty()
            && self.write_error.is_none()
    }

    /// Whether an idle connection is still good. A server that closed it, or
    /// sent what nobody asked for, has ended it. The exchange that follows must be
    /// polled by the same task: it will be woken for what comes from here on.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_reusable() {
            return false;
        }
        let at_rest = poll_fn(|cx| {
            let read = self.read.poll_fill(&mut self.transport, cx);
            Poll::Ready(read.is_pending())
        });
        // To a task that has used up its share every stream would seem at rest.
        let at_rest = pin!(unconstrained(at_rest)).poll(cx);
        self.watched = at_rest == Poll::Ready(true);
        self.watched
    }

    fn fail(&mut self, error: Option<io::Error>, amid_response: bool) -> LocalReply {
        self.broken = true;
        let stats = &self.shared.stats;
        stats.upstream_cx_destroy_remote.inc();
        stats.upstream_rq_rx_reset.inc();
        let reply = super::closed(&self.info, error.as_ref(), amid_response);
        if self.taken == 0 {
            reply.retriable()
        } else {
            reply
        }
    }

    fn protocol_error(&mut self, error: &meta_core::CodecError) -> LocalReply {
        self.broken = true;
        self.shared.stats.upstream_cx_protocol_error.inc();
        super::undecodable(&self.info, error)
    }
}

impl<T> Drop for Exclusive<T> {
    fn drop(&mut self) {
        if self.is_counted {
            self.shared.endpoint.end(None);
        }
    }
}

impl<T> fmt::Debug for Exclusive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exclusive")
            .field("info", &self.info)
            .field("expecting", &self.expecting)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
