//! Where connections come from.

use std::{future::Future, io};

use meta_codec::Transport;
use meta_core::Address;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// What an [`RdsServer`](super::RdsServer) gets its connections from: a socket of TCP, a
/// unix socket, a [`TlsListener`](super::TlsListener) over either, or whatever else gives
/// byte streams.
pub trait Accept: Send + 'static {
    /// A connection.
    type Transport: Transport;

    /// The next connection, and where it comes from. Dropped at any time; no connection
    /// may be lost by that.
    ///
    /// # Errors
    ///
    /// Why there is none. It is asked again, where that may concern all connections
    /// after a while.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Transport, Address)>> + Send;
}

impl Accept for TcpListener {
    type Transport = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Address)> {
        let (stream, remote) = Self::accept(self).await?;
        let _ = stream.set_nodelay(true);
        Ok((stream, remote.into()))
    }
}

impl Accept for UnixListener {
    type Transport = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Address)> {
        let (stream, remote) = Self::accept(self).await?;
        // Clients have no path, as a rule.
        let path = remote.as_pathname().unwrap_or("".as_ref());
        Ok((stream, Address::Unix(path.to_owned())))
    }
}
