//! Where connections come from: addresses, bound sockets, the process itself.

use std::{
    future::pending,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream},
    path::{Path, PathBuf},
};

use meta_core::Address;
use meta_rds::SocketSettings;
use socket2::{Domain, Socket, Type};
use tokio::{io::DuplexStream, net};

mod memory;
mod options;
mod path;

pub use self::memory::{MemoryConnector, MemoryListener, memory};
use self::{options::apply, path::SocketFile};

/// Connections that wait to be accepted; the system may have a lower bound.
const BACKLOG: u32 = 4096;

/// What a listener gets its connections from: made from an address, from a bound
/// socket, or from a [`MemoryListener`]; or from several of them.
#[derive(Debug)]
pub struct ListenSocket {
    sources: Vec<(Source, SocketSettings)>,
}

#[derive(Debug)]
enum Source {
    Address(Address),
    Tcp(TcpListener),
    Unix(UnixListener),
    Memory(MemoryListener),
    /// None: other listeners hand over what was made to this address.
    HandOff(Address),
}

impl From<Source> for ListenSocket {
    fn from(source: Source) -> Self {
        Self {
            sources: vec![(source, SocketSettings::default())],
        }
    }
}

/// To be bound; port 0 lets the system choose one.
impl From<SocketAddr> for ListenSocket {
    fn from(address: SocketAddr) -> Self {
        Source::Address(address.into()).into()
    }
}

/// A TCP address or the path of a unix socket, to be bound. A socket file that
/// nobody listens on is replaced, and removed in the end. A path that begins with `@`
/// is a name without a file (Linux' abstract sockets).
impl From<Address> for ListenSocket {
    fn from(address: Address) -> Self {
        Source::Address(address).into()
    }
}

/// The path of a unix socket, to be bound as above.
impl From<PathBuf> for ListenSocket {
    fn from(path: PathBuf) -> Self {
        Source::Address(Address::Unix(path)).into()
    }
}

/// Taken over as it is.
impl From<TcpListener> for ListenSocket {
    fn from(socket: TcpListener) -> Self {
        Source::Tcp(socket).into()
    }
}

/// Taken over as it is; its file stays.
impl From<UnixListener> for ListenSocket {
    fn from(socket: UnixListener) -> Self {
        Source::Unix(socket).into()
    }
}

/// Connections from within the process.
impl From<MemoryListener> for ListenSocket {
    fn from(listener: MemoryListener) -> Self {
        Source::Memory(listener).into()
    }
}

impl ListenSocket {
    /// No socket: connections to `address` that the system redirects to another
    /// listener, which hands them over; see
    /// [`ListenerFilters::hand_off`](crate::meta_rds::ListenerFilters::hand_off).
    pub fn handed_over(address: impl Into<Address>) -> Self {
        Source::HandOff(address.into()).into()
    }

    /// What the system is told of it, and of those that were added before. Of a bound
    /// socket, what still can be.
    #[must_use]
    pub fn with_settings(mut self, settings: &SocketSettings) -> Self {
        for (_, own) in &mut self.sources {
            own.clone_from(settings);
        }
        self
    }

    /// The connections of another besides. The first gives statistics their name.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        self.sources.extend(other.into().sources);
        self
    }

    /// Each of those it is made of.
    pub(crate) fn into_parts(self) -> impl Iterator<Item = SocketPart> {
        let parts = self.sources.into_iter();
        parts.map(|(source, settings)| SocketPart { source, settings })
    }
}

/// One socket of a listener.
pub(crate) struct SocketPart {
    source: Source,
    settings: SocketSettings,
}

impl SocketPart {
    /// Where it listens or is to listen, for error messages.
    pub(crate) fn describe(&self) -> String {
        match &self.source {
            Source::Address(address) | Source::HandOff(address) => address.to_string(),
            Source::Tcp(socket) => match socket.local_addr() {
                Ok(address) => address.to_string(),
                Err(_) => "a TCP socket".to_owned(),
            },
            Source::Unix(_) => "a unix socket".to_owned(),
            Source::Memory(_) => Address::Memory.to_string(),
        }
    }

    /// Whether it takes IPv4 connections where its address is of IPv6.
    pub(crate) fn takes_ipv4(&self) -> bool {
        self.settings.ipv4_compat
    }

    /// Takes hold of the address without yet listening on it.
    pub(crate) fn bind(self) -> io::Result<Bound> {
        let settings = self.settings;
        let socket = match self.source {
            Source::Address(Address::Ip(address)) => {
                let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                if address.is_ipv6() {
                    socket.set_only_v6(!settings.ipv4_compat)?;
                }
                apply(&socket, address, &settings)?;
                socket.bind(&address.into())?;
                BoundSocket::Tcp(socket)
            }
            Source::Address(Address::Unix(path)) => {
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                let file = SocketFile::bind(&socket, path, settings.mode)?;
                BoundSocket::Unix(socket, Some(file))
            }
            Source::Address(other) => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("no way to listen on {other}"),
                ));
            }
            Source::Tcp(socket) => {
                let address = socket.local_addr()?;
                let socket = Socket::from(socket);
                apply(&socket, address, &settings)?;
                BoundSocket::Tcp(socket)
            }
            Source::Unix(socket) => BoundSocket::Unix(socket.into(), None),
            Source::Memory(listener) => BoundSocket::Memory(listener),
            Source::HandOff(address) => BoundSocket::HandOff(address),
        };
        Ok(Bound {
            socket,
            backlog: settings.backlog.unwrap_or(BACKLOG),
            is_transparent: settings.is_transparent(),
        })
    }
}

/// A socket that has its address.
pub(crate) struct Bound {
    socket: BoundSocket,
    backlog: u32,
    /// Its connections may have been made to any address.
    is_transparent: bool,
}

enum BoundSocket {
    Tcp(Socket),
    Unix(Socket, Option<SocketFile>),
    Memory(MemoryListener),
    HandOff(Address),
}

impl Bound {
    /// Where it will listen; with its real port.
    pub(crate) fn address(&self) -> io::Result<Address> {
        let local = match &self.socket {
            BoundSocket::Tcp(socket) | BoundSocket::Unix(socket, _) => socket.local_addr()?,
            BoundSocket::Memory(_) => return Ok(Address::Memory),
            BoundSocket::HandOff(address) => return Ok(address.clone()),
        };
        Ok(match local.as_socket() {
            Some(address) => Address::Ip(address),
            None => path_of(local.as_pathname(), local.as_abstract_namespace()),
        })
    }

    /// Whether it will have connections of its own.
    pub(crate) fn listens(&self) -> bool {
        !matches!(self.socket, BoundSocket::HandOff(_))
    }

    /// Begins to take connections; within a tokio runtime, which watches it. `None`
    /// where it has none of its own.
    pub(crate) fn listen(self) -> io::Result<Option<Listening>> {
        let backlog = i32::try_from(self.backlog).unwrap_or(i32::MAX);
        let start = |socket: Socket| {
            socket.listen(backlog)?;
            socket.set_nonblocking(true)?;
            io::Result::Ok(socket)
        };
        Ok(Some(match self.socket {
            BoundSocket::Tcp(socket) => {
                let socket = net::TcpListener::from_std(start(socket)?.into())?;
                let local = socket.local_addr()?;
                let is_one = !local.ip().is_unspecified() && !self.is_transparent;
                Listening::Tcp(socket, is_one.then_some(local))
            }
            BoundSocket::Unix(socket, file) => {
                let socket = UnixListener::from(start(socket)?);
                let local = unix_address(&socket.local_addr()?);
                let socket = net::UnixListener::from_std(socket)?;
                Listening::Unix(socket, local, file)
            }
            BoundSocket::Memory(listener) => Listening::Memory(listener),
            BoundSocket::HandOff(_) => return Ok(None),
        }))
    }
}

/// A socket that takes connections.
pub(crate) enum Listening {
    /// With its address, where that is the one of all its connections.
    Tcp(net::TcpListener, Option<SocketAddr>),
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
    Tcp(TcpListener, Option<SocketAddr>),
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
    fn tcp(stream: TcpStream, remote: SocketAddr, local: Option<SocketAddr>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = match local {
            Some(local) => local,
            None => stream.local_addr()?,
        };
        Ok(Self {
            stream: Stream::Tcp(stream),
            remote: plain(remote).into(),
            local: plain(local).into(),
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

/// An address of IPv4 as such, which an IPv6 socket that takes both shows in IPv6's
/// form.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn unix_address(address: &UnixAddr) -> Address {
    path_of(address.as_pathname(), abstract_name(address))
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &UnixAddr) -> Option<&[u8]> {
    std::os::linux::net::SocketAddrExt::as_abstract_name(address)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &UnixAddr) -> Option<&[u8]> {
    None
}

/// A path, or a name without a file, which is written with `@` before it.
fn path_of(path: Option<&Path>, name: Option<&[u8]>) -> Address {
    let name = name.filter(|name| !name.is_empty());
    let name = name.map(|name| format!("@{}", String::from_utf8_lossy(name)).into());
    Address::Unix(path.map(Path::to_owned).or(name).unwrap_or_default())
}
