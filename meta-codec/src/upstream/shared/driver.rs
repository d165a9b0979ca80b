//! The task of a shared upstream connection.

use std::io;

use meta_core::{CodecError, Event, Push};

use super::{super::Heartbeat, answer::ServerRequest, *};
use crate::{
    buffer::{ReadBuffer, poll_write_out},
    clock,
    timer::Timer,
};

mod reading;

/// Drives a [`Shared`] connection; ends when that has closed.
pub struct SharedDriver<T> {
    inner: Arc<Inner>,
    transport: T,
    /// The client that this connection belongs to, if it does.
    session: Option<Session>,
    read: ReadBuffer,
    /// What is being written; `State::out` fills up meanwhile.
    writing: FrameBuf,
    /// A message of the server's that the client has no room for.
    held: Option<Push>,
    starved: bool,
    /// Bytes of a refused response that are still to come.
    skip: u64,
    /// The transport keeps bytes that it has to be asked for.
    unflushed: bool,
    /// Since when the server has taken nothing of what is being written.
    blocked_since: Option<Instant>,
    timer: Timer,
    /// The earliest deadline of a request in flight.
    call_deadline: Option<Instant>,
    last_used: Instant,
    /// Its client may be called back at any time.
    bound: bool,
    /// When something was last read, or a heartbeat sent.
    silent_since: Instant,
    /// Heartbeats sent since something was read.
    unanswered: u32,
    /// Told when the server drains, and when it no longer does.
    on_drain: Option<Box<dyn Fn(bool) + Send>>,
    /// It is over, but for what the client has to be told.
    ended: bool,
    /// Streams that ended with the connection.
    broken_streams: Vec<u64>,
}

/// Why the connection ends.
enum End {
    /// By us: all handles are gone, or it was idle.
    Local(&'static str),
    Remote(Option<io::Error>, bool),
    Protocol(CodecError),
}

impl<T: Transport> SharedDriver<T> {
    pub(super) fn new(inner: Arc<Inner>, transport: T, session: Option<Session>) -> Self {
        let timer = inner.upstream.wheel.timer();
        let now = clock::now();
        Self {
            inner,
            transport,
            session,
            read: ReadBuffer::default(),
            writing: FrameBuf::new(),
            held: None,
            starved: true,
            skip: 0,
            unflushed: false,
            blocked_since: None,
            timer,
            call_deadline: None,
            last_used: now,
            bound: false,
            silent_since: now,
            unanswered: 0,
            on_drain: None,
            ended: false,
            broken_streams: Vec::new(),
        }
    }

    /// Has `tell` called with `true` when the server says that it drains, and with
    /// `false` when it welcomes requests again. It must not call the connection.
    #[must_use]
    pub fn on_drain(mut self, tell: impl Fn(bool) + Send + 'static) -> Self {
        self.on_drain = Some(Box::new(tell));
        self
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        loop {
            // What the server has closed must not be written to: a socket would
            // take the bytes, and nobody could tell that they are lost.
            let more = self.read_some(cx, now)?;
            self.write_some(cx, now)?;
            if !more {
                break;
            }
        }
        let mut state = self.inner.state();
        if std::mem::take(&mut state.used) || state.is_in_use() {
            self.last_used = now;
        }
        self.bound = state.bound && self.session.is_some();
        let written = self.writing.is_empty() && !self.unflushed;
        let unneeded = match state.status {
            // Its client may still be called back, until the server closes it.
            Status::Draining => state.streams.is_empty() && !self.bound,
            Status::Closing => true,
            _ => false,
        };
        if state.clogged {
            return Err(End::Local(
                "the server does not read answers to its requests",
            ));
        }
        if unneeded && written && state.out.is_empty() && !state.pending.is_awaited() {
            return Err(End::Local("no longer needed"));
        }
        // What was put in since the last write: the waker was not there to tell.
        if !state.out.is_empty() && written {
            cx.waker().wake_by_ref();
        }
        self.call_deadline = state.pending.earliest_deadline();
        match &mut state.driver {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Ok(())
    }

    /// Writes what requests have put in, all that came together in one go.
    fn write_some(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        loop {
            if self.writing.is_empty() && !self.unflushed {
                let mut state = self.inner.state();
                if state.out.is_empty() {
                    self.writing.release();
                    return Ok(());
                }
                std::mem::swap(&mut state.out, &mut self.writing);
                state.unwritten = self.writing.len();
            }
            let before = self.writing.len();
            let written = poll_write_out(&mut self.writing, &mut self.transport, cx);
            let count = before - self.writing.len();
            let wakers = self.account(count);
            wakers.into_iter().for_each(Waker::wake);
            self.unflushed = written.is_pending();
            match written {
                Poll::Pending => {
                    let blocked_since = self.blocked_since.filter(|_| count == 0);
                    self.blocked_since = blocked_since.or(Some(now));
                    return Ok(());
                }
                Poll::Ready(Ok(())) => self.blocked_since = None,
                Poll::Ready(Err(error)) => {
                    // The server may have answered some before it closed.
                    while let Ok(true) = self.read_some(cx, now) {}
                    return Err(End::Remote(Some(error), false));
                }
            }
        }
    }

    /// Takes note of written bytes; returns whom that concerns.
    fn account(&mut self, count: usize) -> Vec<Waker> {
        let upstream = &self.inner.upstream;
        upstream.stats.upstream_cx_tx_bytes_total.add(count as u64);
        let mut state = self.inner.state();
        state.written += count as u64;
        state.unwritten = self.writing.len();
        let mut wakers = Vec::new();
        while let Some((position, _)) = state.flushes.front() {
            if *position > state.written {
                break;
            }
            wakers.extend(state.flushes.pop_front().map(|(_, waker)| waker));
        }
        if self.inner.has_room(&state) {
            wakers.extend(state.room.drain(..));
        }
        wakers
    }

    fn next_deadline(&self) -> Option<Instant> {
        let idle = self.idle_timeout();
        let idle = idle.and_then(|timeout| self.last_used.checked_add(timeout));
        let ping = self.heartbeat();
        let ping = ping.and_then(|ping| self.silent_since.checked_add(ping.interval));
        let write_timeout = self.inner.upstream.config.write_timeout;
        let write = (self.blocked_since).and_then(|since| since.checked_add(write_timeout));
        let deadlines = [idle, ping, write, self.call_deadline];
        deadlines.into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: Instant) -> Result<(), End> {
        let upstream = &self.inner.upstream;
        let mut state = self.inner.state();
        if self.call_deadline.is_some_and(|deadline| now >= deadline) {
            let info = &self.inner.info;
            state.pending.expire(now, || {
                let detail = format!("no response from {} in time", info.endpoint);
                LocalReply::new(ReplyKind::Timeout, detail).with_cluster(info.cluster.clone())
            });
        }
        if let Some(since) = self.blocked_since
            && now.saturating_duration_since(since) >= upstream.config.write_timeout
        {
            upstream.stats.upstream_cx_write_timeout.inc();
            let error = io::Error::new(io::ErrorKind::TimedOut, "it does not read");
            return Err(End::Remote(Some(error), false));
        }
        if let Some(timeout) = self.idle_timeout() {
            if state.is_in_use() {
                self.last_used = now;
            } else if now.saturating_duration_since(self.last_used) >= timeout {
                upstream.stats.upstream_cx_idle_timeout.inc();
                return Err(End::Local("idle for too long"));
            }
        }
        match self.heartbeat() {
            Some(ping) if now.saturating_duration_since(self.silent_since) >= ping.interval => {
                self.silent_since = now;
                if self.held.is_some() {
                    // It may well have answered: nothing is read for the client's sake.
                    return Ok(());
                }
                if self.unanswered >= ping.misses {
                    upstream.stats.upstream_cx_ping_timeout.inc();
                    let error = io::Error::new(io::ErrorKind::TimedOut, "heartbeats unanswered");
                    return Err(End::Remote(Some(error), false));
                }
                let sent = state.pending.next_id().is_some_and(|id| {
                    state.write_control(|codec, out| codec.control(Control::Ping { id }, out))
                });
                self.unanswered += u32::from(sent);
            }
            _ => {}
        }
        Ok(())
    }

    /// How long it may be unused. What a client is bound to stays for as long as
    /// the client does.
    fn idle_timeout(&self) -> Option<Duration> {
        let timeout = self.inner.upstream.config.idle_timeout;
        timeout.filter(|_| !self.bound)
    }

    /// The heartbeats to send, where the protocol has them.
    fn heartbeat(&self) -> Option<Heartbeat> {
        let upstream = &self.inner.upstream;
        let heartbeat = upstream.config.heartbeat;
        heartbeat.filter(|_| upstream.capabilities.heartbeat)
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.next_deadline() else {
            return Poll::Pending;
        };
        self.timer.poll_or_earlier(deadline, cx)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut now = clock::read();
        loop {
            if let Err(end) = self.turn(cx, now) {
                return Poll::Ready(end);
            }
            if self.poll_deadline(cx).is_pending() {
                return Poll::Pending;
            }
            now = clock::read();
            if let Err(end) = self.on_deadline(now) {
                return Poll::Ready(end);
            }
        }
    }
}

impl<T> SharedDriver<T> {
    /// Tells everyone who waits that it is over.
    fn finish(&mut self, end: &End) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let inner = &self.inner;
        let info = &inner.info;
        let stats = &inner.upstream.stats;
        let reply = match end {
            End::Local(reason) => {
                stats.upstream_cx_destroy_local.inc();
                LocalReply::new(
                    ReplyKind::UpstreamReset,
                    format!("connection to {} was closed: {reason}", info.endpoint),
                )
                .with_cluster(info.cluster.clone())
            }
            End::Remote(error, amid_response) => {
                stats.upstream_cx_destroy_remote.inc();
                crate::upstream::closed(info, error.as_ref(), *amid_response)
            }
            End::Protocol(error) => {
                stats.upstream_cx_protocol_error.inc();
                stats.upstream_cx_destroy_local.inc();
                crate::upstream::undecodable(info, error)
            }
        };
        let mut state = inner.state();
        let waiting = state.pending.waiting();
        if waiting > 0 {
            stats.upstream_cx_destroy_with_active_rq.inc();
            if let End::Remote(..) = end {
                stats.upstream_rq_rx_reset.add(waiting as u64);
            }
        }
        let written = state.written;
        state.pending.fail_all(&reply, written, clock::now());
        state.status = Status::Closed(reply);
        state.out = FrameBuf::new();
        self.broken_streams = state.streams.drain().collect();
        let flushes = std::mem::take(&mut state.flushes);
        let room = std::mem::take(&mut state.room);
        drop(state);
        let flushes = flushes.into_iter().map(|(_, waker)| waker);
        flushes.chain(room).for_each(Waker::wake);
    }
}

impl<T: Transport> Future for SharedDriver<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.ended {
            return this.poll_tell(cx);
        }
        let Poll::Ready(end) = this.poll_end(cx) else {
            return Poll::Pending;
        };
        this.finish(&end);
        tracing::debug!(
            endpoint = %this.inner.info.endpoint,
            reason = match &end {
                End::Local(reason) => (*reason).to_owned(),
                End::Remote(None, _) => "closed by the server".to_owned(),
                End::Remote(Some(error), _) => error.to_string(),
                End::Protocol(error) => error.to_string(),
            },
            "upstream connection closed"
        );
        let told = this.poll_tell(cx);
        if told.is_pending() {
            // The server need not wait for the client.
            let _ = Pin::new(&mut this.transport).poll_shutdown(cx);
        }
        told
    }
}

impl<T> Drop for SharedDriver<T> {
    fn drop(&mut self) {
        self.finish(&End::Local("the proxy stops"));
        if let Some(session) = &self.session {
            for stream in self.broken_streams.drain(..) {
                let _ = session.push(Push::StreamReset(stream));
            }
        }
    }
}

impl<T> fmt::Debug for SharedDriver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedDriver")
            .field(&self.inner.info)
            .finish()
    }
}
