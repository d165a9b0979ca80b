//! The task of one downstream connection.

use std::{collections::VecDeque, io, ops::ControlFlow};

use meta_core::{
    Codec, CodecError, CodecErrorKind, Control, Correlation, EncodeContext, Encoded, FrameBuf,
    Message, MessageKind, Metadata, Mutation, Origin, Outcome, Place, Push, ReplyKind, Status,
    WireId,
};

use super::{
    calls::{Answer, Calls, Entry},
    server_calls::ServerCalls,
    *,
};
use crate::{
    buffer::{ReadBuffer, poll_write_out},
    clock,
    drain::DrainWatch,
    timer::Timer,
};

mod ending;
mod logging;
mod reading;
mod tally;
mod writing;

use tally::Tally;

/// Bytes of requests read ahead at the bounds, to get at the answers behind them.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// Drives one connection; see [`Downstream::serve`].
pub(super) struct Connection<T, S: Service<Request>> {
    shared: Arc<Downstream>,
    transport: T,
    codec: Box<dyn Codec>,
    service: S,
    session: Session,
    read: ReadBuffer,
    write: FrameBuf,
    calls: Calls<S::Future>,
    /// Messages that wait for room, in order.
    parked: VecDeque<Message>,
    parked_bytes: usize,
    /// Messages of the session that wait for the one before them.
    lane: VecDeque<Message>,
    lane_busy: bool,
    server_calls: Option<Box<ServerCalls>>,
    phase: Phase,
    /// The codec wants more bytes than there are.
    starved: bool,
    /// This task is woken when there is something to read.
    watched: bool,
    /// Nothing has been read since the task was polled.
    unread: bool,
    eof: bool,
    /// Bytes of a refused message that are still to come.
    skip: u64,
    goodbye: Option<Goodbye>,
    /// A call was answered after a later one: the client waits for several.
    interleaves: bool,
    /// The youngest call that has been answered.
    last_answered: Option<u64>,
    timer: Timer,
    drain: DrainWatch,
    last_activity: Instant,
    /// When the first of the calls in flight began.
    busy_since: Instant,
    blocked_since: Option<Instant>,
    paused: bool,
    tally: Tally,
}

/// The client was told that the proxy drains.
struct Goodbye {
    at: Instant,
    /// The protocol has a word for it, and no request has come since.
    heeded: bool,
}

enum Phase {
    Open,
    /// The reply to what was refused waits for its turn; nothing is read meanwhile.
    Refusing(CodecError),
    /// Nothing more is read; what is in flight is still answered.
    Finishing(CloseReason),
    /// Everything is written; the client may have to read it before the socket
    /// can close without a reset.
    Lingering {
        reason: CloseReason,
        until: Instant,
        shut_down: bool,
    },
    Closed,
}

impl<T, S> Connection<T, S>
where
    T: Transport,
    S: Service<Request, Response = Response, Error = LocalReply>,
    S::Future: Unpin,
{
    pub(super) fn new(
        shared: Arc<Downstream>,
        transport: T,
        codec: Box<dyn Codec>,
        service: S,
        session: Session,
    ) -> Self {
        shared.stats.downstream_cx_total.inc();
        shared.stats.downstream_cx_active.inc();
        Self {
            timer: shared.wheel.timer(),
            drain: shared.drain.watch(),
            last_activity: clock::now(),
            busy_since: clock::now(),
            shared,
            transport,
            codec,
            service,
            session,
            read: ReadBuffer::default(),
            write: FrameBuf::new(),
            calls: Calls::new(),
            parked: VecDeque::new(),
            parked_bytes: 0,
            lane: VecDeque::new(),
            lane_busy: false,
            server_calls: None,
            phase: Phase::Open,
            starved: true,
            watched: false,
            unread: true,
            eof: false,
            skip: 0,
            goodbye: None,
            interleaves: false,
            last_answered: None,
            blocked_since: None,
            paused: false,
            tally: Tally::default(),
        }
    }

    /// One turn: everything that can be done without waiting.
    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> ControlFlow<CloseReason> {
        if let Phase::Lingering { .. } = self.phase {
            return self.poll_linger(cx, now);
        }
        loop {
            let mut more = self.start_parked(cx, now);
            if let Phase::Open = self.phase {
                more |= self.read_some(cx, now)?;
            }
            let (bound, held_back) = (self.at_bounds(), self.may_not_read());
            self.take_pushes(cx, now);
            self.take_answers(cx, now)?;
            more |= self.take_refusal(now);
            let full = self.is_write_full();
            self.flush(cx, now)?;
            let at_bounds = self.at_bounds();
            let paused = std::mem::replace(&mut self.paused, at_bounds);
            if at_bounds && !paused {
                self.shared.stats.request_paused.inc();
            }
            // What had no room and has it now is woken by nobody else.
            more |= full && !self.is_write_full();
            more |= bound && !at_bounds || held_back && !self.may_not_read();
            if !more {
                break;
            }
        }
        self.close_if_done(cx, now)
    }

    /// Whether a bound on what is in flight or unwritten is reached.
    fn at_bounds(&self) -> bool {
        let config = &self.shared.config;
        self.calls.len() >= config.max_in_flight
            || self.calls.bytes() >= config.max_in_flight_bytes
            || self.is_write_full()
    }

    fn is_write_full(&self) -> bool {
        self.write.len() >= self.shared.config.write_buffer_bytes
    }

    /// At the bounds a request read would have nowhere to go; where clients
    /// answer servers' requests, some more is read for the answers in it. A client
    /// that does not read is not read from: pings alone would fill the buffer.
    fn may_not_read(&self) -> bool {
        let read_ahead = match self.shared.capabilities.server_requests {
            true => READ_AHEAD_BYTES,
            false => 0,
        };
        let waiting = !self.parked.is_empty() || self.at_bounds();
        (waiting && self.parked_bytes >= read_ahead)
            || self.parked_bytes > READ_AHEAD_BYTES
            || self.is_write_full()
    }

    fn server_calls(&mut self) -> &mut ServerCalls {
        self.server_calls.get_or_insert_default()
    }

    /// Whether reading would tell that the client is gone.
    fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Open) && !self.eof && !self.may_not_read()
    }
}

impl<T, S> Future for Connection<T, S>
where
    T: Transport,
    S: Service<Request, Response = Response, Error = LocalReply>,
    S::Future: Unpin,
{
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        let mut now = clock::read();
        this.unread = true;
        loop {
            this.calls.begin_turn();
            this.watched &= this.drain.is_asked_by(cx);
            let event = clock::Event::begin(now);
            let turn = this.turn(cx, now);
            drop(event);
            this.tally.flush(&this.shared.stats);
            if let ControlFlow::Break(reason) = turn {
                this.count_close(&reason, now);
                return Poll::Ready(reason);
            }
            if this.poll_deadline(cx, now).is_pending() {
                return Poll::Pending;
            }
            now = clock::read();
            if let ControlFlow::Break(reason) = this.on_deadline(now) {
                this.count_close(&reason, now);
                return Poll::Ready(reason);
            }
        }
    }
}

impl<T, S: Service<Request>> Connection<T, S> {
    fn count_close(&mut self, reason: &CloseReason, now: Instant) {
        self.phase = Phase::Closed;
        self.log_cancelled(reason.as_str(), now);
        if !self.calls.is_empty() {
            let stats = &self.shared.stats;
            match reason {
                CloseReason::Client | CloseReason::Broken(_) => {
                    stats.cx_destroy_remote_with_active_rq.inc();
                }
                _ => stats.cx_destroy_local_with_active_rq.inc(),
            }
        }
    }
}

// Nothing is pinned in place: the futures of calls have boxes of their own.
impl<T, S: Service<Request>> Unpin for Connection<T, S> {}

impl<T, S: Service<Request>> Drop for Connection<T, S> {
    fn drop(&mut self) {
        let stats = &self.shared.stats;
        let active = self.calls.len();
        if !matches!(self.phase, Phase::Closed) {
            self.log_cancelled("proxy_stopped", clock::now());
            if active > 0 {
                stats.cx_destroy_local_with_active_rq.inc();
            }
        }
        stats.request_active.add(-(active as i64));
        stats.downstream_cx_active.dec();
        self.session.close();
    }
}
