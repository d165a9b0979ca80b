//! What stands behind a downstream connection: services that the test scripts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    channel::{mpsc, oneshot},
    future::{Ready, ready},
    task::AtomicWaker,
};
use meta_codec::Shared;
use meta_codec_test::toy::Frame;
use meta_core::{
    BoxFuture, LocalReply, Message, MessageKind, Mutation, ReplyKind, Request, Response,
};
use tower::Service;

use crate::{
    peer::{patiently, settle},
    setup::message,
};

type Answer = Result<Response, LocalReply>;

/// The body of a message.
pub(crate) fn body(message: &Message) -> Bytes {
    message.frame.slice(message.metadata.header_bytes..)
}

/// The response with this frame.
pub(crate) fn response(frame: &Frame) -> Response {
    Response {
        message: Some(message(frame)),
        ..Response::default()
    }
}

/// Answers every call at once with its own body, and counts them.
#[derive(Clone, Default)]
pub(crate) struct Echo(pub(crate) Arc<AtomicU64>);

impl Echo {
    /// How many calls it has seen.
    pub(crate) fn seen(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Service<Request> for Echo {
    type Response = Response;
    type Error = LocalReply;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.fetch_add(1, Relaxed);
        let metadata = request.metadata();
        ready(Ok(match metadata.kind {
            MessageKind::Request => {
                response(&Frame::response(metadata.id.0, body(&request.message)))
            }
            _ => Response::written(None),
        }))
    }
}

/// Sends everything over one shared connection.
pub(crate) fn forward(
    shared: &Arc<Shared>,
) -> impl Service<Request, Response = Response, Error = LocalReply, Future = BoxFuture<'static, Answer>>
+ Clone
+ use<> {
    let shared = shared.clone();
    tower::service_fn(move |request: Request| {
        let shared = shared.clone();
        async move {
            std::future::poll_fn(|cx| shared.poll_room(cx)).await;
            let info = shared.info().clone();
            if request.metadata().kind == MessageKind::Request {
                let (call, _) = shared.call(&request.message, &Mutation::new(), None)?;
                Ok(Response::new(call.await?, info))
            } else {
                let (send, _) = shared.send(&request.message, &Mutation::new())?;
                send.await?;
                Ok(Response::written(Some(info)))
            }
        }
        .boxed()
    })
}

/// A service whose calls the test takes and answers one by one.
#[derive(Clone)]
pub(crate) struct Script {
    calls: mpsc::UnboundedSender<Call>,
    gate: Arc<Gate>,
}

/// The calls that a [`Script`] was given.
pub(crate) struct Calls {
    calls: mpsc::UnboundedReceiver<Call>,
    gate: Arc<Gate>,
}

/// How many calls the service is ready for.
struct Gate {
    open_for: AtomicU64,
    waiting: AtomicWaker,
}

/// A service, and the calls that it will be given.
pub(crate) fn script() -> (Script, Calls) {
    let (sender, receiver) = mpsc::unbounded();
    let gate = Arc::new(Gate {
        open_for: AtomicU64::new(u64::MAX),
        waiting: AtomicWaker::new(),
    });
    let script = Script {
        calls: sender,
        gate: gate.clone(),
    };
    let calls = Calls {
        calls: receiver,
        gate,
    };
    (script, calls)
}

impl Service<Request> for Script {
    type Response = Response;
    type Error = LocalReply;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        self.gate.waiting.register(cx.waker());
        match self.gate.open_for.load(Relaxed) {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let open_for = self.gate.open_for.fetch_sub(1, Relaxed);
        assert!(open_for > 0, "called before it was ready");
        let (answer, answered) = oneshot::channel();
        let call = Call { request, answer };
        self.calls.unbounded_send(call).expect("the test goes on");
        async move { answered.await.expect("the test answers") }.boxed()
    }
}

impl Calls {
    /// The next call.
    pub(crate) async fn next(&mut self) -> Call {
        patiently(self.calls.next()).await.expect("it goes on")
    }

    /// All calls that come before everybody waits.
    pub(crate) async fn all(&mut self) -> Vec<Call> {
        settle().await;
        let mut all = Vec::new();
        while let Ok(call) = self.calls.try_recv() {
            all.push(call);
        }
        all
    }

    /// Makes the service ready for this many calls more, and not for others.
    pub(crate) fn be_ready_for(&self, calls: u64) {
        self.gate.open_for.store(calls, Relaxed);
        self.gate.waiting.wake();
    }
}

/// A call that waits for the test's answer.
pub(crate) struct Call {
    pub(crate) request: Request,
    answer: oneshot::Sender<Answer>,
}

impl Call {
    pub(crate) fn id(&self) -> u64 {
        self.request.metadata().id.0
    }

    pub(crate) fn body(&self) -> Bytes {
        body(&self.request.message)
    }

    /// Answers with a result of this body.
    pub(crate) fn answer(self, body: impl Into<Bytes>) {
        self.respond(Ok(response(&Frame::response(0, body))));
    }

    /// Answers with its own body.
    pub(crate) fn echo(self) {
        let body = self.body();
        self.answer(body);
    }

    pub(crate) fn fail(self, kind: ReplyKind) {
        self.respond(Err(LocalReply::new(kind, "as the test wants")));
    }

    pub(crate) fn respond(self, answer: Answer) {
        assert!(self.answer.send(answer).is_ok(), "the call was cancelled");
    }

    /// Waits until the call's future has been dropped.
    pub(crate) async fn cancelled(&mut self) {
        patiently(self.answer.cancellation()).await;
    }
}
