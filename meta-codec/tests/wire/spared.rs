//! What sockets are spared, and must not miss for that: reads that would find
//! nothing, and waking the one call in flight by a waker of its own.

use std::{
    future::{Ready, poll_fn, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{BoxFuture, LocalReply, Mutation, Request, Response};
use tokio::{
    sync::Notify,
    task::{consume_budget, coop::has_budget_remaining},
};
use tower::{Service, service_fn};

use crate::{
    peer::{Peer, patiently},
    service::{Echo, response},
    setup::{Back, Front, info, message, tcp_pair},
};

type Answering = BoxFuture<'static, Result<Response, LocalReply>>;

/// Answers every call at once, having used up its task's share.
struct Greedy;

impl Service<Request> for Greedy {
    type Response = Response;
    type Error = LocalReply;
    type Future = Ready<Result<Response, LocalReply>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        while has_budget_remaining() {
            assert!(pin!(consume_budget()).poll(cx).is_ready());
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let id = request.metadata().id.0;
        ready(Ok(response(&Frame::response(id, ""))))
    }
}

#[tokio::test]
async fn a_task_that_has_used_up_its_share_still_hears_of_the_next_request() {
    let mut client = Front::new(Toy::by_id()).connect_tcp(Greedy).await;
    for id in 1..=3 {
        client.send(&Frame::request(id, "")).await;
        assert_eq!(patiently(client.recv()).await.id, id);
    }
}

#[tokio::test]
async fn a_call_that_is_no_longer_alone_is_still_woken() {
    let front = Front::new(Toy::by_id());
    let gate = Arc::new(Notify::new());
    let service = service_fn(move |request: Request| -> Answering {
        let gate = gate.clone();
        Box::pin(async move {
            match request.metadata().id.0 {
                1 => gate.notified().await,
                3 => gate.notify_one(),
                _ => {}
            }
            Ok(response(&Frame::response(request.metadata().id.0, "")))
        })
    });
    let mut client = front.connect_tcp(service).await;
    client.send(&Frame::request(1, "")).await;
    // It has been polled by itself before there is another.
    while front.stats.request_active.value() == 0 {
        tokio::task::yield_now().await;
    }
    client.send(&Frame::request(2, "")).await;
    assert_eq!(patiently(client.recv()).await.id, 2);
    client.send(&Frame::request(3, "")).await;
    let mut answered = [0; 2];
    for id in &mut answered {
        *id = patiently(client.recv()).await.id;
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
}

#[tokio::test]
async fn short_and_long_reads_take_turns() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect_tcp(Echo::default()).await;
    let (ours, theirs) = tcp_pair().await;
    let mut connection = back.upstream.exclusive(ours, info());
    let mut server = Peer::new(theirs);
    // Around what a short read takes, with and without the frame's own bytes.
    let around = 4_000..4_100;
    for (id, length) in (1..).zip(around.chain([1, 200_000, 2, 70_000, 3])) {
        let body: Vec<u8> = (0..length).map(|n| n as u8).collect();
        client.send(&Frame::request(id, body.clone())).await;
        assert_eq!(patiently(client.recv()).await.body, body, "{length}");
        let call = message(&Frame::request(id, ""));
        connection.begin(&call, &Mutation::new()).expect("it fits");
        let served = async {
            let called = server.recv().await;
            server.send(&Frame::response(called.id, body)).await;
        };
        let answered = patiently(poll_fn(|cx| connection.poll_response(cx)));
        let (answered, ()) = tokio::join!(answered, served);
        let answered = answered.expect("the server answers");
        assert!(answered.frame.len() > length, "{length}");
        assert!(connection.is_reusable());
    }
}
