//! Calls that look as if they wanted an answer and want none.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, ReplyKind};

use crate::{service::script, setup::Front};

fn front() -> Front {
    Front::new(Toy::by_id().with(|capabilities| capabilities.disguised_one_way = true))
}

#[tokio::test(start_paused = true)]
async fn the_late_failure_of_a_disguised_one_way_call_does_not_reach_the_client() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "note")).await;
    let note = calls.next().await;
    client.send(&Frame::request(2, "call")).await;
    calls.next().await.echo();
    assert_eq!(client.recv().await, Frame::response(2, "call"));
    note.fail(ReplyKind::Timeout);
    client.expect_silence().await;
    assert_eq!(front.stats.request_disguised_oneway.value(), 1);
    assert_eq!(front.stats.request_active.value(), 0);
    client.send(&Frame::request(3, "next")).await;
    calls.next().await.echo();
    assert_eq!(client.recv().await, Frame::response(3, "next"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_overtaken_gets_its_failure() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    calls.next().await.echo();
    assert_eq!(client.recv().await.id, 1);
    client.send(&Frame::request(2, "")).await;
    calls.next().await.fail(ReplyKind::Timeout);
    let reply = client.recv().await;
    assert_eq!((reply.id, reply.get("status")), (2, Some("error")));
    assert_eq!(front.stats.request_disguised_oneway.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_several_answers_gets_every_failure() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (1..=4).map(|id| Frame::request(id, "")).collect();
    client.send_all(&frames).await;
    let mut waiting = calls.all().await.into_iter();
    let mut next = || waiting.next().expect("four calls");
    let (first, second, third, fourth) = (next(), next(), next(), next());
    // It takes an answer to an earlier call after that to a later one.
    third.echo();
    assert_eq!(client.recv().await.id, 3);
    first.echo();
    assert_eq!(client.recv().await.id, 1);
    second.fail(ReplyKind::Timeout);
    let reply = client.recv().await;
    assert_eq!((reply.id, reply.get("status")), (2, Some("error")));
    fourth.fail(ReplyKind::Timeout);
    assert_eq!(client.recv().await.id, 4);
    assert_eq!(front.stats.request_disguised_oneway.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn failures_are_suppressed_for_protocols_that_have_such_clients_alone() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send_all(&[Frame::request(1, ""), Frame::request(2, "")])
        .await;
    let first = calls.next().await;
    calls.next().await.echo();
    assert_eq!(client.recv().await.id, 2);
    first.fail(ReplyKind::Timeout);
    assert_eq!(client.recv().await.id, 1);
}

#[tokio::test(start_paused = true)]
async fn an_honest_one_way_call_is_not_counted_as_disguised() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let note = Frame::new(MessageKind::OneWay, 1, "");
    client.send_all(&[note, Frame::request(2, "")]).await;
    let note = calls.next().await;
    calls.next().await.echo();
    assert_eq!(client.recv().await.id, 2);
    note.fail(ReplyKind::Timeout);
    client.expect_silence().await;
    assert_eq!(front.stats.request_disguised_oneway.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_counts_as_the_later_answer_that_it_is() {
    let codec = Toy::by_id().with(|capabilities| capabilities.disguised_one_way = true);
    let codec = crate::codecs::Skipping(codec);
    let front = Front::with(codec, |_, limits| limits.message_bytes = 1000);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "note")).await;
    let note = calls.next().await;
    client.send(&Frame::request(2, vec![0; 2000])).await;
    assert_eq!(client.recv().await.id, 2);
    note.fail(ReplyKind::Timeout);
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_half_closes_still_gets_the_answer_to_an_overtaken_call() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send_all(&[Frame::request(1, "slow"), Frame::request(2, "fast")])
        .await;
    let slow = calls.next().await;
    calls.next().await.echo();
    assert_eq!(client.recv().await, Frame::response(2, "fast"));
    client.half_close().await;
    slow.echo();
    assert_eq!(client.recv().await, Frame::response(1, "slow"));
    client.closed().await;
    assert_eq!(front.stats.request_active.value(), 0);
}
