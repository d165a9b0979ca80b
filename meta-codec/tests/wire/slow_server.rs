//! Servers that read slowly or not at all.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Limits, MessageKind, ReplyKind};
use tokio::{
    io::{AsyncWriteExt, duplex, split},
    time::{Duration, Instant, sleep},
};

use crate::{
    peer::{patiently, settle},
    service::{Echo, body},
    setup::{Back, Front, call, send},
};

const TIMEOUT: Duration = Duration::from_secs(20);

fn impatient(toy: Toy) -> Back {
    Back::with(toy, |config| config.write_timeout = TIMEOUT)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_given_up() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let back = impatient(toy);
        let link = back.shared_over(duplex(100), None);
        let [cut, unsent] =
            [(); 2].map(|()| call(&link.shared, &Frame::request(0, vec![1; 1_000])));
        let note = send(&link.shared, &Frame::new(MessageKind::OneWay, 0, ""));
        let start = Instant::now();
        let reply = patiently(cut).await.expect_err("nobody reads it");
        let passed = start.elapsed();
        let exactness = Duration::from_millis(100);
        assert!(
            passed >= TIMEOUT && passed <= TIMEOUT + exactness,
            "{passed:?}"
        );
        assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
        assert!(!reply.is_retriable(), "a part of it was taken");
        let reply = patiently(unsent).await.expect_err("nobody reads it");
        assert!(reply.is_retriable());
        patiently(note).await.expect_err("nobody reads it");
        patiently(link.driver).await.expect("no panic");
        assert_eq!(back.stats.upstream_cx_write_timeout.value(), 1);
        assert_eq!(back.stats.upstream_cx_destroy.value(), 0, "the pool's");
        assert_eq!(back.wheel.len(), 0);
        drop(link.server);
    }
}

/// It answers what it has read, but reads no more.
#[tokio::test(start_paused = true)]
async fn a_server_that_answers_and_does_not_read_is_given_up() {
    let back = impatient(Toy::by_id());
    let mut link = back.shared_over(duplex(100), None);
    let small = call(&link.shared, &Frame::request(0, "small"));
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(body(&patiently(small).await.expect("an answer")), "answer");
    let long = call(&link.shared, &Frame::request(0, vec![1; 1_000]));
    for _ in 0..3 {
        sleep(TIMEOUT / 4).await;
        link.server.send(&Frame::response(id, "again")).await;
    }
    sleep(TIMEOUT / 2).await;
    patiently(long).await.expect_err("nobody reads it");
    assert_eq!(back.stats.upstream_cx_write_timeout.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_but_steadily_is_kept() {
    let back = impatient(Toy::by_id());
    let mut link = back.shared_over(duplex(100), None);
    let long = call(&link.shared, &Frame::request(0, vec![1; 2_000]));
    // Not even one frame is whole in the time.
    for _ in 0..20 {
        sleep(TIMEOUT - Duration::from_secs(1)).await;
        link.server.read_some(&mut [0; 90]).await;
    }
    let id = link.server.recv().await.id;
    // With nothing to be read it may take its time.
    sleep(10 * TIMEOUT).await;
    link.server.send(&Frame::response(id, "done")).await;
    assert_eq!(body(&patiently(long).await.expect("an answer")), "done");
    assert_eq!(back.stats.upstream_cx_write_timeout.value(), 0);
}

/// What was blocked once does not count when it is blocked anew.
#[tokio::test(start_paused = true)]
async fn the_time_begins_anew_once_all_was_read() {
    let back = impatient(Toy::by_id());
    let mut link = back.shared_over(duplex(100), None);
    for _ in 0..5 {
        let long = call(&link.shared, &Frame::request(0, vec![1; 1_000]));
        sleep(TIMEOUT * 3 / 4).await;
        let id = link.server.recv().await.id;
        link.server.send(&Frame::response(id, "")).await;
        patiently(long).await.expect("an answer");
    }
    assert_eq!(back.stats.upstream_cx_write_timeout.value(), 0);
}

/// The server asks its client for ever, and never reads what that answers.
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_and_does_not_read_the_answers_is_given_up() {
    const ANSWER: usize = 1_000;
    let (write_buffer, message) = (4_000, 2_000);
    let mut limits = Limits::default();
    limits.message_bytes = message;
    let back = Back::limited(Toy::by_id(), limits, |config| {
        config.write_buffer_bytes = write_buffer;
        config.write_timeout = Duration::from_secs(1 << 20);
    });
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let link = back.shared_over(duplex(100), Some(client.session.clone()));
    let pending = call(&link.shared, &Frame::request(0, ""));
    let (_unread, mut asks) = split(link.server.into_stream());
    tokio::spawn(async move {
        for id in 0..1_000 {
            let question = Frame::request(id, "who?").encode();
            if asks.write_all(&question).await.is_err() {
                return;
            }
        }
        panic!("it was never stopped");
    });
    let mut answers = 0;
    while !link.shared.is_closed() {
        let question = client.recv().await;
        let answer = Frame::response(question.id, vec![7; ANSWER - 20]);
        client.send(&answer).await;
        settle().await;
        answers += 1;
    }
    let bound = (100 + write_buffer + message) / ANSWER + 2;
    assert!(answers <= bound, "{answers} answers were kept");
    assert!(answers * ANSWER >= write_buffer, "only {answers} answers");
    patiently(pending).await.expect_err("it was given up");
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.stats.upstream_cx_destroy_local.value(), 1);
    // Other servers' questions are still answered.
    assert!(!client.session.is_closed());
    let mut other = back.pinned(&client.session);
    other.server.send(&Frame::request(5, "you?")).await;
    loop {
        let question = client.recv().await;
        client.send(&Frame::response(question.id, "me")).await;
        if question.body == "you?" {
            break;
        }
    }
    assert_eq!(other.server.recv().await, Frame::response(5, "me"));
}

/// Refusals are not kept for it either.
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_nobody_and_does_not_read_costs_nothing() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1_000);
    let link = back.shared_over(duplex(1_000), None);
    let (_unread, mut asks) = split(link.server.into_stream());
    let asking = tokio::spawn(async move {
        for id in 0..10_000 {
            let question = Frame::request(id, "who?").encode();
            asks.write_all(&question).await.expect("it is read");
        }
        asks
    });
    let _asks = patiently(asking).await.expect("no panic");
    settle().await;
    assert!(link.shared.is_open());
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 10_000);
}
