//! Clients: those that call the router itself, and those that have a connection
//! to the proxy.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    task::Poll,
};

use bytes::BytesMut;
use futures::FutureExt;
use meta_codec::{CloseReason, now};
use meta_codec_test::toy::Frame;
use meta_core::{
    BoxFuture, CodecFactory, Decoded, Limits, LocalReply, ReplyKind, Request, Response, Role,
    Session,
};
use meta_router::Router;
use tokio::task::JoinHandle;
use tower::Service;

use crate::peer::{Peer, patiently};

pub(crate) type Answer = Result<Response, LocalReply>;

/// A client that calls the router itself.
#[derive(Clone)]
pub(crate) struct Caller {
    router: Router,
    codec: Arc<dyn CodecFactory>,
    pub(crate) session: Session,
}

impl Caller {
    pub(crate) fn new(router: Router, codec: Arc<dyn CodecFactory>, session: Session) -> Self {
        Self {
            router,
            codec,
            session,
        }
    }

    /// The response to come; nothing happens before it is polled.
    pub(crate) fn call(&self, frame: &Frame) -> BoxFuture<'static, Answer> {
        self.send(self.request(frame))
    }

    pub(crate) fn send(&self, request: Request) -> BoxFuture<'static, Answer> {
        Box::pin(self.router.clone().call(request))
    }

    /// The body of the response to a request with this body, or why there is none.
    pub(crate) async fn ask(&self, body: &'static str) -> Result<String, ReplyKind> {
        ended(self.start(body)).await
    }

    /// Begins a request with this body.
    pub(crate) fn start(&self, body: &'static str) -> JoinHandle<Answer> {
        tokio::spawn(self.call(&Frame::request(1, body)))
    }

    /// The same in this wire form.
    pub(crate) fn start_in(&self, form: &str, body: &'static str) -> JoinHandle<Answer> {
        tokio::spawn(self.call(&Frame::request(1, body).header("form", form)))
    }

    pub(crate) fn request(&self, frame: &Frame) -> Request {
        let mut codec = self.codec.codec(Role::Downstream, &Limits::default());
        match codec.decode(&mut BytesMut::from(&frame.encode()[..])) {
            Ok(Decoded::Message(message)) => Request::new(message, self.session.clone(), now()),
            other => panic!("a whole frame, not {other:?}"),
        }
    }
}

/// What came of a call: the body that came back, or why none did.
pub(crate) async fn ended(call: JoinHandle<Answer>) -> Result<String, ReplyKind> {
    body_of(patiently(call).await.expect("no panic"))
}

/// An answer with this body.
pub(crate) fn ok(body: &str) -> Result<String, ReplyKind> {
    Ok(body.to_owned())
}

fn body_of(answer: Answer) -> Result<String, ReplyKind> {
    answer
        .map(|response| text(&frame_of(response)))
        .map_err(|reply| reply.kind())
}

/// The frame that came back.
pub(crate) fn frame_of(response: Response) -> Frame {
    let message = response.message.expect("an answer");
    Frame::decode(&mut BytesMut::from(&message.frame[..])).expect("a whole frame")
}

pub(crate) fn text(frame: &Frame) -> String {
    String::from_utf8(frame.body.to_vec()).expect("bodies are text")
}

/// Polls once, as if there were no more time.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    match future.now_or_never() {
        Some(output) => Poll::Ready(output),
        None => Poll::Pending,
    }
}

/// A client with a connection to the proxy.
pub(crate) struct Client {
    peer: Peer,
    pub(crate) session: Session,
    served: JoinHandle<CloseReason>,
}

impl Client {
    pub(crate) fn new(peer: Peer, session: Session, served: JoinHandle<CloseReason>) -> Self {
        Self {
            peer,
            session,
            served,
        }
    }

    /// Goes away with nothing under way, and waits until the proxy has seen it.
    pub(crate) async fn leave(self) {
        drop(self.peer);
        patiently(self.served).await.expect("no panic");
        assert!(self.session.is_closed());
    }

    /// Is gone, whatever was under way.
    pub(crate) async fn vanish(self) {
        self.served.abort();
        assert!(self.served.await.is_err(), "it was still served");
        assert!(self.session.is_closed());
    }

    pub(crate) async fn ask(&mut self, frame: &Frame) -> Frame {
        self.send(frame).await;
        self.recv().await
    }
}

impl Deref for Client {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}
