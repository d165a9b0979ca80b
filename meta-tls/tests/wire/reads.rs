//! What reading costs, and when there is something to read.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use meta_codec::Transport;
use meta_core::Address;
use meta_tls::{HandshakeLimits, Handshakes, TlsTransport};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

use crate::{
    pki::Ca,
    setup::{End, client, server},
};

/// What is known of a watched stream.
#[derive(Debug, Default)]
struct Seen {
    /// Reads that found something.
    reads: AtomicUsize,
    /// The last read found nothing.
    is_drained: AtomicBool,
}

/// A stream that is watched, and says that it may be read until it was drained.
#[derive(Debug)]
struct Watched {
    stream: DuplexStream,
    seen: Arc<Seen>,
}

impl Transport for Watched {
    fn may_read(&self) -> bool {
        !self.seen.is_drained.load(Relaxed)
    }

    fn poll_may_read(&self, _: &mut Context<'_>) -> Poll<()> {
        match self.may_read() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.seen.is_drained.store(read.is_pending(), Relaxed);
        if buf.filled().len() > before {
            self.seen.reads.fetch_add(1, Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A server's end that is watched, and its client's.
async fn watched() -> (TlsTransport<Watched>, Arc<Seen>, End) {
    let ca = Ca::new("root");
    let server = server(&ca.issue("greeter.example"), None, |_| {});
    let client = client(None, None, |_| {});
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let (ours, stream) = duplex(256 << 10);
    let seen = Arc::<Seen>::default();
    let theirs = Watched {
        stream,
        seen: seen.clone(),
    };
    let (accepted, shaken) = tokio::join!(
        handshakes.accept(theirs, &server),
        client.handshake(ours, &Address::Memory),
    );
    let accepted = accepted.expect("the server agrees");
    let (end, _) = shaken.expect("the client agrees");
    (accepted.transport, seen, end)
}

/// Whether a read finds nothing at once.
async fn is_at_rest(transport: &mut TlsTransport<Watched>) -> bool {
    let mut byte = [0];
    let mut buf = ReadBuf::new(&mut byte);
    poll_fn(|cx| {
        let read = Pin::new(&mut *transport).poll_read(cx, &mut buf);
        Poll::Ready(read.is_pending())
    })
    .await
}

#[tokio::test]
async fn a_long_message_takes_few_reads() {
    let (mut transport, seen, mut end) = watched().await;
    let bytes: Vec<u8> = (0..120_000).map(|n| (n % 251) as u8).collect();
    end.write_all(&bytes).await.expect("written");
    end.flush().await.expect("flushed");
    let before = seen.reads.load(Relaxed);
    let mut read = vec![0; bytes.len()];
    transport.read_exact(&mut read).await.expect("read");
    assert!(read == bytes);
    // A dozen, had rustls its way.
    let reads = seen.reads.load(Relaxed) - before;
    assert!(reads <= 3, "{reads} reads");
}

/// The socket has nothing more, while we hold what it gave: records that are not
/// decrypted yet, and bytes of one that is.
#[tokio::test]
async fn what_is_held_may_be_read() {
    let (mut transport, seen, mut end) = watched().await;
    assert!(is_at_rest(&mut transport).await);
    assert!(!transport.may_read());
    assert!(seen.is_drained.load(Relaxed));

    end.write_all(&[1; 40_000]).await.expect("written");
    end.flush().await.expect("flushed");
    let mut taken = 0;
    while taken < 40_000 {
        // As of a socket that was read until it left room.
        seen.is_drained.store(taken > 0, Relaxed);
        assert!(transport.may_read(), "after {taken} bytes");
        poll_fn(|cx| transport.poll_may_read(cx)).await;
        let mut some = [0; 5_000];
        let count = transport.read(&mut some).await.expect("read");
        assert!(count > 0 && some[..count].iter().all(|byte| *byte == 1));
        taken += count;
    }
    assert!(is_at_rest(&mut transport).await);
    assert!(!transport.may_read(), "all was taken");

    drop(end);
    let mut rest = Vec::new();
    assert_eq!(transport.read_to_end(&mut rest).await.expect("an end"), 0);
    assert!(transport.may_read(), "the end is there to be read");
}
