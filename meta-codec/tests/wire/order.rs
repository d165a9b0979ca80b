//! The order of answers: equal ids in flight, and protocols without ids.

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, ReplyKind, Response};

use crate::{
    codecs::Skipping,
    service::{Call, Calls, response, script},
    setup::Front,
};

/// Takes the next calls, which must have these bodies.
async fn take<const N: usize>(calls: &mut Calls, bodies: [&str; N]) -> [Call; N] {
    let all = calls.all().await;
    let found: Vec<_> = all.iter().map(Call::body).collect();
    assert_eq!(found, bodies);
    match all.try_into() {
        Ok(taken) => taken,
        Err(_) => unreachable!("there are as many as bodies"),
    }
}

#[tokio::test(start_paused = true)]
async fn equal_ids_in_flight_are_answered_in_request_order() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client
        .send_all(&[Frame::request(7, "slow"), Frame::request(7, "fast")])
        .await;
    let [slow, fast] = take(&mut calls, ["slow", "fast"]).await;
    fast.echo();
    client.expect_silence().await;
    slow.echo();
    assert_eq!(client.recv().await, Frame::response(7, "slow"));
    assert_eq!(client.recv().await, Frame::response(7, "fast"));
    assert_eq!(front.stats.request_active.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_equal_ids_keeps_its_order_whatever_fails() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    for body in ["a", "b", "c", "d"] {
        client.send(&Frame::request(7, body)).await;
    }
    let [a, b, c, d] = take(&mut calls, ["a", "b", "c", "d"]).await;
    d.echo();
    c.fail(ReplyKind::Timeout);
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await.body, "a");
    client.expect_silence().await;
    b.echo();
    assert_eq!(client.recv().await.body, "b");
    assert_eq!(client.recv().await.get("reason"), Some("response_timeout"));
    assert_eq!(client.recv().await.body, "d");
    client.send(&Frame::request(7, "e")).await;
    let [e] = take(&mut calls, ["e"]).await;
    e.echo();
    assert_eq!(client.recv().await.body, "e");
}

#[tokio::test(start_paused = true)]
async fn other_ids_are_not_held_up_by_equal_ones() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    for (id, body) in [(9, "z"), (7, "a"), (7, "b"), (3, "c"), (9, "y")] {
        client.send(&Frame::request(id, body)).await;
    }
    let [z, a, b, c, y] = take(&mut calls, ["z", "a", "b", "c", "y"]).await;
    b.echo();
    y.echo();
    c.echo();
    assert_eq!(client.recv().await, Frame::response(3, "c"));
    client.expect_silence().await;
    z.echo();
    assert_eq!(client.recv().await, Frame::response(9, "z"));
    assert_eq!(client.recv().await, Frame::response(9, "y"));
    a.echo();
    assert_eq!(client.recv().await, Frame::response(7, "a"));
    assert_eq!(client.recv().await, Frame::response(7, "b"));
}

#[tokio::test(start_paused = true)]
async fn a_protocol_without_ids_answers_in_request_order() {
    let front = Front::new(Toy::in_order());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames = ["a", "b", "c"].map(|body| Frame::request(0, body));
    client.send_all(&frames).await;
    let [a, b, c] = take(&mut calls, ["a", "b", "c"]).await;
    b.fail(ReplyKind::NoRoute);
    c.echo();
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await.body, "a");
    assert_eq!(client.recv().await.get("reason"), Some("no_matched_route"));
    assert_eq!(client.recv().await.body, "c");
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_between_two_others_moves_no_answer() {
    let front = Front::new(Toy::in_order());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let note = Frame::new(MessageKind::OneWay, 0, "note");
    let frames = [Frame::request(0, "a"), note, Frame::request(0, "b")];
    client.send_all(&frames).await;
    let [a, note, b] = take(&mut calls, ["a", "note", "b"]).await;
    b.echo();
    note.respond(Ok(Response::written(None)));
    client.expect_silence().await;
    assert_eq!(front.stats.request_active.value(), 2);
    a.echo();
    assert_eq!(client.recv().await.body, "a");
    assert_eq!(client.recv().await.body, "b");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_without_ids_is_answered_in_its_turn() {
    let codec = Skipping(Toy::in_order());
    let front = Front::with(codec, |_, limits| limits.message_bytes = 1000);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let long = Frame::request(0, vec![1; 2000]);
    let frames = [Frame::request(0, "a"), long, Frame::request(0, "b")];
    client.send_all(&frames).await;
    let a = calls.next().await;
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await.body, "a");
    assert_eq!(client.recv().await.get("reason"), Some("message_too_large"));
    calls.next().await.echo();
    assert_eq!(client.recv().await.body, "b");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_of_an_id_in_flight_is_answered_in_its_turn() {
    let codec = Skipping(Toy::by_id());
    let front = Front::with(codec, |_, limits| limits.message_bytes = 1000);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let long = |id| Frame::request(id, vec![1; 2000]);
    client
        .send_all(&[Frame::request(7, "a"), long(8), long(7)])
        .await;
    let a = calls.next().await;
    assert_eq!(client.recv().await.id, 8);
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await, Frame::response(7, "a"));
    let refused = client.recv().await;
    assert_eq!(refused.id, 7);
    assert_eq!(refused.get("reason"), Some("message_too_large"));
    client.send(&Frame::request(7, "b")).await;
    calls.next().await.echo();
    assert_eq!(client.recv().await, Frame::response(7, "b"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_of_an_id_that_waits_for_room_is_answered_in_its_turn() {
    let codec = Skipping(Toy::by_id());
    let front = Front::with(codec, |config, limits| {
        config.max_in_flight = 1;
        limits.message_bytes = 1000;
    });
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let long = Frame::request(8, vec![1; 2000]);
    client
        .send_all(&[Frame::request(7, "a"), Frame::request(8, "b"), long])
        .await;
    let a = calls.next().await;
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await, Frame::response(7, "a"));
    let b = calls.next().await;
    client.expect_silence().await;
    b.echo();
    assert_eq!(client.recv().await, Frame::response(8, "b"));
    assert_eq!(client.recv().await.get("reason"), Some("message_too_large"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_that_ends_the_connection_is_answered_in_its_turn() {
    let front = Front::with(Toy::in_order(), |_, limits| limits.message_bytes = 1000);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let long = Frame::request(0, vec![1; 2000]);
    client.send_all(&[Frame::request(0, "a"), long]).await;
    let a = calls.next().await;
    client.expect_silence().await;
    a.echo();
    assert_eq!(client.recv().await.body, "a");
    assert_eq!(client.recv().await.get("reason"), Some("message_too_large"));
    client.expect_end().await;
    client.half_close().await;
    let reason = client.closed().await;
    assert!(matches!(reason, CloseReason::Undecodable(_)), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_long_pipeline_keeps_its_order_over_any_order_of_completion() {
    let front = Front::new(Toy::in_order());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (0..500)
        .map(|n| Frame::request(0, format!("{n}")))
        .collect();
    client.send_all(&frames).await;
    let mut waiting = calls.all().await;
    assert_eq!(waiting.len(), 500);
    // Some order that is neither theirs nor its reverse.
    waiting.sort_by_key(|call| call.body().iter().map(|b| u32::from(*b)).sum::<u32>() % 17);
    for call in waiting {
        let body = call.body();
        call.respond(Ok(response(&Frame::response(0, body))));
    }
    for n in 0..500 {
        assert_eq!(client.recv().await.body, format!("{n}"));
    }
}
