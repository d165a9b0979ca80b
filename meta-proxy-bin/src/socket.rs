//! Where connections come from: addresses, bound sockets, the process itself.

use std::{
    future::pending,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream},
    path::PathBuf,
};

use meta_core::Address;
use socket2::{Domain, Socket, Type};
use tokio::{io::DuplexStream, net};

mod memory;
mod path;

pub use self::memory::{MemoryConnector, MemoryListener, memory};
use self::path::SocketFile;

/// Connections that wait to be accepted; the system may have a lower bound.
const BACKLOG: i32 = 4096;

/// What a listener gets its connections from: made from an address, from a bound
/// socket, or from a [`MemoryListener`].
#[derive(Debug)]
pub struct ListenSocket(Source);

#[derive(Debug)]
enum Source {
    Address(Address),
    Tcp(TcpListener),
    Unix(UnixListener),
    Memory(MemoryListener),
}

/// To be bound; port 0 lets the system choose one.
impl From<SocketAddr> for ListenSocket {
    fn from(address: SocketAddr) -> Self {
        Self(Source::Address(address.into()))
    }
}

/// A TCP address or the path of a unix socket, to be bound. A socket file that
/// nobody listens on is replaced, and removed in the end.
impl From<Address> for ListenSocket {
    fn from(address: Address) -> Self {
        Self(Source::Address(address))
    }
}

/// The path of a unix socket, to be bound as above.
impl From<PathBuf> for ListenSocket {
    fn from(path: PathBuf) -> Self {
        Self(Source::Address(Address::Unix(path)))
    }
}

/// Taken over as it is.
impl From<TcpListener> for ListenSocket {
    fn from(socket: TcpListener) -> Self {
        Self(Source::Tcp(socket))
    }
}

/// Taken over as it is; its file stays.
impl From<UnixListener> for ListenSocket {
    fn from(socket: UnixListener) -> Self {
        Self(Source::Unix(socket))
    }
}

/// Connections from within the process.
impl From<MemoryListener> for ListenSocket {
    fn from(listener: MemoryListener) -> Self {
        Self(Source::Memory(listener))
    }
}

impl ListenSocket {
    /// Where it listens or is to listen, for error messages.
    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Source::Address(address) => address.to_string(),
            Source::Tcp(socket) => match socket.local_addr() {
                Ok(address) => address.to_string(),
                Err(_) => "a TCP socket".to_owned(),
            },
            Source::Unix(_) => "a unix socket".to_owned(),
            Source::Memory(_) => Address::Memory.to_string(),
        }
    }

    /// Takes hold of the address without yet listening on it.
    pub(crate) fn bind(self) -> io::Result<Bound> {
        match self.0 {
            Source::Address(Address::Ip(address)) => {
                let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                socket.bind(&address.into())?;
                Ok(Bound::Tcp(socket))
            }
            Source::Address(Address::Unix(path)) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                let file = SocketFile::bind(&socket, path)?;
                Ok(Bound::Unix(socket, Some(file)))
            }
            Source::Address(other) => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("no way to listen on {other}"),
            )),
            Source::Tcp(socket) => Ok(Bound::Tcp(socket.into())),
            Source::Unix(socket) => Ok(Bound::Unix(socket.into(), None)),
            Source::Memory(listener) => Ok(Bound::Memory(listener)),
        }
    }
}

/// A socket that has its address.
pub(crate) enum Bound {
    Tcp(Socket),
    Unix(Socket, Option<SocketFile>),
    Memory(MemoryListener),
}

impl Bound {
    /// Where it will listen; with its real port.
    pub(crate) fn address(&self) -> io::Result<Address> {
        let local = match self {
            Self::Tcp(socket) | Self::Unix(socket, _) => socket.local_addr()?,
            Self::Memory(_) => return Ok(Address::Memory),
        };
        Ok(match local.as_socket() {
            Some(address) => Address::Ip(address),
            None => Address::Unix(local.as_pathname().map(PathBuf::from).unwrap_or_default()),
        })
    }

    /// Begins to take connections; within a tokio runtime, which watches it.
    pub(crate) fn listen(self) -> io::Result<Listening> {
        let start = |socket: Socket| {
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)?;
            io::Result::Ok(socket)
        };
        match self {
            Self::Tcp(socket) => {
                let socket = net::TcpListener::from_std(start(socket)?.into())?;
                let local = socket.local_addr()?;
                Ok(Listening::Tcp(socket, local))
            }
            Self::Unix(socket, file) => {
                let socket = UnixListener::from(start(socket)?);
                let local = unix_address(&socket.local_addr()?);
                let socket = net::UnixListener::from_std(socket)?;
                Ok(Listening::Unix(socket, local, file))
            }
            Self::Memory(listener) => Ok(Listening::Memory(listener)),
        }
    }
}

/// A socket that takes connections.
pub(crate) enum Listening {
    Tcp(net::TcpListener, SocketAddr),
    Unix(net::UnixListener, Address, Option<SocketFile>),
    Memory(MemoryListener),
}

/// A connection that has been taken, watched by no runtime yet.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) remote: Address,
    pub(crate) local: Address,
}

pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
}

impl Listening {
    /// The next connection. Cancellation safe: none is lost.
    pub(crate) async fn accept(&mut self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(socket, local) => {
                let (stream, remote) = socket.accept().await?;
                Accepted::tcp(stream.into_std()?, remote, *local)
            }
            Self::Unix(socket, local, _) => {
                let (stream, remote) = socket.accept().await?;
                Ok(Accepted::unix(stream.into_std()?, &remote.into(), local))
            }
            Self::Memory(listener) => match listener.accept().await {
                Some(stream) => Ok(Accepted::memory(stream)),
                // Nobody can connect any more.
                None => pending().await,
            },
        }
    }

    /// The connections that the system has accepted and nobody has taken yet; then
    /// the socket can be closed without refusing anybody.
    pub(crate) fn into_queue(self) -> io::Result<Queue> {
        Ok(match self {
            Self::Tcp(socket, local) => Queue::Tcp(socket.into_std()?, local),
            Self::Unix(socket, local, file) => Queue::Unix {
                socket: socket.into_std()?,
                local,
                _file: file,
            },
            Self::Memory(listener) => Queue::Memory(listener),
        })
    }
}

/// What waits to be accepted; see [`Listening::into_queue`].
pub(crate) enum Queue {
    Tcp(TcpListener, SocketAddr),
    Unix {
        socket: UnixListener,
        local: Address,
        _file: Option<SocketFile>,
    },
    Memory(MemoryListener),
}

impl Iterator for Queue {
    type Item = io::Result<Accepted>;

    fn next(&mut self) -> Option<Self::Item> {
        let accepted = match self {
            Self::Tcp(socket, local) => socket.accept().and_then(|(stream, remote)| {
                stream.set_nonblocking(true)?;
                Accepted::tcp(stream, remote, *local)
            }),
            Self::Unix { socket, local, .. } => socket.accept().and_then(|(stream, remote)| {
                stream.set_nonblocking(true)?;
                Ok(Accepted::unix(stream, &remote, local))
            }),
            Self::Memory(listener) => return listener.try_accept().map(Accepted::memory).map(Ok),
        };
        match accepted {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            accepted => Some(accepted),
        }
    }
}

impl Accepted {
    fn tcp(stream: TcpStream, remote: SocketAddr, local: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = match local.ip().is_unspecified() {
            true => stream.local_addr()?,
            false => local,
        };
        Ok(Self {
            stream: Stream::Tcp(stream),
            remote: remote.into(),
            local: local.into(),
        })
    }

    fn unix(stream: UnixStream, remote: &UnixAddr, local: &Address) -> Self {
        Self {
            stream: Stream::Unix(stream),
            remote: unix_address(remote),
            local: local.clone(),
        }
    }

    fn memory(stream: DuplexStream) -> Self {
        Self {
            stream: Stream::Memory(stream),
            remote: Address::Memory,
            local: Address::Memory,
        }
    }
}

fn unix_address(address: &UnixAddr) -> Address {
    Address::Unix(address.as_pathname().map(PathBuf::from).unwrap_or_default())
}
