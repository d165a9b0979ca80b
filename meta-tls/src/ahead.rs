//! Reading more at once than the TLS implementation asks for.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use meta_codec::Transport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What one read can take at most: some records.
const SCRATCH_BYTES: usize = 64 << 10;

thread_local! {
    /// What this thread's connections read into: an idle one holds no buffer.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A byte stream that is read as far as it goes. rustls asks for 4 KiB to begin with,
/// and never for more than a record.
pub(crate) struct ReadAhead<T> {
    transport: T,
    /// Bytes that were read, and have not been asked for yet.
    rest: BytesMut,
}

impl<T: Transport> ReadAhead<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            transport,
            rest: BytesMut::new(),
        }
    }

    pub(crate) fn is_hung_up(&self) -> bool {
        self.transport.is_hung_up()
    }

    pub(crate) fn may_read(&self) -> bool {
        !self.rest.is_empty() || self.transport.may_read()
    }

    pub(crate) fn poll_may_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.rest.is_empty() {
            true => self.transport.poll_may_read(cx),
            false => Poll::Ready(()),
        }
    }
}

impl<T: Transport> AsyncRead for ReadAhead<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            // Taken, not borrowed: there may be TLS in TLS.
            let mut scratch = SCRATCH.take();
            if scratch.capacity() < SCRATCH_BYTES / 2 {
                scratch = BytesMut::with_capacity(SCRATCH_BYTES);
            }
            let read = poll_read_buf(Pin::new(&mut this.transport), cx, &mut scratch);
            if scratch.len() <= buf.remaining() {
                buf.put_slice(&scratch);
                scratch.clear();
            } else {
                this.rest = scratch.split();
            }
            SCRATCH.set(scratch);
            ready!(read)?;
        }
        let count = this.rest.len().min(buf.remaining());
        if count > 0 {
            buf.put_slice(&this.rest[..count]);
            this.rest.advance(count);
            if this.rest.is_empty() {
                this.rest = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> AsyncWrite for ReadAhead<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
