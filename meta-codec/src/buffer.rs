//! The buffers between a connection and its transport.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    num::NonZeroUsize,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use meta_core::{Codec, CodecError, Decoded, FrameBuf, Limits, Message};
use tokio_util::io::poll_read_buf;

use crate::transport::Transport;

/// What one read can take at most, unless a longer message is under way.
const SCRATCH_BYTES: usize = 64 << 10;
/// A read of up to this much is copied into a buffer of its own size, so that a
/// small message kept for long does not pin a whole scratch buffer.
const COPY_UP_TO_BYTES: usize = 4 << 10;
/// A message up to this long goes on in the scratch buffer, so that one read
/// takes its rest and what follows it; a longer one gets a buffer of its own.
const CONTINUE_UP_TO_BYTES: usize = 32 << 10;
/// Pieces in one vectored write.
const MAX_SLICES: usize = 64;

thread_local! {
    /// What this thread's connections read into: an idle one holds no buffer.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    /// The same, for connections whose reads are short.
    static SHORT: RefCell<Box<[u8]>> = RefCell::new(vec![0; COPY_UP_TO_BYTES].into());
}

/// Bytes that came in and have not been decoded yet.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: BytesMut,
    /// The whole length of the unfinished message at the front, where known.
    need: usize,
    /// The last read took more than a short one can.
    long: bool,
}

impl ReadBuffer {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next whole message; `None` where more bytes are needed.
    pub(crate) fn decode(
        &mut self,
        codec: &mut dyn Codec,
        limits: &Limits,
    ) -> Result<Option<Message>, CodecError> {
        self.need = 0;
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let need = match codec.decode(&mut self.bytes)? {
            Decoded::Message(message) => return Ok(Some(message)),
            Decoded::Need(need) => need.map_or(0, NonZeroUsize::get),
        };
        let (wanted, limit) = (need.max(self.bytes.len()), limits.message_bytes);
        if wanted > limit {
            return Err(CodecError::too_large("message", wanted as u64, limit));
        }
        self.need = need;
        Ok(None)
    }

    /// Whether these are the first bytes of a TLS client: a record of its handshake,
    /// which begins with its hello.
    pub(crate) fn begins_with_tls(&self) -> bool {
        matches!(*self.bytes, [22, 3, 0..=4, _, _, 1, ..])
    }

    /// Drops up to `count` bytes from the front; returns how many.
    pub(crate) fn skip(&mut self, count: u64) -> u64 {
        let skipped = count.min(self.bytes.len() as u64);
        self.bytes.advance(skipped as usize);
        skipped
    }

    /// Reads once where that may be short and cheap; `None` where it takes
    /// [`ReadBuffer::poll_fill`] to know more. Costs a task nothing of its share: to
    /// be tried once each time it is polled.
    pub(crate) fn try_fill<T: Transport>(&mut self, transport: &T) -> Option<io::Result<usize>> {
        if self.long || !self.bytes.is_empty() {
            return None;
        }
        SHORT.with_borrow_mut(|short| match transport.try_read(short) {
            Ok(count) => {
                self.need = 0;
                self.long = count == short.len();
                self.bytes = BytesMut::from(&short[..count]);
                Some(Ok(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// Reads once; `Ok(0)` is the end of the stream.
    pub(crate) fn poll_fill<T: Transport>(
        &mut self,
        transport: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if !transport.may_read() {
            if self.bytes.is_empty() {
                // Nothing to hold while waiting.
                self.bytes = BytesMut::new();
            }
            ready!(transport.poll_may_read(cx));
        }
        if self.bytes.is_empty() {
            // The long message that wanted room has been taken.
            self.need = 0;
        }
        let whole = self.need.max(self.bytes.len());
        if whole > CONTINUE_UP_TO_BYTES {
            self.make_room();
            return poll_read_buf(Pin::new(transport), cx, &mut self.bytes);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            if scratch.capacity() < SCRATCH_BYTES / 2 {
                *scratch = BytesMut::with_capacity(SCRATCH_BYTES);
            }
            if self.bytes.is_empty() {
                // Nothing to carry over, and nothing to hold while waiting.
                self.bytes = BytesMut::new();
            } else {
                scratch.extend_from_slice(&self.bytes);
            }
            let read = ready!(poll_read_buf(Pin::new(transport), cx, scratch))?;
            self.long = read > COPY_UP_TO_BYTES;
            if read > 0 {
                self.bytes = match scratch.len() {
                    0..=COPY_UP_TO_BYTES => BytesMut::from(&scratch[..]),
                    _ => scratch.split(),
                };
            }
            Poll::Ready(Ok(read))
        })
    }

    /// Room for the rest of a long message: exactly that where its length is
    /// known, else as much again as is there. A codec that walks its messages may
    /// know of a little more only, time after time: then half as much again.
    fn make_room(&mut self) {
        let spare = self.bytes.capacity() - self.bytes.len();
        if spare > 0 && self.need <= self.bytes.capacity() {
            return;
        }
        let length = self.bytes.len();
        let capacity = match self.need > length {
            true => self.need.max(length.saturating_add(length / 2)),
            false => length.saturating_mul(2),
        };
        let mut grown = BytesMut::with_capacity(capacity);
        grown.extend_from_slice(&self.bytes);
        self.bytes = grown;
    }
}

/// Writes what it can of `buf`; ready once all of it is gone, and nothing of it is
/// left in buffers of the transport's own.
pub(crate) fn poll_write_out<T: Transport>(
    buf: &mut FrameBuf,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !buf.is_empty() {
        let written = match buf.contiguous() {
            Some(bytes) => match transport.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(Pin::new(&mut *transport).poll_write(cx, bytes))?
                }
                written => written?,
            },
            None => {
                let transport = Pin::new(&mut *transport);
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let filled = buf.chunks_vectored(&mut slices);
                let slices = slices.get(..filled).unwrap_or_default();
                ready!(transport.poll_write_vectored(cx, slices))?
            }
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        buf.advance(written);
    }
    Pin::new(transport).poll_flush(cx)
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker_ref;
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    const LONG: usize = 1 << 20;

    #[tokio::test]
    async fn a_long_message_gets_a_buffer_of_its_size_and_leaves_none() {
        let (mut client, mut server) = duplex(2 * LONG);
        let mut cx = Context::from_waker(noop_waker_ref());
        let mut read = ReadBuffer::default();
        client.write_all(&vec![7; LONG]).await.expect("it fits");
        assert!(read.poll_fill(&mut server, &mut cx).is_ready());
        read.need = LONG;
        while read.len() < LONG {
            assert!(read.poll_fill(&mut server, &mut cx).is_ready());
            assert!(
                read.bytes.capacity() <= LONG + 64,
                "{}",
                read.bytes.capacity()
            );
        }
        drop(read.bytes.split());
        assert!(read.poll_fill(&mut server, &mut cx).is_pending());
        assert_eq!(read.bytes.capacity(), 0, "an idle connection holds nothing");
        client.write_all(b"short").await.expect("it fits");
        assert!(read.poll_fill(&mut server, &mut cx).is_ready());
        assert!(read.bytes.capacity() < 1_000, "{}", read.bytes.capacity());
    }
}
