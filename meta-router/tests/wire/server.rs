//! Servers: played by the test, or answering all by themselves.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use futures::{StreamExt, channel::mpsc};
use meta_codec_test::toy::Frame;
use meta_core::{Address, MessageKind};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinHandle, JoinSet},
};

use crate::peer::{Peer, patiently};

/// A server whose connections the test plays.
pub(crate) struct Server {
    pub(crate) address: Address,
    incoming: mpsc::UnboundedReceiver<Peer>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(
        address: Address,
        incoming: mpsc::UnboundedReceiver<Peer>,
        acceptor: Option<JoinHandle<()>>,
    ) -> Self {
        Self {
            address,
            incoming,
            acceptor,
        }
    }

    /// A server on a loopback port of its own.
    pub(crate) async fn tcp() -> Self {
        Self::tcp_at(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).await
    }

    /// A server on that port.
    pub(crate) async fn tcp_at(address: &Address) -> Self {
        let Address::Ip(address) = address else {
            panic!("not a TCP address: {address}");
        };
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, receiver) = mpsc::unbounded();
        let acceptor = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = sender.unbounded_send(Peer::new(stream));
            }
        });
        Self::new(address.into(), receiver, Some(acceptor))
    }

    /// Closes the port.
    pub(crate) async fn stop(mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.abort();
            assert!(acceptor.await.is_err(), "it accepts until it is stopped");
        }
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Peer {
        patiently(self.next()).await.expect("it listens")
    }

    /// The next connection, however long that takes.
    pub(crate) async fn next(&mut self) -> Option<Peer> {
        self.incoming.next().await
    }

    /// That there is no connection that has not been accepted.
    pub(crate) fn expect_no_other(&mut self) {
        assert!(self.incoming.try_recv().is_err(), "one connection too many");
    }

    /// Answers every request with its own body from here on.
    pub(crate) fn echo(self) -> Echo {
        let counts = Arc::<Counts>::default();
        let address = self.address.clone();
        let task = tokio::spawn(serve_all(self, counts.clone()));
        Echo {
            address,
            counts,
            task: task.abort_handle(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
    }
}

/// A server that answers every request with its own body, and says in headers
/// which server it is (`by`) and which of its connections that was (`over`).
pub(crate) struct Echo {
    pub(crate) address: Address,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

impl Echo {
    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Relaxed)
    }

    /// Requests and one-way calls read so far.
    pub(crate) fn calls(&self) -> usize {
        self.counts.calls.load(Relaxed)
    }
}

/// Closes its connections, and its port.
impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve_all(mut server: Server, counts: Arc<Counts>) {
    let mut connections = JoinSet::new();
    while let Some(peer) = server.next().await {
        let over = counts.connections.fetch_add(1, Relaxed) + 1;
        let by = server.address.to_string();
        connections.spawn(serve(peer, by, over, counts.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut peer: Peer, by: String, over: usize, counts: Arc<Counts>) {
    while let Some(frame) = peer.read_frame().await {
        counts
            .calls
            .fetch_add(usize::from(frame.kind.is_call()), Relaxed);
        if frame.kind == MessageKind::Request {
            let answer = Frame::response(frame.id, frame.body)
                .header("by", &by)
                .header("over", over.to_string());
            if !peer.try_send(&answer).await {
                return;
            }
        }
    }
}
