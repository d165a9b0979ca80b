//! How connections to endpoints are made.

use std::{io, time::Duration};

use meta_codec::Transport;
use meta_core::{Address, BoxFuture};
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

/// Makes connections to endpoints; the seam for tests, and for whatever else a byte
/// stream can run over. What secures them comes on top of it:
/// [`TransportSocket`](meta_codec::TransportSocket).
pub trait Connect: Send + Sync + 'static {
    /// Connects to `address`. Dropped when the connect timeout is over.
    fn connect<'a>(&'a self, address: &'a Address) -> BoxFuture<'a, io::Result<Connected>>;

    /// As [`Connect::connect`], by a socket with these options. What needs no socket
    /// has no use for them, and leaves this as it is.
    fn connect_with<'a>(
        &'a self,
        address: &'a Address,
        options: &'a SocketOptions,
    ) -> BoxFuture<'a, io::Result<Connected>> {
        let _ = options;
        self.connect(address)
    }
}

/// What is asked of a cluster's sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    /// Probes of idle TCP connections. Default: none but those of the connector.
    pub keepalive: Option<TcpKeepalive>,
}

/// Probes that the system sends over an idle TCP connection; what is not said is as
/// the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpKeepalive {
    /// Idle time before the first; whole seconds.
    pub time: Option<Duration>,
    /// Time between two; whole seconds.
    pub interval: Option<Duration>,
    /// Unanswered ones before the connection is given up.
    pub probes: Option<u32>,
}

impl TcpKeepalive {
    fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let mut keepalive = socket2::TcpKeepalive::new();
        if let Some(time) = self.time {
            keepalive = keepalive.with_time(time);
        }
        if let Some(interval) = self.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(probes) = self.probes {
            keepalive = keepalive.with_retries(probes);
        }
        SockRef::from(stream).set_tcp_keepalive(&keepalive)
    }
}

/// A connection that has been made.
pub struct Connected {
    /// The connection.
    pub transport: Box<dyn Transport>,
    /// Our end of it.
    pub local: Option<Address>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// Connects over TCP and unix sockets, in plain text. `TCP_NODELAY` is set.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TcpConnector {
    /// TCP keepalive: the idle time before the first probe. Default: none.
    pub keepalive: Option<Duration>,
}

impl Connect for TcpConnector {
    fn connect<'a>(&'a self, address: &'a Address) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(self.connect_by(address, None))
    }

    fn connect_with<'a>(
        &'a self,
        address: &'a Address,
        options: &'a SocketOptions,
    ) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(self.connect_by(address, options.keepalive))
    }
}

impl TcpConnector {
    async fn connect_by(
        &self,
        address: &Address,
        keepalive: Option<TcpKeepalive>,
    ) -> io::Result<Connected> {
        match address {
            Address::Ip(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let ours = self.keepalive.map(|time| TcpKeepalive {
                    time: Some(time),
                    ..TcpKeepalive::default()
                });
                if let Some(keepalive) = keepalive.or(ours) {
                    keepalive.apply(&stream)?;
                }
                Ok(Connected {
                    local: stream.local_addr().ok().map(Address::Ip),
                    transport: Box::new(stream),
                })
            }
            Address::Unix(path) => Ok(Connected {
                transport: Box::new(UnixStream::connect(path).await?),
                local: None,
            }),
            other => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("no way to connect to {other}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn probes_are_as_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("it has one");
        let stream = TcpStream::connect(address).await.expect("connected");
        let keepalive = TcpKeepalive {
            time: Some(Duration::from_secs(11)),
            interval: Some(Duration::from_secs(7)),
            probes: Some(3),
        };
        keepalive.apply(&stream).expect("set");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("known"));
        let time = socket.tcp_keepalive_time().expect("known");
        assert_eq!(time, Duration::from_secs(11));
        let interval = socket.tcp_keepalive_interval().expect("known");
        assert_eq!(interval, Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_retries().expect("known"), 3);
    }
}
