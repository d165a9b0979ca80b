//! Session: what is tied to one downstream connection.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use crate::{
    local_reply::LocalReply, message::Message, request::Address, route::ResolveRoute,
    tls_info::TlsInfo,
};

/// Messages from servers that wait to be written to one client.
const MAX_PUSHES: usize = 64;

/// Connections pinned under one key: servers that drain one after the other
/// leave some behind that still have streams.
const MAX_PINS: usize = 8;

/// One downstream connection, as requests see it: its addresses, its routes,
/// the upstream connections that belong to it alone, and the way for what a
/// server starts to reach the client.
///
/// Most traffic is exchanges and never touches the latter two. Cheap to clone;
/// it outlives the connection harmlessly ([`Session::is_closed`]).
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    info: ConnectionInfo,
    /// Whether anything was ever pinned; most sessions never lock to find out.
    has_pins: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    pushes: VecDeque<Push>,
    /// The connection's task, which writes the pushes.
    reader: Option<Waker>,
    /// Upstream tasks that wait for room.
    writers: Vec<Waker>,
    pins: Vec<(PinKey, Arc<dyn Any + Send + Sync>)>,
}

/// What is known of a downstream connection from its beginning.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Its number, unique in the process; logs name it.
    pub id: u64,
    /// The listener that accepted it.
    pub listener: Arc<str>,
    /// The client's end.
    pub remote: Address,
    /// Our end.
    pub local: Address,
    /// The server's name as the client asked for it, by TLS' SNI.
    pub server_name: Option<Arc<str>>,
    /// What TLS says of it; `None` for plain text.
    pub tls: Option<Arc<TlsInfo>>,
    /// Where its requests' routes are found.
    pub routes: Option<Arc<dyn ResolveRoute>>,
}

/// Of no listener, within the process, without routes: for tests of filters, which
/// set what they are about.
impl Default for ConnectionInfo {
    fn default() -> Self {
        Self {
            id: 0,
            listener: "".into(),
            remote: Address::Memory,
            local: Address::Memory,
            server_name: None,
            tls: None,
            routes: None,
        }
    }
}

/// What a pinned upstream connection is kept under: its cluster.
pub type PinKey = Arc<str>;

/// What a server starts.
#[derive(Debug)]
#[non_exhaustive]
pub enum Push {
    /// An event or a frame of a stream.
    Message(Message),
    /// A request, and where the client's answer goes.
    Request(Message, Box<dyn Answer>),
    /// The end of a stream whose server is gone.
    StreamReset(u64),
}

/// Takes a client's answer to a server's request back to that server, under
/// the server's own id. Dropped unused, it leaves the server waiting.
pub trait Answer: Send + Sync {
    /// Sends `answer`, or nothing where the server's connection is gone.
    fn answer(self: Box<Self>, answer: Result<Message, LocalReply>);

    /// Whether the server can still be answered.
    fn is_wanted(&self) -> bool;
}

impl fmt::Debug for dyn Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl State {
    /// The last pinned of those that `accept` likes.
    fn pinned<T: Any + Send + Sync>(
        &self,
        key: &str,
        mut accept: impl FnMut(&T) -> bool,
    ) -> Option<Arc<T>> {
        let pins = self.pins.iter().rev().filter(|(k, _)| **k == *key);
        let mut pins = pins.filter_map(|(_, pin)| pin.clone().downcast::<T>().ok());
        pins.find(|pin| accept(pin))
    }

    /// The first pinned under `key` where there are too many.
    fn take_excess(&mut self, key: &str) -> Option<Arc<dyn Any + Send + Sync>> {
        let of_key = |(k, _): &(PinKey, _)| **k == *key;
        let count = self.pins.iter().filter(|pin| of_key(pin)).count();
        let first = self.pins.iter().position(of_key)?;
        (count > MAX_PINS).then(|| self.pins.remove(first).1)
    }
}

impl Session {
    /// A session for the connection `info` describes.
    pub fn new(info: ConnectionInfo) -> Self {
        Self(Arc::new(Inner {
            info,
            has_pins: AtomicBool::new(false),
            state: Mutex::default(),
        }))
    }

    /// What is known of the connection.
    pub fn info(&self) -> &ConnectionInfo {
        &self.0.info
    }

    /// Where its requests' routes are found.
    pub fn routes(&self) -> Option<&Arc<dyn ResolveRoute>> {
        self.0.info.routes.as_ref()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// The upstream connection pinned under `key` that `accept` likes, the last
    /// pinned first.
    ///
    /// `accept` must not call the session.
    pub fn pinned<T: Any + Send + Sync>(
        &self,
        key: &str,
        accept: impl FnMut(&T) -> bool,
    ) -> Option<Arc<T>> {
        if !self.0.has_pins.load(Ordering::Acquire) {
            return None;
        }
        self.state().pinned(key, accept)
    }

    /// As [`Session::pinned`]; where there is none, one is made and pinned. Of
    /// more than 8 under one key the first is dropped. `None` where the session
    /// has ended: nothing may belong to it any more.
    pub fn pin_with<T: Any + Send + Sync>(
        &self,
        key: &PinKey,
        accept: impl FnMut(&T) -> bool,
        make: impl FnOnce() -> Arc<T>,
    ) -> Option<Arc<T>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        if let Some(pinned) = state.pinned(key, accept) {
            return Some(pinned);
        }
        let made = make();
        state.pins.push((key.clone(), made.clone()));
        self.0.has_pins.store(true, Ordering::Release);
        let excess = state.take_excess(key);
        // Dropping a connection may run code that asks this session.
        drop(state);
        drop(excess);
        Some(made)
    }

    /// Unpins the connections under `key` that `is_over` names; it must not call
    /// the session.
    pub fn unpin<T: Any + Send + Sync>(&self, key: &str, mut is_over: impl FnMut(&T) -> bool) {
        if !self.0.has_pins.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state();
        let over = |(k, pin): &mut (PinKey, Arc<dyn Any + Send + Sync>)| {
            **k == *key && pin.downcast_ref().is_some_and(&mut is_over)
        };
        let over: Vec<_> = state.pins.extract_if(.., over).collect();
        drop(state);
        drop(over);
    }

    /// Waits until there is room for a push; `Err` once the session has ended.
    ///
    /// Cancellation safe: nothing is reserved.
    pub fn poll_push_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), SessionClosed>> {
        let mut state = self.state();
        if state.closed {
            return Poll::Ready(Err(SessionClosed));
        }
        if state.pushes.len() < MAX_PUSHES {
            return Poll::Ready(Ok(()));
        }
        if !state.writers.iter().any(|w| w.will_wake(cx.waker())) {
            state.writers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Hands a message to the client.
    ///
    /// # Errors
    ///
    /// Gives the push back where the session has ended or its queue of 64 is
    /// full, which [`Session::poll_push_ready`] tells beforehand.
    pub fn push(&self, push: Push) -> Result<(), Push> {
        let mut state = self.state();
        if state.closed || state.pushes.len() >= MAX_PUSHES {
            return Err(push);
        }
        state.pushes.push_back(push);
        if let Some(reader) = state.reader.take() {
            drop(state);
            reader.wake();
        }
        Ok(())
    }

    /// Takes the next push; for the task that drives the connection.
    pub fn poll_pushed(&self, cx: &mut Context<'_>) -> Poll<Push> {
        let mut state = self.state();
        match state.pushes.pop_front() {
            Some(push) => {
                let writers = std::mem::take(&mut state.writers);
                drop(state);
                writers.into_iter().for_each(Waker::wake);
                Poll::Ready(push)
            }
            None => {
                match &mut state.reader {
                    Some(reader) => reader.clone_from(cx.waker()),
                    reader => *reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// Ends the session: pins are dropped, pushes refused, waiters woken. For the
    /// task that drives the connection.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let pushes = std::mem::take(&mut state.pushes);
        let pins = std::mem::take(&mut state.pins);
        let writers = std::mem::take(&mut state.writers);
        state.reader = None;
        // Dropping these may run code that asks this session.
        drop(state);
        drop((pushes, pins));
        writers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.0.info).finish()
    }
}

/// The downstream connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionClosed;

impl fmt::Display for SessionClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the downstream connection has ended")
    }
}

impl std::error::Error for SessionClosed {}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::{FutureExt, future::poll_fn, task::noop_waker_ref};

    use super::*;
    use crate::{
        metadata::{MessageKind, Metadata},
        wire::WireId,
    };

    fn session() -> Session {
        Session::new(ConnectionInfo {
            id: 1,
            listener: "test".into(),
            remote: Address::Memory,
            local: Address::Memory,
            server_name: None,
            tls: None,
            routes: None,
        })
    }

    fn push() -> Push {
        let metadata = Metadata::new(MessageKind::Request, WireId(7));
        Push::Message(Message::new(metadata, Bytes::new()))
    }

    #[test]
    fn pushes_are_bounded_and_room_wakes_the_writer() {
        let session = session();
        for _ in 0..MAX_PUSHES {
            session.push(push()).expect("there is room");
        }
        session.push(push()).expect_err("it is full");
        let mut ready = Box::pin(poll_fn(|cx| session.poll_push_ready(cx)));
        assert!(ready.as_mut().now_or_never().is_none());
        let mut cx = Context::from_waker(noop_waker_ref());
        assert!(session.poll_pushed(&mut cx).is_ready());
        assert_eq!(ready.now_or_never(), Some(Ok(())));
    }

    fn pin(session: &Session, key: &str, pin: &Arc<u32>) -> Option<Arc<u32>> {
        session.pin_with(&key.into(), |_| false, || pin.clone())
    }

    #[test]
    fn a_closed_session_keeps_nothing() {
        let session = session();
        let five = Arc::new(5u32);
        let pinned = |key| session.pinned::<u32>(key, |_| true);
        assert_eq!(pinned("a"), None);
        assert_eq!(pin(&session, "a", &five).as_deref(), Some(&5));
        assert_eq!(pinned("a").as_deref(), Some(&5));
        assert_eq!(session.pinned::<u64>("a", |_| true), None);
        session.unpin::<u32>("a", |pin| *pin == 4);
        assert_eq!(pinned("a").as_deref(), Some(&5));
        session.unpin::<u32>("a", |pin| *pin == 5);
        assert_eq!(pinned("a"), None);
        pin(&session, "a", &five);
        session.close();
        assert_eq!(pinned("a"), None);
        assert_eq!(pin(&session, "b", &five), None);
        assert_eq!(Arc::strong_count(&five), 1);
        session.push(push()).expect_err("it has ended");
        assert!(session.is_closed());
    }

    #[test]
    fn the_last_pinned_comes_first_and_the_first_goes() {
        let session = session();
        let pins: Vec<_> = (0..10).map(Arc::new).collect();
        for one in &pins {
            pin(&session, "a", one);
            pin(&session, "b", &pins[0]);
        }
        assert_eq!(session.pinned("a", |_: &u32| true), Some(pins[9].clone()));
        assert_eq!(session.pinned("a", |n: &u32| *n < 5), Some(pins[4].clone()));
        assert_eq!(session.pinned("a", |n: &u32| *n < 2), None);
        let other = session.pin_with(&"a".into(), |n: &u32| *n == 3, || Arc::new(11));
        assert_eq!(other, Some(pins[3].clone()));
    }
}
