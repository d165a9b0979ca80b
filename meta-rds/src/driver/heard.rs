//! A connection that tells when the other end first says something.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// Tells when the first bytes come, or why none do.
pub(super) struct Heard<T> {
    inner: T,
    first: Option<oneshot::Sender<io::Result<()>>>,
}

impl<T> Heard<T> {
    pub(super) fn new(inner: T, first: oneshot::Sender<io::Result<()>>) -> Self {
        let first = Some(first);
        Self { inner, first }
    }

    fn tell(&mut self, result: io::Result<()>) {
        if let Some(first) = self.first.take() {
            // Whether anyone waits for it still is not our affair.
            let _ = first.send(result);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) if buf.filled().len() > before => self.tell(Ok(())),
            // Where there was room for some, none are the end.
            Poll::Ready(Ok(())) if room == 0 => {}
            Poll::Ready(Ok(())) => self.tell(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Err(error)) => {
                let told = io::Error::new(error.kind(), error.to_string());
                self.tell(Err(told));
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
