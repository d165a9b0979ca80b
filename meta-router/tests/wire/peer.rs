//! The far end of a connection, played by the test.

use std::time::Duration;

use bytes::BytesMut;
use meta_codec::Transport;
use meta_codec_test::toy::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::network::Link;

/// After this long, what has not come will not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client or a server that speaks the toy protocol by hand.
pub(crate) struct Peer {
    stream: Box<dyn Transport>,
    read: BytesMut,
    /// What can be done to the stream, where it is one within the process.
    pub(crate) link: Link,
}

impl Peer {
    pub(crate) fn new(stream: impl Transport) -> Self {
        Self {
            stream: Box::new(stream),
            read: BytesMut::new(),
            link: Link::default(),
        }
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.encode()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let written = patiently(self.stream.write_all(bytes)).await;
        written.expect("the other end takes it");
    }

    /// `false` where the other end is gone.
    pub(crate) async fn try_send(&mut self, frame: &Frame) -> bool {
        self.try_send_bytes(&frame.encode()).await
    }

    /// As [`Peer::try_send`].
    pub(crate) async fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next bytes, before any frame.
    pub(crate) async fn expect_bytes(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        let all = patiently(self.stream.read_exact(&mut read)).await;
        all.expect("they come");
        assert_eq!(read, bytes);
    }

    /// Answers `request` with `body`.
    pub(crate) async fn answer(&mut self, request: &Frame, body: impl Into<bytes::Bytes>) {
        self.send(&Frame::response(request.id, body)).await;
    }

    /// Answers the next request, which is to have this body, with the body.
    pub(crate) async fn expect_call(&mut self, body: &'static str) {
        let request = self.recv().await;
        assert_eq!(request.body, body);
        self.answer(&request, body).await;
    }

    /// The next frame.
    pub(crate) async fn recv(&mut self) -> Frame {
        self.next().await.expect("a frame, not the end")
    }

    /// The next frame, or `None` once the connection has been closed or reset.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        patiently(self.read_frame()).await
    }

    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.next().await, None, "the end was expected");
    }

    /// That nothing comes; in simulated time alone.
    pub(crate) async fn expect_silence(&mut self) {
        let next = timeout(Duration::from_millis(1), self.read_frame()).await;
        assert!(next.is_err(), "silence was expected, not {next:?}");
    }

    /// Cancellation safe.
    pub(crate) async fn read_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.read) {
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(count) if count > 0 => {}
                _ => return None,
            }
        }
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

/// Waits until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    patiently(async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
