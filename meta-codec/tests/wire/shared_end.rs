//! How a shared upstream connection ends, and what becomes of its calls.

use meta_codec::{Shared, SharedCall};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, LocalReply, MessageKind, ReplyKind};
use tokio::io::duplex;

use crate::{
    peer::{patiently, settle},
    service::body,
    setup::{self, Back, send, try_call},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);

fn call(shared: &Shared, body: impl Into<bytes::Bytes>) -> SharedCall {
    setup::call(shared, &Frame::request(0, body))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_fails_every_call_at_once() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let calls: Vec<_> = (0..10).map(|_| call(&link.shared, "")).collect();
    link.server.recv().await;
    drop(link.server);
    for call in calls {
        let reply = patiently(call).await.expect_err("it is gone");
        assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
        assert!(!reply.is_retriable(), "the server had it");
        assert_eq!(reply.cluster().map(|cluster| &**cluster), Some("backend"));
    }
    assert!(!link.shared.is_open());
    patiently(link.driver).await.expect("no panic");
    let refused = try_call(&link.shared, &Frame::request(0, ""));
    assert!(refused.expect_err("it is closed").is_retriable());
    let stats = &back.stats;
    assert_eq!(stats.upstream_rq_rx_reset.value(), 10);
    assert_eq!(stats.upstream_cx_destroy_with_active_rq.value(), 1);
    assert_eq!(stats.upstream_cx_destroy_remote.value(), 1);
    assert_eq!(stats.upstream_cx_destroy_local.value(), 0);
}

/// Whether what failed may be sent again.
async fn is_retriable<T: std::fmt::Debug>(
    failed: impl Future<Output = Result<T, LocalReply>>,
) -> bool {
    patiently(failed)
        .await
        .expect_err("it is gone")
        .is_retriable()
}

#[tokio::test(start_paused = true)]
async fn calls_of_which_not_one_byte_was_written_may_be_sent_again() {
    let back = Back::new(Toy::by_id());
    let link = back.shared_over(duplex(50), None);
    let taken = call(&link.shared, "of 31 bytes");
    settle().await;
    let in_part = call(&link.shared, "of which a part fits");
    settle().await;
    let not_at_all = call(&link.shared, "");
    let note = send(&link.shared, &Frame::new(MessageKind::OneWay, 0, ""));
    settle().await;
    drop(link.server);
    assert!(!is_retriable(taken).await);
    assert!(!is_retriable(in_part).await);
    assert!(is_retriable(not_at_all).await);
    assert!(is_retriable(note).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_behind_one_that_was_written_to_its_end_may_be_sent_again() {
    let back = Back::new(Toy::by_id());
    let link = back.shared_over(duplex(31), None);
    let taken = call(&link.shared, "of 31 bytes");
    settle().await;
    let not_at_all = call(&link.shared, "");
    settle().await;
    drop(link.server);
    assert!(!is_retriable(taken).await);
    assert!(is_retriable(not_at_all).await);
}

#[tokio::test(start_paused = true)]
async fn half_a_response_is_an_incomplete_one() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let cut = call(&link.shared, "");
    let id = link.server.recv().await.id;
    let whole = Frame::response(id, "answer").encode();
    link.server.send_bytes(&whole[..whole.len() - 1]).await;
    drop(link.server);
    let reply = patiently(cut).await.expect_err("it is cut short");
    assert_eq!(reply.kind(), ReplyKind::UpstreamIncomplete);
}

#[tokio::test(start_paused = true)]
async fn garbage_fails_the_calls_and_closes_the_connection() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let failed = call(&link.shared, "");
    link.server.recv().await;
    link.server.send_bytes(b"garbage").await;
    let reply = patiently(failed).await.expect_err("garbage");
    assert_eq!(reply.kind(), ReplyKind::BadResponse);
    link.server.expect_end().await;
    assert_eq!(back.stats.upstream_cx_protocol_error.value(), 1);
    assert_eq!(back.stats.upstream_cx_destroy_local.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_gets_no_new_calls_and_ends_those_it_has() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let calls = ["a", "b"].map(|body| call(&link.shared, body));
    let frames = [link.server.recv().await, link.server.recv().await];
    link.server.send(&Frame::new(DRAIN, 0, "")).await;
    settle().await;
    assert!(!link.shared.is_open());
    let refused = try_call(&link.shared, &Frame::request(0, ""));
    assert!(refused.expect_err("it drains").is_retriable());
    for frame in frames {
        link.server.expect_silence().await;
        link.server
            .send(&Frame::response(frame.id, frame.body))
            .await;
    }
    link.server.expect_end().await;
    for (call, expected) in calls.into_iter().zip(["a", "b"]) {
        assert_eq!(body(&patiently(call).await.expect("an answer")), expected);
    }
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_and_a_drain_in_one_read_are_both_heeded() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let answered = call(&link.shared, "");
    let id = link.server.recv().await.id;
    let both = [Frame::new(DRAIN, 0, ""), Frame::response(id, "answer")];
    link.server.send_all(&both).await;
    assert_eq!(
        body(&patiently(answered).await.expect("an answer")),
        "answer"
    );
    link.server.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_let_go_finishes_its_calls_and_closes() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let answered = call(&link.shared, "call");
    drop(send(
        &link.shared,
        &Frame::new(MessageKind::OneWay, 0, "note"),
    ));
    drop(link.shared);
    let id = link.server.recv().await.id;
    assert_eq!(link.server.recv().await.body, "note");
    link.server.expect_silence().await;
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(
        body(&patiently(answered).await.expect("an answer")),
        "answer"
    );
    link.server.expect_end().await;
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.stats.upstream_cx_destroy_local.value(), 1);
    assert_eq!(back.stats.upstream_cx_destroy_remote.value(), 0);
    assert_eq!(back.wheel.len(), 0);
}

/// Nobody waits for these answers, so that nobody has to wait for the server.
#[tokio::test(start_paused = true)]
async fn calls_that_were_given_up_do_not_keep_a_connection_that_is_let_go() {
    for codec in [Toy::by_id(), Toy::in_order()] {
        let back = Back::new(codec);
        let mut link = back.shared();
        let calls = [(); 2].map(|()| call(&link.shared, ""));
        link.server.recv().await;
        drop(link.shared);
        settle().await;
        assert!(!link.driver.is_finished());
        drop(calls);
        link.server.recv().await;
        link.server.expect_end().await;
        patiently(link.driver).await.expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_its_server_closes_ends() {
    let back = Back::new(Toy::by_id());
    let link = back.shared();
    settle().await;
    drop(link.server);
    patiently(link.driver).await.expect("no panic");
    assert!(!link.shared.is_open());
    assert_eq!(back.stats.upstream_cx_destroy_with_active_rq.value(), 0);
    assert_eq!(back.stats.upstream_cx_destroy_remote.value(), 1);
}
