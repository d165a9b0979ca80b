//! A stream within the process that can be looked at.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use meta_codec::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};

use super::LookError;

/// A stream of which some bytes have been read ahead.
pub(crate) struct Replay {
    ahead: BytesMut,
    stream: DuplexStream,
}

impl Replay {
    pub(super) fn new(stream: DuplexStream) -> Self {
        Self {
            ahead: BytesMut::new(),
            stream,
        }
    }

    pub(super) async fn look<V>(
        &mut self,
        max: usize,
        mut judge: impl FnMut(&[u8]) -> Option<V>,
    ) -> Result<V, LookError> {
        let mut is_over = false;
        loop {
            let shown = self.ahead.get(..max).unwrap_or(&self.ahead);
            if let Some(verdict) = judge(shown) {
                return Ok(verdict);
            }
            if is_over {
                return Err(LookError::Closed);
            }
            if self.ahead.len() >= max {
                return Err(LookError::TooLong(max));
            }
            is_over = self.stream.read_buf(&mut self.ahead).await? == 0;
        }
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.ahead.advance(count.min(self.ahead.len()));
    }
}

impl Transport for Replay {}

impl AsyncRead for Replay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead.split_to(count));
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
