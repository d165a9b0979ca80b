//! What a connection runs over.

use std::{
    fmt, io,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use meta_core::{Address, BoxFuture, stats::Cell};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, Interest},
    net::{TcpStream, UnixStream},
};

/// A byte stream that can carry a connection.
///
/// Anything that reads and writes will do. The methods more spare what reads that
/// would find nothing and writes that find room cost, and let a connection that is
/// not being read notice that its peer is gone.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Whether a read may find something. `true` where only the read can tell.
    fn may_read(&self) -> bool {
        true
    }

    /// Waits until a read may find something, as a read that finds nothing would.
    fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Reads what is there, or fails with [`WouldBlock`](io::ErrorKind::WouldBlock):
    /// then a read can tell, and is woken. For those to whom that makes a difference.
    fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let _ = bytes;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Writes what there is room for, or fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): then a write can tell, and is
    /// woken. For those to whom that makes a difference.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let _ = bytes;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether the peer is known to take no more bytes: a reset or a full
    /// hang-up, not a half-close. `false` where that cannot be told.
    fn is_hung_up(&self) -> bool {
        false
    }
}

impl Transport for TcpStream {
    fn may_read(&self) -> bool {
        self.try_io(Interest::READABLE, || Ok(())).is_ok()
    }

    fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(cx).map(drop)
    }

    #[cfg(target_os = "linux")]
    fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        receive(self, bytes, |read| self.try_io(Interest::READABLE, read))
    }

    #[cfg(target_os = "linux")]
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || send(self, bytes))
    }

    fn is_hung_up(&self) -> bool {
        let ready = self.ready(Interest::READABLE | Interest::WRITABLE);
        matches!(ready.now_or_never(), Some(Ok(ready)) if ready.is_write_closed())
    }
}

impl Transport for UnixStream {
    fn may_read(&self) -> bool {
        self.try_io(Interest::READABLE, || Ok(())).is_ok()
    }

    fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_read_ready(cx).map(drop)
    }

    #[cfg(target_os = "linux")]
    fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        receive(self, bytes, |read| self.try_io(Interest::READABLE, read))
    }

    #[cfg(target_os = "linux")]
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.try_io(Interest::WRITABLE, || send(self, bytes))
    }

    fn is_hung_up(&self) -> bool {
        let ready = self.ready(Interest::READABLE | Interest::WRITABLE);
        matches!(ready.now_or_never(), Some(Ok(ready)) if ready.is_write_closed())
    }
}

impl Transport for DuplexStream {}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn may_read(&self) -> bool {
        (**self).may_read()
    }

    fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_may_read(cx)
    }

    fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        (**self).try_read(bytes)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        (**self).try_write(bytes)
    }

    fn is_hung_up(&self) -> bool {
        (**self).is_hung_up()
    }
}

/// Puts another byte stream on top of that of a new upstream connection; what TLS
/// is.
///
/// Its debug form tells all of its settings apart, secrets by their digests: by it
/// one that is to take the place of another is compared with it.
pub trait TransportSocket: fmt::Debug + Send + Sync + 'static {
    /// Makes the stream over `transport`, which leads to `endpoint`. Dropped when
    /// the connect timeout is over.
    ///
    /// # Errors
    ///
    /// Why it could not, in words that stand in error replies and access logs.
    fn connect<'a>(
        &'a self,
        transport: Box<dyn Transport>,
        endpoint: &'a Address,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>>;

    /// Shows `visit` what it counts, under Envoy's names from behind the cluster's:
    /// `ssl.handshake`.
    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let _ = visit;
    }
}

/// Receives by a plain system call. glibc's is a point at which threads can be
/// cancelled: to begin and end that takes two locked instructions.
#[cfg(target_os = "linux")]
fn receive(
    socket: impl std::os::fd::AsFd,
    bytes: &mut [u8],
    try_io: impl FnOnce(&mut dyn FnMut() -> io::Result<()>) -> io::Result<()>,
) -> io::Result<usize> {
    let mut count = 0;
    let tried = try_io(&mut || {
        (count, _) = rustix::net::recv(&socket, &mut *bytes, rustix::net::RecvFlags::empty())?;
        match 0 < count && count < bytes.len() {
            // There is no more, which the runtime has to know.
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => Ok(()),
        }
    });
    match tried {
        Err(error) if count == 0 => Err(error),
        _ => Ok(count),
    }
}

/// Sends by a plain system call, as [`receive`] receives.
#[cfg(target_os = "linux")]
fn send(socket: impl std::os::fd::AsFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = rustix::net::SendFlags::NOSIGNAL;
    Ok(rustix::net::send(socket, bytes, flags)?)
}
