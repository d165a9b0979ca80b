//! An upstream connection that many exchanges share.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use meta_core::{
    Answer, Codec, Control, EncodeContext, Encoded, FrameBuf, LocalReply, Message, MessageKind,
    Metadata, Mutation, ReplyKind, Session, UpstreamInfo, WireId,
};

use super::{
    Upstream,
    pending::{Outcome, Pending},
};
use crate::transport::Transport;

mod answer;
mod call;
mod driver;

pub use call::{SharedCall, SharedSend};
pub use driver::SharedDriver;

/// A connection that carries many exchanges at a time, under ids of its own or
/// pipelined in order. Requests put their bytes into one buffer; the driver
/// writes what came together in one call.
///
/// Dropping it lets the exchanges in flight end, then closes the connection.
pub struct Shared {
    inner: Arc<Inner>,
}

struct Inner {
    upstream: Arc<Upstream>,
    info: Arc<UpstreamInfo>,
    state: Mutex<State>,
    is_busy: AtomicBool,
}

struct State {
    codec: Box<dyn Codec>,
    /// What the driver is to write next.
    out: FrameBuf,
    /// Bytes that the driver has taken and not written yet.
    unwritten: usize,
    /// All bytes ever put into `out`, and those written.
    enqueued: u64,
    written: u64,
    pending: Pending,
    status: Status,
    driver: Option<Waker>,
    /// Who waits for room in `out`, in order.
    room: VecDeque<Waker>,
    /// Who waits until so many bytes have been written.
    flushes: VecDeque<(u64, Waker)>,
    /// Streams that are open, both ways.
    streams: HashSet<u64>,
    /// Something was sent since the driver's last turn.
    used: bool,
    /// A request has bound its client to this connection: it may be called back
    /// for as long as it is there.
    bound: bool,
    /// The server asks and does not read the answers.
    clogged: bool,
}

enum Status {
    Open,
    /// The server drains: no new requests, but the streams that are open go on.
    Draining,
    /// All handles are gone.
    Closing,
    Closed(LocalReply),
}

pub(super) fn new<T: Transport>(
    upstream: Arc<Upstream>,
    transport: T,
    codec: Box<dyn Codec>,
    info: Arc<UpstreamInfo>,
    session: Option<Session>,
) -> (Shared, SharedDriver<T>) {
    let config = &upstream.config;
    let pending = Pending::new(
        upstream.capabilities.correlation,
        config.unread_response_bytes,
        info.cluster.clone(),
    );
    let inner = Arc::new(Inner {
        upstream,
        info,
        state: Mutex::new(State {
            codec,
            out: FrameBuf::new(),
            unwritten: 0,
            enqueued: 0,
            written: 0,
            pending,
            status: Status::Open,
            driver: None,
            room: VecDeque::new(),
            flushes: VecDeque::new(),
            streams: HashSet::new(),
            used: false,
            bound: false,
            clogged: false,
        }),
        is_busy: AtomicBool::new(false),
    });
    let driver = SharedDriver::new(inner.clone(), transport, session);
    (Shared { inner }, driver)
}

impl Shared {
    /// Where the connection leads.
    pub fn info(&self) -> &Arc<UpstreamInfo> {
        &self.inner.info
    }

    /// Whether new requests may go over it.
    pub fn is_open(&self) -> bool {
        matches!(self.inner.state().status, Status::Open)
    }

    /// Whether the server has asked for no more requests, and the connection is
    /// still there.
    pub fn is_draining(&self) -> bool {
        matches!(self.inner.state().status, Status::Draining)
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.inner.state().status, Status::Closed(_))
    }

    /// Whether this stream is open on the connection.
    pub fn carries(&self, stream_id: u64) -> bool {
        self.inner.state().streams.contains(&stream_id)
    }

    /// Whether the last request found
    /// [`UpstreamConfig::busy_in_flight`](super::UpstreamConfig::busy_in_flight)
    /// others in flight, or no room.
    pub fn is_busy(&self) -> bool {
        self.inner.is_busy.load(Ordering::Relaxed)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.inner.state().pending.len()
    }

    /// Waits until the write buffer has room, or the connection has closed, which
    /// the call will tell. Cancellation safe: nothing is reserved.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.inner.state();
        if self.inner.has_room(&state) || !matches!(state.status, Status::Open) {
            return Poll::Ready(());
        }
        self.inner.is_busy.store(true, Ordering::Relaxed);
        if !state.room.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.room.push_back(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Sends a request that wants an answer. Its bytes are under way when this
    /// returns; dropping the future gives the answer up. At the deadline it ends
    /// with [`ReplyKind::Timeout`].
    ///
    /// # Errors
    ///
    /// Where the request cannot be encoded, or (retriable) the connection takes
    /// no more.
    pub fn call(
        &self,
        message: &Message,
        mutation: &Mutation,
        deadline: Option<Instant>,
    ) -> Result<(SharedCall, Encoded), LocalReply> {
        let mut state = self.inner.state();
        state.check_open(&self.inner.info, None)?;
        self.call_open(&mut state, message, mutation, deadline, None)
    }

    /// As [`Shared::call`]; `None` where the connection takes no more requests or
    /// has no room for one. The task is woken as if it had polled the call once.
    pub fn try_call(
        &self,
        message: &Message,
        mutation: &Mutation,
        deadline: Option<Instant>,
        cx: &Context<'_>,
    ) -> Option<Result<(SharedCall, Encoded), LocalReply>> {
        let mut state = self.inner.state();
        if !matches!(state.status, Status::Open) {
            return None;
        }
        if !self.inner.has_room(&state) {
            self.inner.is_busy.store(true, Ordering::Relaxed);
            return None;
        }
        let waker = Some(cx.waker().clone());
        Some(self.call_open(&mut state, message, mutation, deadline, waker))
    }

    fn call_open(
        &self,
        state: &mut State,
        message: &Message,
        mutation: &Mutation,
        deadline: Option<Instant>,
        waker: Option<Waker>,
    ) -> Result<(SharedCall, Encoded), LocalReply> {
        let info = &self.inner.info;
        let busy_at = self.inner.upstream.config.busy_in_flight;
        let is_busy = state.pending.len() >= busy_at;
        self.inner.is_busy.store(is_busy, Ordering::Relaxed);
        let id = state.pending.next_id().ok_or_else(|| overflow(info))?;
        let begins_at = state.enqueued;
        let encoded = state
            .encode(message, id, mutation)
            .map_err(|error| super::unencodable(&self.inner.info, &error))?;
        let key = state.pending.insert(id, begins_at, deadline, waker);
        state.used = true;
        state.bound |= message.metadata.binds_session;
        state.wake_driver();
        self.inner.upstream.endpoint.begin();
        let call = SharedCall {
            inner: self.inner.clone(),
            key: Some(key),
            answered_at: None,
        };
        Ok((call, encoded))
    }

    /// Sends what wants no answer: a one-way call, an answer, a frame of a
    /// stream. The future tells when it has been written.
    ///
    /// # Errors
    ///
    /// As [`Shared::call`].
    pub fn send(
        &self,
        message: &Message,
        mutation: &Mutation,
    ) -> Result<(SharedSend, Encoded), LocalReply> {
        let mut state = self.inner.state();
        let info = &self.inner.info;
        state.check_open(info, message.metadata.stream_id)?;
        let id = match message.kind() {
            MessageKind::OneWay => state.pending.next_id().ok_or_else(|| overflow(info))?,
            _ => message.metadata.id,
        };
        let begins_at = state.enqueued;
        let encoded = state
            .encode(message, id, mutation)
            .map_err(|error| super::unencodable(&self.inner.info, &error))?;
        if let Some(stream_id) = message.metadata.stream_id {
            match message.kind() {
                MessageKind::StreamInit => state.streams.insert(stream_id),
                MessageKind::StreamClose => state.streams.remove(&stream_id),
                _ => false,
            };
        }
        state.used = true;
        state.bound |= message.metadata.binds_session;
        state.wake_driver();
        let position = state.enqueued;
        drop(state);
        let is_counted = message.kind() == MessageKind::OneWay;
        if is_counted {
            self.inner.upstream.endpoint.rq_total.inc();
        }
        let send = SharedSend {
            inner: self.inner.clone(),
            is_counted,
            begins_at,
            position,
        };
        Ok((send, encoded))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        if let Status::Open | Status::Draining = state.status {
            state.status = Status::Closing;
        }
        state.wake_driver();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("info", &self.inner.info)
            .field("in_flight", &self.in_flight())
            .finish()
    }
}

impl Inner {
    fn has_room(&self, state: &State) -> bool {
        state.out.len() + state.unwritten < self.upstream.config.write_buffer_bytes
    }

    /// Whether more waits to be written than requests alone can amount to.
    fn is_clogged(&self, state: &State) -> bool {
        let upstream = &self.upstream;
        let bound = upstream.config.write_buffer_bytes + upstream.limits.message_bytes;
        state.out.len() + state.unwritten >= bound
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a message goes, that belongs to `stream_id` if to any.
    fn check_open(&self, info: &UpstreamInfo, stream_id: Option<u64>) -> Result<(), LocalReply> {
        let of_open_stream = stream_id.is_some_and(|id| self.streams.contains(&id));
        match &self.status {
            Status::Open => Ok(()),
            Status::Draining if of_open_stream => Ok(()),
            Status::Draining | Status::Closing => Err(LocalReply::new(
                ReplyKind::UpstreamReset,
                format!("{} takes no more requests", info.endpoint),
            )
            .with_cluster(info.cluster.clone())
            .retriable()),
            Status::Closed(reply) => Err(reply.clone().retriable()),
        }
    }

    fn encode(
        &mut self,
        message: &Message,
        id: WireId,
        mutation: &Mutation,
    ) -> Result<Encoded, meta_core::CodecError> {
        let context = EncodeContext {
            id,
            mutation,
            request: None,
        };
        let before = self.out.len();
        let encoded = self.codec.encode(message, &context, &mut self.out);
        match &encoded {
            Ok(_) => self.enqueued += (self.out.len() - before) as u64,
            Err(_) => self.out.truncate(before),
        }
        encoded
    }

    /// Lets the codec write something of its own; whether it did.
    fn write_control(
        &mut self,
        write: impl FnOnce(&mut dyn Codec, &mut FrameBuf) -> Result<bool, meta_core::CodecError>,
    ) -> bool {
        let before = self.out.len();
        let written = write(&mut *self.codec, &mut self.out);
        if let Err(error) = &written {
            tracing::debug!(%error, "nothing written upstream");
            self.out.truncate(before);
        }
        self.enqueued += (self.out.len() - before) as u64;
        matches!(written, Ok(true))
    }

    /// The server wants no new requests.
    fn drain(&mut self) {
        if let Status::Open = self.status {
            self.status = Status::Draining;
            self.room.drain(..).for_each(Waker::wake);
        }
    }

    /// Whether it would be missed if it were closed.
    fn is_in_use(&self) -> bool {
        self.pending.len() > 0 || !self.streams.is_empty()
    }

    /// The driver runs until nothing is left to do, so a waker still here means
    /// that it sleeps.
    fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

fn overflow(info: &UpstreamInfo) -> LocalReply {
    let detail = format!(
        "no more requests can be told apart on the connection to {}",
        info.endpoint
    );
    LocalReply::new(ReplyKind::Overflow, detail).with_cluster(info.cluster.clone())
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.fmt(f)
    }
}
