//! Upstream connections that many exchanges share.

use std::{collections::HashSet, future::poll_fn};

use futures::FutureExt;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Correlation, IdSpace, MessageKind, ReplyKind};
use tokio::io::duplex;

use crate::{
    peer::{patiently, settle},
    service::body,
    setup::{Back, call, send, tcp_pair, try_call},
};

#[tokio::test(start_paused = true)]
async fn answers_find_their_calls_in_whatever_order_they_come() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    // All clients count from the same number.
    let calls = ["a", "b", "c"].map(|body| call(&link.shared, &Frame::request(0, body)));
    assert_eq!(link.shared.in_flight(), 3);
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.push(link.server.recv().await);
    }
    let ids: HashSet<_> = frames.iter().map(|frame| frame.id).collect();
    assert_eq!(ids.len(), 3);
    for frame in frames.iter().rev() {
        let answer = Frame::response(frame.id, frame.body.clone());
        link.server.send(&answer).await;
    }
    for (call, expected) in calls.into_iter().zip(["a", "b", "c"]) {
        let answer = patiently(call).await.expect("an answer");
        assert_eq!(body(&answer), expected);
    }
    assert_eq!(link.shared.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_answers_in_one_read_are_both_delivered_at_once() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let calls = ["a", "b"].map(|body| call(&link.shared, &Frame::request(0, body)));
    let ids = [link.server.recv().await.id, link.server.recv().await.id];
    let answers = ids.map(|id| Frame::response(id, ""));
    link.server.send_all(&answers).await;
    settle().await;
    for call in calls {
        call.now_or_never()
            .expect("it is there")
            .expect("an answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_with_colliding_ids_never_get_each_others_answers() {
    let back = Back::new(Toy::by_id());
    let link = back.shared_over(tcp_pair().await, None);
    let mut server = link.server;
    tokio::spawn(async move {
        // Answers come in bursts, the last call first.
        while let Ok(burst) = server.burst().await {
            let answers = burst.into_iter().rev();
            let answers = answers.map(|call| Frame::response(call.id, call.body));
            server.send_all(&answers.collect::<Vec<_>>()).await;
        }
    });
    let callers: Vec<_> = (0..70)
        .map(|caller| {
            let shared = link.shared.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    let text = format!("caller {caller}, call {n}");
                    let answer = call(&shared, &Frame::request(n, text.clone())).await;
                    assert_eq!(body(&answer.expect("an answer")), text);
                }
            })
        })
        .collect();
    drop(link.shared);
    for caller in callers {
        patiently(caller).await.expect("no panic");
    }
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_response_to_a_call_given_up_reaches_nobody() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let abandoned = call(&link.shared, &Frame::request(1, "abandoned"));
    let late = link.server.recv().await;
    drop(abandoned);
    assert_eq!(link.shared.in_flight(), 0);
    let next = call(&link.shared, &Frame::request(1, "next"));
    let id = link.server.recv().await.id;
    let late = Frame::response(late.id, "late");
    link.server
        .send_all(&[late.clone(), Frame::response(id, "answer"), late])
        .await;
    assert_eq!(body(&patiently(next).await.expect("an answer")), "answer");
    settle().await;
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 2);
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn without_ids_a_call_given_up_does_not_shift_the_others() {
    let back = Back::new(Toy::in_order());
    let mut link = back.shared();
    let [a, b, c] = ["a", "b", "c"].map(|body| call(&link.shared, &Frame::request(0, body)));
    let frames = [link.server.recv().await, link.server.recv().await];
    drop(b);
    assert_eq!(link.server.recv().await.body, "c");
    for frame in frames {
        link.server.send(&Frame::response(0, frame.body)).await;
    }
    assert_eq!(body(&patiently(a).await.expect("an answer")), "a");
    link.server.send(&Frame::response(0, "c")).await;
    assert_eq!(body(&patiently(c).await.expect("an answer")), "c");
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 1);
    // One that nothing was asked for.
    link.server.send(&Frame::response(0, "what?")).await;
    settle().await;
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call_is_written_and_awaits_nothing() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared_over(duplex(64), None);
    let note = Frame::new(MessageKind::OneWay, 5, vec![1; 100]);
    let mut send = send(&link.shared, &note);
    settle().await;
    assert!((&mut send).now_or_never().is_none(), "64 bytes are written");
    let frame = link.server.recv().await;
    assert_eq!((frame.kind, frame.body.len()), (MessageKind::OneWay, 100));
    patiently(send).await.expect("it is written");
    assert_eq!(link.shared.in_flight(), 0);
    link.server.send(&Frame::response(frame.id, "failed")).await;
    let answered = call(&link.shared, &Frame::request(5, "call"));
    let id = link.server.recv().await.id;
    assert_ne!(id, frame.id);
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(
        body(&patiently(answered).await.expect("an answer")),
        "answer"
    );
}

#[tokio::test(start_paused = true)]
async fn at_its_bound_the_write_buffer_makes_callers_wait_in_turn() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1_000);
    let link = back.shared_over(duplex(100), None);
    let mut server = link.server;
    let first = call(&link.shared, &Frame::request(0, vec![0; 1_500]));
    settle().await;
    let waiting: Vec<_> = (0..5)
        .map(|n| {
            let shared = link.shared.clone();
            tokio::spawn(async move {
                poll_fn(|cx| shared.poll_room(cx)).await;
                call(&shared, &Frame::request(0, vec![n; 1_500])).await
            })
        })
        .collect();
    settle().await;
    assert_eq!(link.shared.in_flight(), 1);
    drop(first);
    assert_eq!(server.recv().await.body[0], 0);
    for n in 0..5 {
        let frame = server.recv().await;
        assert_eq!(frame.body[0], n);
        settle().await;
        assert!(link.shared.in_flight() <= 5);
        server.send(&Frame::response(frame.id, "")).await;
    }
    for task in waiting {
        patiently(task).await.expect("no panic").expect("an answer");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_room_is_woken_when_the_connection_closes() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1);
    let link = back.shared_over(duplex(16), None);
    let first = call(&link.shared, &Frame::request(0, "long enough"));
    let shared = link.shared.clone();
    let waiting = tokio::spawn(async move {
        poll_fn(|cx| shared.poll_room(cx)).await;
        shared.is_open()
    });
    settle().await;
    assert!(!waiting.is_finished());
    drop(link.server);
    assert!(!patiently(waiting).await.expect("no panic"));
    patiently(first).await.expect_err("it is closed");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_room_is_woken_when_the_server_drains() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1);
    let mut link = back.shared_over(duplex(30), None);
    let _stuck = call(&link.shared, &Frame::request(0, "long enough"));
    let shared = link.shared.clone();
    let waiting = tokio::spawn(async move {
        poll_fn(|cx| shared.poll_room(cx)).await;
        shared.is_open()
    });
    settle().await;
    let drain = MessageKind::Event(meta_core::Event::Drain);
    link.server.send(&Frame::new(drain, 0, "")).await;
    assert!(!patiently(waiting).await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn a_servers_request_that_nobody_can_answer_is_refused() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    link.server.send(&Frame::request(31, "who?")).await;
    let refused = link.server.recv().await;
    assert_eq!((refused.kind, refused.id), (MessageKind::Response, 31));
    assert_eq!(refused.get("status"), Some("error"));
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_servers_ping_is_answered_in_the_same_read_as_an_answer() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let answered = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    let ping = Frame::new(MessageKind::Ping, 44, "");
    link.server.send_all(&[ping, Frame::response(id, "")]).await;
    patiently(answered).await.expect("an answer");
    assert_eq!(
        link.server.recv().await,
        Frame::new(MessageKind::Pong, 44, "")
    );
}

#[tokio::test(start_paused = true)]
async fn a_small_space_of_ids_refuses_what_is_over_it() {
    let codec = Toy::by_id().with(|capabilities| {
        capabilities.correlation = Correlation::ById(IdSpace { last: 3 });
    });
    let back = Back::new(codec);
    let mut link = back.shared();
    let calls = [1, 2, 3].map(|n| call(&link.shared, &Frame::request(n, "")));
    let refused = try_call(&link.shared, &Frame::request(4, ""));
    let reply = refused.expect_err("all ids are in flight");
    assert_eq!(reply.kind(), ReplyKind::Overflow);
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "")).await;
    settle().await;
    let again = call(&link.shared, &Frame::request(4, ""));
    for _ in 0..2 {
        link.server.recv().await;
    }
    assert_eq!(link.server.recv().await.id, id);
    drop((calls, again));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_floods_and_does_not_read_is_not_answered_without_end() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1_000);
    let mut link = back.shared_over(duplex(200), None);
    let answered = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    for _ in 0..1_000 {
        let ping = Frame::new(MessageKind::Ping, 1, "");
        link.server
            .send_all(&[ping, Frame::request(1, "who?")])
            .await;
    }
    // Answers are read nevertheless.
    link.server.send(&Frame::response(id, "")).await;
    patiently(answered).await.expect("an answer");
    drop(link.shared);
    let mut bytes = 0;
    while let Some(frame) = link.server.next().await {
        bytes += frame.encode().len();
    }
    assert!(
        bytes <= 200 + 1_000 + 1_200,
        "{bytes} bytes were kept for it"
    );
}
