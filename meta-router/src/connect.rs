//! How connections to endpoints are made.

use std::{io, time::Duration};

use meta_codec::Transport;
use meta_core::{Address, BoxFuture};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};

/// Makes connections to endpoints; the seam for TLS, for tests, and for
/// whatever else a byte stream can run over.
pub trait Connect: Send + Sync + 'static {
    /// Connects to `address`. Dropped when the connect timeout is over.
    fn connect<'a>(&'a self, address: &'a Address) -> BoxFuture<'a, io::Result<Connected>>;
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
        Box::pin(async move {
            match address {
                Address::Ip(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    if let Some(idle) = self.keepalive {
                        let keepalive = TcpKeepalive::new().with_time(idle);
                        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
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
        })
    }
}
