//! Calls over a shared connection that have a deadline.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use futures::{FutureExt, task::noop_waker_ref};
use meta_codec::{RESOLUTION, Shared, SharedCall};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Mutation, ReplyKind};
use tokio::{
    io::duplex,
    time::{Duration, Instant},
};

use crate::{
    peer::{patiently, settle},
    service::body,
    setup::{Back, message},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);

/// A call that has so many seconds.
fn call(shared: &Shared, body: &'static str, seconds: u64) -> SharedCall {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let message = message(&Frame::request(0, body));
    let called = shared.call(&message, &Mutation::new(), Some(deadline.into_std()));
    called.expect("it is open").0
}

#[tokio::test(start_paused = true)]
async fn a_call_over_its_time_ends_then_and_its_late_response_reaches_nobody() {
    for codec in [Toy::by_id(), Toy::in_order()] {
        let back = Back::new(codec);
        let mut link = back.shared();
        let start = Instant::now();
        let late = call(&link.shared, "late", 5);
        let other = call(&link.shared, "other", 50);
        let reply = patiently(late).await.expect_err("no answer came");
        assert_eq!(reply.kind(), ReplyKind::Timeout);
        let waited = start.elapsed();
        assert!(waited >= Duration::from_secs(5), "{waited:?}");
        assert!(
            waited <= Duration::from_secs(5) + 2 * RESOLUTION,
            "{waited:?}"
        );
        assert_eq!(link.shared.in_flight(), 1);
        for _ in 0..2 {
            let frame = link.server.recv().await;
            link.server
                .send(&Frame::response(frame.id, frame.body))
                .await;
        }
        assert_eq!(body(&patiently(other).await.expect("an answer")), "other");
        assert_eq!(back.stats.upstream_rq_unknown_response.value(), 1);
        assert!(link.shared.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn the_earlier_deadline_of_a_later_call_is_kept() {
    let back = Back::new(Toy::by_id());
    let link = back.shared();
    let start = Instant::now();
    let [long, short, middle] = [30, 2, 10].map(|seconds| call(&link.shared, "", seconds));
    for (call, seconds) in [(short, 2), (middle, 10), (long, 30)] {
        let reply = patiently(call).await.expect_err("no answer came");
        assert_eq!(reply.kind(), ReplyKind::Timeout);
        let late = start.elapsed() - Duration::from_secs(seconds);
        assert!(late <= 2 * RESOLUTION, "{late:?}");
    }
    assert_eq!(link.shared.in_flight(), 0);
    drop(link.shared);
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_ends_the_call_at_once() {
    let back = Back::new(Toy::by_id());
    let link = back.shared();
    let start = Instant::now();
    let late = call(&link.shared, "", 0);
    patiently(late).await.expect_err("it is too late");
    assert!(start.elapsed() <= 2 * RESOLUTION);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_timed_out_does_not_keep_a_connection_that_is_let_go() {
    for codec in [Toy::by_id(), Toy::in_order()] {
        let back = Back::new(codec);
        let mut link = back.shared();
        let late = call(&link.shared, "", 5);
        drop(link.shared);
        link.server.recv().await;
        patiently(late).await.expect_err("no answer came");
        link.server.expect_end().await;
    }
}

fn attempt(shared: &Shared, cx: &Context<'_>) -> Option<SharedCall> {
    let request = message(&Frame::request(0, vec![0; 100]));
    let tried = shared.try_call(&request, &Mutation::new(), None, cx);
    tried.map(|called| called.expect("it can be encoded").0)
}

#[tokio::test(start_paused = true)]
async fn a_call_tried_where_there_is_no_room_is_not_sent() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 100);
    let mut link = back.shared_over(duplex(10), None);
    let cx = Context::from_waker(noop_waker_ref());
    let first = attempt(&link.shared, &cx).expect("there is room");
    assert!(attempt(&link.shared, &cx).is_none());
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "")).await;
    patiently(first).await.expect("an answer");
    link.server.expect_silence().await;
    let _second = attempt(&link.shared, &cx).expect("there is room again");
    link.server.send(&Frame::new(DRAIN, 0, "")).await;
    link.server.recv().await;
    settle().await;
    assert!(attempt(&link.shared, &cx).is_none(), "the server drains");
}

#[tokio::test(start_paused = true)]
async fn whoever_tried_a_call_is_woken_by_its_answer_without_having_polled_it() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let shared = link.shared.clone();
    let mut called = None;
    let calling = tokio::spawn(poll_fn(move |cx| match called.take() {
        Some(call) => Poll::Ready(call),
        None => {
            called = attempt(&shared, cx);
            Poll::Pending
        }
    }));
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "")).await;
    let call = patiently(calling).await.expect("no panic");
    call.now_or_never()
        .expect("it is there")
        .expect("an answer");
}
