//! Both sides of a proxy, ready to be connected to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::BytesMut;
use meta_codec::{
    Downstream, DownstreamConfig, DownstreamStats, Drain, Exclusive, Shared, SharedCall,
    SharedSend, Transport, Upstream, UpstreamConfig, UpstreamStats, Wheel,
};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{
    Address, CodecFactory, ConnectionInfo, Decoded, Limits, LocalReply, Message, Mutation, Request,
    Response, Role, Session, UpstreamInfo,
};
use tokio::{
    io::{DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::Service;

use crate::peer::{Client, Peer};

/// What a stream within the process holds in each direction.
const STREAM_BYTES: usize = 64 << 10;

/// The message that this frame is.
pub(crate) fn message(frame: &Frame) -> Message {
    let mut codec = Toy::by_id().codec(Role::Upstream, &Limits::default());
    match codec.decode(&mut BytesMut::from(&frame.encode()[..])) {
        Ok(Decoded::Message(message)) => message,
        other => panic!("a whole frame, not {other:?}"),
    }
}

/// Sends a request, with nobody's deadline.
pub(crate) fn try_call(shared: &Shared, frame: &Frame) -> Result<SharedCall, LocalReply> {
    let called = shared.call(&message(frame), &Mutation::new(), None);
    called.map(|(call, _)| call)
}

/// Sends a request over a connection that takes it.
pub(crate) fn call(shared: &Shared, frame: &Frame) -> SharedCall {
    try_call(shared, frame).expect("it is open")
}

/// Sends what wants no answer over a connection that takes it.
pub(crate) fn send(shared: &Shared, frame: &Frame) -> SharedSend {
    let sent = shared.send(&message(frame), &Mutation::new());
    sent.expect("it is open").0
}

/// A session of nobody's.
pub(crate) fn session() -> Session {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    Session::new(ConnectionInfo {
        id: NUMBER.fetch_add(1, Relaxed),
        listener: "test".into(),
        remote: Address::Memory,
        local: Address::Memory,
        server_name: None,
        tls: None,
        routes: None,
    })
}

/// The side that clients connect to.
pub(crate) struct Front {
    pub(crate) downstream: Arc<Downstream>,
    pub(crate) stats: Arc<DownstreamStats>,
    pub(crate) wheel: Wheel,
    pub(crate) drain: Drain,
}

impl Front {
    pub(crate) fn new(codec: impl CodecFactory) -> Self {
        Self::with(codec, |_, _| {})
    }

    pub(crate) fn with(
        codec: impl CodecFactory,
        change: impl FnOnce(&mut DownstreamConfig, &mut Limits),
    ) -> Self {
        let (mut config, mut limits) = (DownstreamConfig::default(), Limits::default());
        change(&mut config, &mut limits);
        let stats = Arc::<DownstreamStats>::default();
        let (wheel, drain) = (Wheel::spawn(), Drain::new());
        let downstream = Downstream::new(
            Arc::new(codec),
            limits,
            config,
            stats.clone(),
            wheel.clone(),
            drain.clone(),
        );
        Self {
            downstream: Arc::new(downstream),
            stats,
            wheel,
            drain,
        }
    }

    /// A client within the process.
    pub(crate) fn connect<S>(&self, service: S) -> Client<DuplexStream>
    where
        S: Service<Request, Response = Response, Error = LocalReply> + Send + 'static,
        S::Future: Send + Unpin,
    {
        self.connect_over(duplex(STREAM_BYTES), service)
    }

    /// A client over TCP.
    pub(crate) async fn connect_tcp<S>(&self, service: S) -> Client<TcpStream>
    where
        S: Service<Request, Response = Response, Error = LocalReply> + Send + 'static,
        S::Future: Send + Unpin,
    {
        self.connect_over(tcp_pair().await, service)
    }

    /// A client over the given two ends of a stream.
    pub(crate) fn connect_over<T, U, S>(&self, ends: (T, U), service: S) -> Client<T>
    where
        U: Transport,
        S: Service<Request, Response = Response, Error = LocalReply> + Send + 'static,
        S::Future: Send + Unpin,
    {
        let session = session();
        let served = self.downstream.serve(ends.1, service, session.clone());
        Client {
            peer: Peer::new(ends.0),
            session,
            served: tokio::spawn(served),
        }
    }

    /// That nothing is left of any connection.
    pub(crate) fn assert_at_rest(&self) {
        assert_eq!(self.stats.downstream_cx_active.value(), 0);
        assert_eq!(self.stats.request_active.value(), 0);
        assert_eq!(self.wheel.len(), 0, "timers are left");
    }
}

/// The side that connects to servers.
pub(crate) struct Back {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) stats: Arc<UpstreamStats>,
    pub(crate) wheel: Wheel,
}

impl Back {
    pub(crate) fn new(codec: impl CodecFactory) -> Self {
        Self::with(codec, |_| {})
    }

    pub(crate) fn with(codec: impl CodecFactory, change: impl FnOnce(&mut UpstreamConfig)) -> Self {
        Self::limited(codec, Limits::default(), change)
    }

    pub(crate) fn limited(
        codec: impl CodecFactory,
        limits: Limits,
        change: impl FnOnce(&mut UpstreamConfig),
    ) -> Self {
        let mut config = UpstreamConfig::default();
        // Tests that want them say so: heartbeats are in the way of all others.
        config.heartbeat = None;
        change(&mut config);
        let stats = Arc::<UpstreamStats>::default();
        let wheel = Wheel::spawn();
        let upstream = Upstream::new(
            Arc::new(codec),
            limits,
            config,
            stats.clone(),
            wheel.clone(),
        );
        Self {
            upstream: Arc::new(upstream),
            stats,
            wheel,
        }
    }

    /// A connection for one exchange at a time, and its server.
    pub(crate) fn exclusive(&self) -> (Exclusive<DuplexStream>, Peer<DuplexStream>) {
        let (ours, theirs) = duplex(STREAM_BYTES);
        (self.upstream.exclusive(ours, info()), Peer::new(theirs))
    }

    /// A connection for many exchanges, and its server.
    pub(crate) fn shared(&self) -> Link<DuplexStream> {
        self.shared_over(duplex(STREAM_BYTES), None)
    }

    /// A connection that belongs to this client.
    pub(crate) fn pinned(&self, session: &Session) -> Link<DuplexStream> {
        self.shared_over(duplex(STREAM_BYTES), Some(session.clone()))
    }

    pub(crate) fn shared_over<T: Transport, U>(
        &self,
        ends: (T, U),
        session: Option<Session>,
    ) -> Link<U> {
        let (shared, driver) = self.upstream.shared(ends.0, info(), session);
        Link {
            shared: Arc::new(shared),
            server: Peer::new(ends.1),
            driver: tokio::spawn(driver),
        }
    }
}

/// A shared connection, its server, and the task that drives it.
pub(crate) struct Link<T> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) server: Peer<T>,
    pub(crate) driver: JoinHandle<()>,
}

/// Where all servers are.
pub(crate) fn info() -> Arc<UpstreamInfo> {
    Arc::new(UpstreamInfo {
        cluster: "backend".into(),
        endpoint: Address::Memory,
        local: None,
    })
}

/// Both ends of a connection over loopback.
pub(crate) async fn tcp_pair() -> (TcpStream, TcpStream) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = TcpListener::bind(any).await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let connecting = TcpStream::connect(address);
    let (connected, accepted) = tokio::join!(connecting, listener.accept());
    (
        connected.expect("it listens"),
        accepted.expect("it connects").0,
    )
}
