use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Instant,
};

use bytes::Bytes;
use futures::{FutureExt, channel::oneshot};
use tower_test::mock::{self, Spawn};

use super::*;
use crate::{ConnectionInfo, Message, MessageKind, Metadata, Mutation, ReplyKind, Session, WireId};

/// Does what it is told and writes down how its requests ended.
#[derive(Default)]
struct Probe {
    flow: Mutex<Option<Flow>>,
    outcomes: Mutex<Vec<&'static str>>,
    saw_response: AtomicBool,
}

impl Filter for Probe {
    type State = u32;

    fn on_request(&self, state: &mut u32, _: &mut Request) -> Flow {
        *state += 1;
        let flow = self.flow.lock().expect("no panic").take();
        flow.unwrap_or(Flow::Continue)
    }

    fn on_response(&self, state: &mut u32, _: &Metadata, _: &mut Response) -> Flow {
        assert_eq!(*state, 1, "state belongs to one request");
        self.saw_response.store(true, SeqCst);
        Flow::Continue
    }

    fn on_complete(&self, _: u32, _: &Metadata, outcome: Outcome<'_>) {
        self.outcomes.lock().expect("no panic").push(match outcome {
            Outcome::Answered(_) => "answered",
            Outcome::Refused(_) => "refused",
            Outcome::Cancelled => "cancelled",
        });
    }
}

type MockService = mock::Mock<Request, Response>;
type Handle = mock::Handle<Request, Response>;

/// Turns the mock's boxed error into ours.
#[derive(Clone)]
struct Inner(MockService);

impl Service<Request> for Inner {
    type Response = Response;
    type Error = LocalReply;
    type Future = BoxFuture<'static, Result<Response, LocalReply>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        self.0.poll_ready(cx).map_err(LocalReply::from_boxed)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let call = self.0.call(request);
        Box::pin(async move { call.await.map_err(LocalReply::from_boxed) })
    }
}

fn stack(probe: &Arc<Probe>) -> (Spawn<FilterService<Probe, Inner>>, Handle) {
    let (service, handle) = mock::pair();
    let layer = filter_layer(probe.clone());
    (Spawn::new(layer.layer(Inner(service))), handle)
}

fn request() -> Request {
    let session = Session::new(ConnectionInfo::default());
    let metadata = Metadata::new(MessageKind::Request, WireId(1));
    Request::new(
        Message::new(metadata, Bytes::new()),
        session,
        Instant::now(),
    )
}

fn outcomes(probe: &Probe) -> Vec<&'static str> {
    probe.outcomes.lock().expect("no panic").clone()
}

#[tokio::test]
async fn an_answered_request_completes_once() {
    let probe = Arc::new(Probe::default());
    let (mut service, mut handle) = stack(&probe);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let response = service.call(request());
    let (_, send) = handle.next_request().await.expect("passed on");
    send.send_response(Response::default());
    response.await.expect("answered");
    assert_eq!(outcomes(&probe), ["answered"]);
    assert!(probe.saw_response.load(SeqCst));
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_service() {
    let probe = Arc::new(Probe::default());
    *probe.flow.lock().expect("no panic") =
        Some(Flow::Reply(LocalReply::new(ReplyKind::Denied, "no")));
    let (mut service, mut handle) = stack(&probe);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let reply = service.call(request()).await.expect_err("refused");
    assert_eq!(reply.kind(), ReplyKind::Denied);
    assert_eq!(outcomes(&probe), ["refused"]);
    assert!(!probe.saw_response.load(SeqCst));
    assert!(handle.next_request().now_or_never().is_none());
}

#[tokio::test]
async fn a_dropped_call_is_cancelled() {
    let probe = Arc::new(Probe::default());
    let (mut service, mut handle) = stack(&probe);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    drop(service.call(request()));
    assert_eq!(outcomes(&probe), ["cancelled"]);
}

#[tokio::test]
async fn a_waiting_request_goes_on_with_the_changes_of_its_verdict() {
    let probe = Arc::new(Probe::default());
    let (decide, decided) = oneshot::channel();
    *probe.flow.lock().expect("no panic") = Some(Flow::Wait(
        decided.map(|verdict| verdict.expect("sent")).boxed(),
    ));
    let (mut service, mut handle) = stack(&probe);
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let mut response = Box::pin(service.call(request()));
    assert!(response.as_mut().now_or_never().is_none());
    assert!(handle.next_request().now_or_never().is_none());

    let mut mutation = Mutation::new();
    mutation.set("user", "me");
    decide
        .send(Verdict::Continue(mutation))
        .expect("waited for");
    assert!(response.as_mut().now_or_never().is_none());
    let (passed_on, send) = handle.next_request().await.expect("passed on");
    assert_eq!(passed_on.mutation.last("user"), Some(Some("me")));
    send.send_response(Response::default());
    response.await.expect("answered");
    assert_eq!(outcomes(&probe), ["answered"]);
}

#[tokio::test]
async fn pending_stays_pending_and_errors_pass() {
    let probe = Arc::new(Probe::default());
    let (mut service, mut handle) = stack(&probe);
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let response = service.call(request());
    let (_, send) = handle.next_request().await.expect("passed on");
    send.send_error(LocalReply::new(ReplyKind::NoRoute, "none"));
    assert_eq!(
        response.await.expect_err("refused").kind(),
        ReplyKind::NoRoute
    );
    assert_eq!(outcomes(&probe), ["refused"]);
}
