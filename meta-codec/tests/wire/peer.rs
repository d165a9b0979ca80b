//! The far end of a connection, played by the test.

use std::{
    io,
    ops::{Deref, DerefMut},
    time::Duration,
};

use bytes::BytesMut;
use meta_codec::CloseReason;
use meta_codec_test::toy::Frame;
use meta_core::Session;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// After this long, what has not come will not come.
const PATIENCE: Duration = Duration::from_secs(150);

/// A client or a server that speaks the toy protocol by hand.
pub(crate) struct Peer<T> {
    stream: T,
    read: BytesMut,
}

impl<T> Peer<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    pub(crate) fn into_stream(self) -> T {
        self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut T {
        &mut self.stream
    }
}

impl<T: AsyncWrite + Unpin> Peer<T> {
    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.encode()).await;
    }

    /// Sends all frames in one write.
    pub(crate) async fn send_all(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let written = patiently(self.stream.write_all(bytes)).await;
        written.expect("the other end takes it");
    }

    /// Closes the sending side alone.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.expect("it is open");
    }
}

impl<T: AsyncRead + Unpin> Peer<T> {
    /// The next frame.
    pub(crate) async fn recv(&mut self) -> Frame {
        self.next().await.expect("a frame, not the end")
    }

    /// The next frame, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let next = patiently(self.read_frame()).await;
        next.expect("neither a reset nor half a frame")
    }

    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.next().await, None, "the end was expected");
    }

    /// That nothing comes; in simulated time alone.
    pub(crate) async fn expect_silence(&mut self) {
        let next = timeout(Duration::from_millis(1), self.read_frame()).await;
        assert!(next.is_err(), "silence was expected, not {next:?}");
    }

    /// All frames that come in one read, at least one.
    pub(crate) async fn burst(&mut self) -> io::Result<Vec<Frame>> {
        let mut burst = Vec::from_iter(self.read_frame().await?);
        burst.extend(std::iter::from_fn(|| Frame::decode(&mut self.read)));
        Ok(burst)
    }

    /// Reads some bytes as they come.
    pub(crate) async fn read_some(&mut self, bytes: &mut [u8]) -> usize {
        let read = self.stream.read(bytes).await.expect("no reset");
        self.read.extend_from_slice(&bytes[..read]);
        read
    }

    /// The next frame, the end, or the error that it broke with.
    pub(crate) async fn read_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.read) {
                return Ok(Some(frame));
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return match self.read.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }
}

/// A client and the connection that serves it.
pub(crate) struct Client<T> {
    pub(crate) peer: Peer<T>,
    pub(crate) session: Session,
    pub(crate) served: JoinHandle<CloseReason>,
}

impl<T> Client<T> {
    /// Why the connection ended; waits until it has.
    pub(crate) async fn closed(&mut self) -> CloseReason {
        let reason = patiently(&mut self.served).await.expect("no panic");
        assert!(self.session.is_closed());
        reason
    }
}

impl<T> Deref for Client<T> {
    type Target = Peer<T>;

    fn deref(&self) -> &Peer<T> {
        &self.peer
    }
}

impl<T> DerefMut for Client<T> {
    fn deref_mut(&mut self) -> &mut Peer<T> {
        &mut self.peer
    }
}

/// Waits until nobody can do anything more; in simulated time alone.
pub(crate) async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// Waits for what has to come.
pub(crate) async fn patiently<F: Future>(future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain"),
    }
}
