//! Exchanges on one client's connection.

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{LocalReply, Message, MessageKind, Metadata, ReplyKind, Response, WireId};
use tokio::task::yield_now;

use crate::{
    service::{Echo, response, script},
    setup::Front,
};

#[tokio::test(start_paused = true)]
async fn several_messages_in_one_read_are_all_answered() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let calls: Vec<_> = (1..=5)
        .map(|id| Frame::request(id, format!("call {id}")))
        .collect();
    client.send_all(&calls).await;
    for id in 1..=5 {
        let answer = Frame::response(id, format!("call {id}"));
        assert_eq!(client.recv().await, answer);
    }
    assert_eq!(front.stats.request_twoway.value(), 5);
    assert_eq!(front.stats.response_success.value(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_message_and_a_half_leaves_the_half_for_the_next_read() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let mut bytes = Frame::request(1, "first").encode();
    let second = Frame::request(2, "second").encode();
    bytes.extend_from_slice(&second[..11]);
    client.send_bytes(&bytes).await;
    assert_eq!(client.recv().await.body, "first");
    client.expect_silence().await;
    client.send_bytes(&second[11..]).await;
    assert_eq!(client.recv().await.body, "second");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_byte_by_byte_is_answered() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    for id in 1..=3 {
        for byte in Frame::request(id, "slowly").header("a", "b").encode() {
            client.send_bytes(&[byte]).await;
            yield_now().await;
        }
        assert_eq!(client.recv().await, Frame::response(id, "slowly"));
    }
    assert_eq!(front.stats.request_decoding_error.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_longer_than_a_read_buffer_are_answered() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    for (id, bytes) in [(1, 40_000), (2, 3_000_000), (3, 10), (4, 65_536)] {
        let long = vec![id as u8; bytes];
        let call = Frame::request(id, long.clone()).encode();
        client.send_bytes(&call).await;
        assert_eq!(client.recv().await, Frame::response(id, long));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_leave_as_they_come() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    for id in 1..=3 {
        client.send(&Frame::request(id, "")).await;
    }
    let mut waiting = calls.all().await;
    assert_eq!(front.stats.request_active.value(), 3);
    for id in [3, 1, 2] {
        let at = waiting.iter().position(|call| call.id() == id);
        waiting.remove(at.expect("it waits")).answer("done");
        assert_eq!(client.recv().await, Frame::response(id, "done"));
        client.expect_silence().await;
    }
    assert_eq!(front.stats.request_active.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_is_handed_on_and_leaves_neither_reply_nor_state() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send(&Frame::new(MessageKind::OneWay, 1, "note"))
        .await;
    let call = calls.next().await;
    assert_eq!(call.body(), "note");
    call.respond(Ok(Response::written(None)));
    client.expect_silence().await;
    client
        .send(&Frame::new(MessageKind::OneWay, 2, "note"))
        .await;
    calls.next().await.fail(ReplyKind::UpstreamReset);
    client.expect_silence().await;
    assert_eq!(front.stats.request_oneway.value(), 2);
    assert_eq!(front.stats.request_active.value(), 0);
    client.send(&Frame::request(3, "call")).await;
    calls.next().await.answer("answer");
    assert_eq!(client.recv().await, Frame::response(3, "answer"));
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_at_once_also_while_a_call_is_in_flight() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::new(MessageKind::Ping, 7, "")).await;
    let pong = |id| Frame::new(MessageKind::Pong, id, "");
    assert_eq!(client.recv().await, pong(7));
    client.send(&Frame::request(8, "slow")).await;
    let call = calls.next().await;
    client.send(&Frame::new(MessageKind::Ping, 9, "")).await;
    assert_eq!(client.recv().await, pong(9));
    call.answer("");
    assert_eq!(client.recv().await.id, 8);
    assert_eq!(front.stats.request_event.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_gets_the_protocols_error_and_the_connection_stays() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(5, "")).await;
    calls.next().await.fail(ReplyKind::NoHealthyUpstream);
    let reply = client.recv().await;
    assert_eq!((reply.kind, reply.id), (MessageKind::Response, 5));
    assert_eq!(reply.get("reason"), Some("no_healthy_upstream"));
    assert_eq!(front.stats.local_response_error.value(), 1);
    client.send(&Frame::request(6, "")).await;
    calls.next().await.answer("well");
    assert_eq!(client.recv().await, Frame::response(6, "well"));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_service_has_no_answer_is_not_left_waiting() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    calls.next().await.respond(Ok(Response::written(None)));
    assert_eq!(client.recv().await.get("reason"), Some("internal_error"));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_written_costs_its_own_caller_an_error() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send_all(&[Frame::request(1, ""), Frame::request(2, "")])
        .await;
    let mut metadata = Metadata::new(MessageKind::Response, WireId(0));
    metadata.header_bytes = 100;
    let cut_short = Message::new(metadata, vec![0; 50].into());
    calls.next().await.respond(Ok(Response {
        message: Some(cut_short),
        ..Response::default()
    }));
    calls.next().await.answer("good");
    let reply = client.recv().await;
    assert_eq!(reply.id, 1);
    assert_eq!(reply.get("reason"), Some("bad_upstream_response"));
    assert_eq!(client.recv().await, Frame::response(2, "good"));
}

#[tokio::test(start_paused = true)]
async fn what_filters_change_in_a_response_reaches_the_client() {
    let front = Front::new(Toy::by_id());
    let service = tower::service_fn(|_| {
        let mut response = response(&Frame::response(0, "body").header("a", "b"));
        response.mutation.set("tag", "canary");
        std::future::ready(Ok::<_, LocalReply>(response))
    });
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    let changed = Frame::response(1, "body").header("a", "b");
    assert_eq!(client.recv().await, changed.header("tag", "canary"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_sending_side_still_gets_its_responses() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send_all(&[Frame::request(1, "a"), Frame::request(2, "b")])
        .await;
    client.half_close().await;
    let first = calls.next().await;
    client.expect_silence().await;
    first.echo();
    assert_eq!(client.recv().await, Frame::response(1, "a"));
    calls.next().await.echo();
    assert_eq!(client.recv().await, Frame::response(2, "b"));
    client.expect_end().await;
    assert!(matches!(client.closed().await, CloseReason::Client));
    front.assert_at_rest();
}
