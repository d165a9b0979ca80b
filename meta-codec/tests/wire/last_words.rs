//! Servers that say something before they break.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::{Buf, BytesMut};
use meta_codec::Transport;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Mutation, ReplyKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, duplex};

use crate::{
    peer::patiently,
    service::body,
    setup::{Back, call, info, message},
};

/// Takes so many bytes, then breaks; the answers to the calls that came whole, or
/// to the only one, are there to be read by then, and not before.
struct Breaking {
    takes: usize,
    requests: BytesMut,
    answers: BytesMut,
    broken: bool,
    reader: Option<Waker>,
}

const ANSWER_BYTES: usize = 50_000;

fn breaking_after(takes: usize) -> Breaking {
    Breaking {
        takes,
        requests: BytesMut::new(),
        answers: BytesMut::new(),
        broken: false,
        reader: None,
    }
}

impl AsyncRead for Breaking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.broken {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.answers.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = self.answers.len().min(buf.remaining()).min(10_000);
        buf.put_slice(&self.answers[..count]);
        self.answers.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.takes);
        if count > 0 {
            self.takes -= count;
            self.requests.extend_from_slice(&bytes[..count]);
            return Poll::Ready(Ok(count));
        }
        if !std::mem::replace(&mut self.broken, true) {
            let this = &mut *self;
            let whole = std::iter::from_fn(|| Frame::decode(&mut this.requests));
            let mut ids: Vec<_> = whole.map(|request| request.id).collect();
            if ids.is_empty() {
                ids.push((&this.requests[8..16]).get_u64());
            }
            for id in ids {
                let answer = Frame::response(id, vec![1; ANSWER_BYTES]);
                this.answers.extend_from_slice(&answer.encode());
            }
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Breaking {}

#[tokio::test(start_paused = true)]
async fn answers_that_are_there_when_a_write_fails_are_delivered() {
    let back = Back::new(Toy::by_id());
    let answered = Frame::request(0, "of 32 bytes ");
    let stuck = Frame::request(0, vec![0; 1_000]);
    let (unused, _) = duplex(1);
    let link = back.shared_over((breaking_after(3 * 32 + 500), unused), None);
    let calls: Vec<_> = (0..3).map(|_| call(&link.shared, &answered)).collect();
    let stuck = call(&link.shared, &stuck);
    for call in calls {
        let answer = patiently(call).await.expect("it was answered");
        assert_eq!(body(&answer).len(), ANSWER_BYTES);
    }
    let reply = patiently(stuck).await.expect_err("it was not");
    assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
    assert!(!reply.is_retriable(), "a part of it was taken");
    patiently(link.driver).await.expect("no panic");
}

/// As where a server refuses a large request before it has read it all.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_when_the_request_cannot_be_written_is_delivered() {
    let back = Back::new(Toy::by_id());
    let mut connection = back.upstream.exclusive(breaking_after(500), info());
    let request = message(&Frame::request(0, vec![0; 1_000]));
    let begun = connection.begin(&request, &Mutation::new());
    begun.expect("it can be encoded");
    let answer = patiently(poll_fn(|cx| connection.poll_response(cx))).await;
    assert_eq!(body(&answer.expect("an answer")).len(), ANSWER_BYTES);
    assert!(!connection.is_reusable());
}
