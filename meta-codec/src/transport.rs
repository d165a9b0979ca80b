//! What a connection runs over.

use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest},
    net::{TcpStream, UnixStream},
};

/// A byte stream that can carry a connection.
///
/// Anything that reads and writes will do; the one method more lets a
/// connection that is not being read notice that its peer is gone.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Whether the peer is known to take no more bytes: a reset or a full
    /// hang-up, not a half-close. `false` where that cannot be told.
    fn is_hung_up(&self) -> bool {
        false
    }
}

impl Transport for TcpStream {
    fn is_hung_up(&self) -> bool {
        let ready = self.ready(Interest::READABLE | Interest::WRITABLE);
        matches!(ready.now_or_never(), Some(Ok(ready)) if ready.is_write_closed())
    }
}

impl Transport for UnixStream {
    fn is_hung_up(&self) -> bool {
        let ready = self.ready(Interest::READABLE | Interest::WRITABLE);
        matches!(ready.now_or_never(), Some(Ok(ready)) if ready.is_write_closed())
    }
}

impl Transport for DuplexStream {}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn is_hung_up(&self) -> bool {
        (**self).is_hung_up()
    }
}
