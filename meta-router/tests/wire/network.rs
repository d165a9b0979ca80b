//! Streams within the process, and what can go wrong with them.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use futures::channel::{mpsc, oneshot};
use meta_codec::Transport;
use meta_core::{Address, BoxFuture};
use meta_router::{Connect, Connected};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::{peer::Peer, server::Server};

/// What a stream holds in each direction, unless the test says otherwise.
const STREAM_BYTES: usize = 64 << 10;

/// Endpoints within the process.
pub(crate) struct Network(Mutex<Sites>);

struct Sites {
    by_address: HashMap<Address, Site>,
    stream_bytes: usize,
}

struct Site {
    incoming: mpsc::UnboundedSender<Peer>,
    faults: VecDeque<Fault>,
}

/// What becomes of one attempt to connect.
pub(crate) enum Fault {
    Refuse,
    Hang,
    /// It succeeds when the test says so.
    Wait(oneshot::Receiver<()>),
    /// It succeeds, but the stream breaks when it has taken so many bytes.
    TakeOnly(usize),
}

impl Network {
    pub(crate) fn new() -> Arc<Self> {
        Self::with_streams_of(STREAM_BYTES)
    }

    /// Streams that hold so few bytes that writes take their time.
    pub(crate) fn with_streams_of(stream_bytes: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Sites {
            by_address: HashMap::new(),
            stream_bytes,
        })))
    }

    /// A server that can be connected to.
    pub(crate) fn server(&self) -> Server {
        let port = u16::try_from(self.sites().by_address.len() + 1).expect("few servers");
        self.server_at(&SocketAddr::from(([10, 0, 0, 1], port)).into())
    }

    /// A server there, in the place of the one that was.
    pub(crate) fn server_at(&self, address: &Address) -> Server {
        let mut sites = self.sites();
        let (sender, receiver) = mpsc::unbounded();
        let site = Site {
            incoming: sender,
            faults: VecDeque::new(),
        };
        sites.by_address.insert(address.clone(), site);
        Server::new(address.clone(), receiver, None)
    }

    /// What becomes of the next attempt to connect to `server` that has no fault yet.
    pub(crate) fn fault(&self, server: &Server, fault: Fault) {
        let mut sites = self.sites();
        let site = sites.by_address.get_mut(&server.address);
        site.expect("a server of this network")
            .faults
            .push_back(fault);
    }

    /// Lets the next attempt to connect to `server` wait for the test's word.
    pub(crate) fn hold(&self, server: &Server) -> oneshot::Sender<()> {
        let (release, held) = oneshot::channel();
        self.fault(server, Fault::Wait(held));
        release
    }

    /// Forgets the faults that nobody has met.
    pub(crate) fn forgive(&self) {
        let mut sites = self.sites();
        let faults = sites.by_address.values_mut().map(|site| &mut site.faults);
        faults.for_each(VecDeque::clear);
    }

    fn sites(&self) -> MutexGuard<'_, Sites> {
        self.0.lock().expect("no panic")
    }
}

impl Connect for Network {
    fn connect<'a>(&'a self, address: &'a Address) -> BoxFuture<'a, io::Result<Connected>> {
        let mut sites = self.sites();
        let bytes = sites.stream_bytes;
        let site = sites.by_address.get_mut(address);
        let found = site.map(|site| (site.incoming.clone(), site.faults.pop_front()));
        drop(sites);
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let (incoming, fault) = found.ok_or_else(refused)?;
            let link = Link::default();
            match fault {
                None => {}
                Some(Fault::Refuse) => return Err(refused()),
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Wait(held)) => held.await.map_err(|_| refused())?,
                Some(Fault::TakeOnly(bytes)) => link.take_only(bytes),
            }
            let (ours, theirs) = duplex(bytes);
            let mut peer = Peer::new(theirs);
            peer.link = link.clone();
            incoming.unbounded_send(peer).map_err(|_| refused())?;
            Ok(Connected {
                transport: Box::new(Linked { stream: ours, link }),
                local: Some(Address::Memory),
            })
        })
    }
}

/// What the test can do to a stream.
#[derive(Clone, Default)]
pub(crate) struct Link(Arc<Mutex<Faults>>);

#[derive(Default)]
struct Faults {
    takes: Option<usize>,
    swallows: bool,
}

impl Link {
    /// The proxy's writes fail once so many bytes more have been taken; its reads
    /// notice nothing.
    pub(crate) fn take_only(&self, bytes: usize) {
        self.0.lock().expect("no panic").takes = Some(bytes);
    }

    /// The proxy's writes lead nowhere, as those to a socket do whose other end
    /// was closed a moment ago.
    pub(crate) fn swallow(&self) {
        self.0.lock().expect("no panic").swallows = true;
    }
}

/// The proxy's end of a stream.
struct Linked {
    stream: DuplexStream,
    link: Link,
}

impl AsyncRead for Linked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Linked {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut faults = this.link.0.lock().expect("no panic");
        let most = faults.takes.map_or(buf.len(), |takes| takes.min(buf.len()));
        if most == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if faults.swallows {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, &buf[..most]);
        if let (Poll::Ready(Ok(count)), Some(takes)) = (&written, &mut faults.takes) {
            *takes -= count;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Transport for Linked {}
