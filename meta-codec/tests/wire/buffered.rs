//! Transports that keep what is written until they are flushed, as TLS may.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use meta_codec::Transport;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, Mutation};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::{
    peer::{Peer, patiently},
    service::Echo,
    setup::{Back, Front, call, info, message, send},
};

/// Takes everything, and passes it on when flushed.
struct Buffered {
    stream: DuplexStream,
    kept: Vec<u8>,
}

fn buffered(bytes: usize) -> (DuplexStream, Buffered) {
    let (theirs, stream) = duplex(bytes);
    let kept = Vec::new();
    (theirs, Buffered { stream, kept })
}

impl AsyncRead for Buffered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.kept.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.kept.is_empty() {
            let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &this.kept))?;
            this.kept.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Transport for Buffered {}

/// Larger than what the stream takes at once.
const LONG: usize = 1_000;

#[tokio::test(start_paused = true)]
async fn a_client_gets_all_of_every_answer() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect_over(buffered(100), Echo::default());
    for id in 1..=3 {
        client.send(&Frame::request(id, vec![1; LONG])).await;
        assert_eq!(client.recv().await.body.len(), LONG);
    }
    client.send(&Frame::request(4, vec![1; LONG])).await;
    client.half_close().await;
    assert_eq!(client.recv().await.body.len(), LONG);
    client.expect_end().await;
    patiently(client.closed()).await;
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_gets_all_of_the_reply_before_the_end() {
    let front = Front::with(Toy::by_id(), |_, limits| limits.message_bytes = 1_000);
    let mut client = front.connect_over(buffered(10), Echo::default());
    client
        .send_bytes(&Frame::request(1, vec![0; 2_000]).encode()[..20])
        .await;
    assert_eq!(client.recv().await.get("reason"), Some("message_too_large"));
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_gets_all_of_a_request_for_itself() {
    let back = Back::new(Toy::by_id());
    let (theirs, ours) = buffered(100);
    let mut server = Peer::new(theirs);
    let mut connection = back.upstream.exclusive(ours, info());
    for kind in [MessageKind::Request, MessageKind::OneWay] {
        let call = message(&Frame::new(kind, 1, vec![1; LONG]));
        connection.begin(&call, &Mutation::new()).expect("it fits");
        let served = async {
            let frame = server.recv().await;
            assert_eq!(frame.body.len(), LONG);
            if kind == MessageKind::Request {
                server.send(&Frame::response(frame.id, "")).await;
            }
        };
        match kind {
            MessageKind::OneWay => {
                let written = patiently(poll_fn(|cx| connection.poll_written(cx)));
                let (written, ()) = tokio::join!(written, served);
                written.expect("it is written");
            }
            _ => {
                let answer = patiently(poll_fn(|cx| connection.poll_response(cx)));
                let (answer, ()) = tokio::join!(answer, served);
                answer.expect("an answer");
            }
        }
        assert!(connection.is_reusable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_gets_all_of_the_requests_that_share_a_connection() {
    let back = Back::new(Toy::by_id());
    let (theirs, ours) = buffered(100);
    let mut link = back.shared_over((ours, theirs), None);
    for _ in 0..3 {
        let answer = call(&link.shared, &Frame::request(1, vec![1; LONG]));
        let frame = link.server.recv().await;
        assert_eq!(frame.body.len(), LONG);
        link.server.send(&Frame::response(frame.id, "")).await;
        patiently(answer).await.expect("an answer");
    }
    let note = Frame::new(MessageKind::OneWay, 1, vec![1; LONG]);
    let send = send(&link.shared, &note);
    drop(link.shared);
    assert_eq!(link.server.recv().await.body.len(), LONG);
    patiently(send).await.expect("it is written");
    link.server.expect_end().await;
}
