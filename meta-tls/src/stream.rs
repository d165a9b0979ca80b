//! A byte stream under TLS.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use meta_codec::Transport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use crate::{ahead::ReadAhead, error::HandshakeError, stats::TlsStats};

/// A connection under TLS.
///
/// A peer that goes without a word (`close_notify`) is taken for one that has closed:
/// most do not say goodbye, and every protocol carried here tells by itself whether
/// its last message is whole. Dropped before it was shut down, it says goodbye as far
/// as that can be done at once.
pub struct TlsTransport<T: Transport> {
    stream: Box<TlsStream<ReadAhead<T>>>,
    stats: Arc<TlsStats>,
    is_shut_down: bool,
}

impl<T: Transport> TlsTransport<T> {
    pub(crate) fn new(stream: impl Into<TlsStream<ReadAhead<T>>>, stats: Arc<TlsStats>) -> Self {
        Self {
            stream: Box::new(stream.into()),
            stats,
            is_shut_down: false,
        }
    }

    /// Counts what TLS itself ends the connection for, and finds words for it: a
    /// server of TLS 1.3 refuses a client's certificate when the handshake is over
    /// for the client.
    fn explain(&self, error: io::Error) -> io::Error {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let Some(inner) = inner.map(HandshakeError::from_rustls) else {
            return error;
        };
        self.stats.connection_error.inc();
        io::Error::new(error.kind(), inner)
    }
}

impl<T: Transport> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn may_read(&self) -> bool {
        let (transport, session) = self.stream.get_ref();
        !session.wants_read() || transport.may_read()
    }

    fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        let (transport, session) = self.stream.get_ref();
        match session.wants_read() {
            true => transport.poll_may_read(cx),
            false => Poll::Ready(()),
        }
    }

    fn is_hung_up(&self) -> bool {
        self.stream.get_ref().0.is_hung_up()
    }
}

impl<T: Transport> AsyncRead for TlsTransport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut *self.stream).poll_read(cx, buf) {
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.explain(error))),
            polled => polled,
        }
    }
}

impl<T: Transport> AsyncWrite for TlsTransport<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut *self.stream).poll_shutdown(cx);
        self.is_shut_down |= shut.is_ready();
        shut
    }
}

impl<T: Transport> Drop for TlsTransport<T> {
    fn drop(&mut self) {
        if !self.is_shut_down {
            let mut cx = Context::from_waker(Waker::noop());
            // A socket that takes nothing is closed all the same.
            let _ = Pin::new(&mut *self.stream).poll_shutdown(&mut cx);
        }
    }
}
