//! The toy protocol's extension, server and client, and a proxy of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::BytesMut;
use meta_codec_test::toy::{Frame, Toy};
use meta_proxy::{
    ListenerConfig, Proxy, ProxyBuilder, Registry, Running, Snapshot, Workers,
    meta_core::{Address, CodecFactory, ConfigError, Extension, MessageKind, Route},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

/// What a test waits at most for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct ToyCodec;

impl Extension<dyn CodecFactory> for ToyCodec {
    const TYPE_URL: &'static str = "";
    const NAMES: &'static [&'static str] = &["example.codec.toy"];
    type Config = ();

    fn configure(&self, (): ()) -> Result<Arc<dyn CodecFactory>, ConfigError> {
        Ok(Arc::new(Toy::by_id()))
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.codec(ToyCodec).expect("the registry is empty");
    registry
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Answers every request with its own body and headers and a header that says
/// who answers; stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    hold: watch::Sender<bool>,
    received: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(name: &'static str) -> Self {
        let socket = TcpListener::bind(loopback()).await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let hold = watch::Sender::new(false);
        let held = hold.subscribe();
        let received = Arc::new(AtomicUsize::new(0));
        let count = received.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                connections.spawn(serve(stream, name, held.clone(), count.clone()));
            }
        });
        Self {
            address,
            hold,
            received,
            _tasks: tasks,
        }
    }

    /// Holds all answers back, or lets them go.
    pub(crate) fn hold(&self, hold: bool) {
        self.hold.send_replace(hold);
    }

    /// How many requests have come.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Relaxed)
    }

    pub(crate) fn cluster(&self, name: &str) -> ClusterConfig {
        ClusterConfig::new(name, vec![Address::Ip(self.address)])
    }
}

async fn serve(
    stream: TcpStream,
    name: &str,
    mut held: watch::Receiver<bool>,
    received: Arc<AtomicUsize>,
) {
    let mut client = Client::over(stream);
    while let Some(request) = client.receive().await {
        received.fetch_add(1, Relaxed);
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        let mut response = Frame::response(request.id, request.body).header("server", name);
        response.headers.extend(request.headers);
        client.send(&response).await;
    }
}

/// One end of a toy connection.
pub(crate) struct Client<T = TcpStream> {
    stream: T,
    read: BytesMut,
}

impl Client {
    pub(crate) async fn connect(running: &Running) -> Self {
        let address = running.handle().addr("in");
        let address = address.and_then(|address| address.socket_addr());
        let address = address.expect("the listener has a TCP address");
        Self::over(TcpStream::connect(address).await.expect("it listens"))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn over(stream: T) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        // The peer may be gone; then nothing will be received.
        let _ = self.stream.write_all(&frame.encode()).await;
    }

    /// Sends the first half of a frame.
    pub(crate) async fn send_half(&mut self, frame: &Frame) {
        let bytes = frame.encode();
        let half = bytes.get(..bytes.len() / 2).expect("it is longer");
        let _ = self.stream.write_all(half).await;
        let _ = self.stream.flush().await;
    }

    /// The next frame; `None` at the end, however it comes.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.read) {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// The next response, whatever the proxy says besides; `None` at the end.
    pub(crate) async fn response(&mut self) -> Option<Frame> {
        let response = async {
            loop {
                let frame = self.receive().await?;
                if frame.kind == MessageKind::Response {
                    return Some(frame);
                }
            }
        };
        timeout(PATIENCE, response)
            .await
            .expect("it answers or closes")
    }

    /// Who answers a call of `method`.
    pub(crate) async fn call(&mut self, method: &str) -> String {
        self.send(&Frame::request(7, "body").header("method", method))
            .await;
        let response = self.response().await.expect("an answer");
        assert_eq!(response.id, 7);
        let Some(server) = response.get("server") else {
            return "the proxy".to_owned();
        };
        assert_eq!(&response.body[..], b"body");
        server.to_owned()
    }
}

/// A table of one route, to that cluster.
pub(crate) fn all_to(cluster: &str) -> RouteTable {
    let route = RouteEntry::new(Vec::new(), Route::to_cluster("all", cluster));
    RouteTable::new("test", vec![route]).expect("it has a destination")
}

/// What sends all requests to `server`, the cluster `backend`.
pub(crate) fn snapshot(server: &Server) -> Snapshot {
    Snapshot {
        listeners: vec![ListenerConfig::new("in", "toy", all_to("backend"))],
        clusters: vec![server.cluster("backend")],
    }
}

/// A proxy of one worker before `server`.
pub(crate) fn proxy(server: &Server) -> ProxyBuilder {
    Proxy::builder(registry())
        .snapshot(snapshot(server))
        .listener("in", loopback())
        .workers(Workers::own(1))
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = tokio::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
