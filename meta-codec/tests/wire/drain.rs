//! The end of a proxy, as its clients see it.

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, ReplyKind};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    codecs::Mute,
    peer::settle,
    service::{Echo, script},
    setup::{Back, Front},
};

const GOODBYE: MessageKind = MessageKind::Event(Event::Drain);

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_told_and_its_connection_closed() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    settle().await;
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    client.expect_end().await;
    client.half_close().await;
    assert!(matches!(client.closed().await, CloseReason::Drained));
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_finished_before_the_connection_closes() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (1..=3).map(|id| Frame::request(id, "")).collect();
    client.send_all(&frames).await;
    let mut waiting = calls.all().await;
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    waiting.remove(2).echo();
    assert_eq!(client.recv().await.id, 3);
    waiting.remove(1).fail(ReplyKind::Timeout);
    assert_eq!(client.recv().await.id, 2);
    client.expect_silence().await;
    // A call that was on its way is not lost.
    client.send(&Frame::request(4, "")).await;
    calls.next().await.echo();
    assert_eq!(client.recv().await.id, 4);
    waiting.remove(0).echo();
    assert_eq!(client.recv().await.id, 1);
    client.expect_end().await;
    client.half_close().await;
    assert!(matches!(client.closed().await, CloseReason::Drained));
    front.assert_at_rest();
}

/// Some clients drop what they have not looked at when the connection closes.
#[tokio::test(start_paused = true)]
async fn the_last_answer_can_be_looked_at() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    let waiting = calls.next().await;
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    waiting.echo();
    assert_eq!(client.recv().await.id, 1);
    let answered = Instant::now();
    client.expect_end().await;
    let grace = answered.elapsed().as_millis();
    assert!((240..300).contains(&grace), "{grace} ms");
}

/// Where the protocol has no goodbye there is nobody to wait for.
#[tokio::test(start_paused = true)]
async fn without_a_goodbye_it_closes_at_once() {
    let front = Front::new(Mute(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    settle().await;
    front.drain.begin();
    let began = Instant::now();
    client.expect_end().await;
    assert!(began.elapsed().as_millis() < 20);
}

#[tokio::test(start_paused = true)]
async fn half_a_message_is_waited_for() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let call = Frame::request(1, "call").encode();
    client.send_bytes(&call[..10]).await;
    settle().await;
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    client.expect_silence().await;
    client.send_bytes(&call[10..]).await;
    assert_eq!(client.recv().await, Frame::response(1, "call"));
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_during_the_drain_is_told_and_still_answered() {
    let front = Front::new(Toy::by_id());
    front.drain.begin();
    let mut client = front.connect(Echo::default());
    client.send(&Frame::request(1, "")).await;
    let both = [client.recv().await, client.recv().await];
    assert!(both.iter().any(|frame| frame.kind == GOODBYE));
    assert!(both.iter().any(|frame| *frame == Frame::response(1, "")));
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_close_is_cut_off_after_a_while() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    settle().await;
    front.drain.begin();
    let start = Instant::now();
    assert!(matches!(client.closed().await, CloseReason::Drained));
    assert!(start.elapsed() <= Duration::from_secs(3));
}

/// The end was said: nothing can be written any more.
#[tokio::test(start_paused = true)]
async fn a_push_that_comes_too_late_does_not_break_the_end() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    settle().await;
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    client.expect_end().await;
    let event = crate::setup::message(&Frame::new(MessageKind::OneWay, 1, ""));
    let push = meta_core::Push::Message(event);
    client.session.push(push).expect("it has not ended yet");
    let reason = client.closed().await;
    assert!(matches!(reason, CloseReason::Drained), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_protocol_without_a_goodbye_drains_in_silence() {
    let front = Front::new(Mute(Toy::by_id()));
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    let call = calls.next().await;
    front.drain.begin();
    client.expect_silence().await;
    call.echo();
    assert_eq!(client.recv().await.id, 1);
    client.expect_end().await;
}

/// The server waits for the client: to close now would leave it without an answer.
#[tokio::test(start_paused = true)]
async fn a_client_that_was_asked_is_given_the_time_to_answer() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.idle_timeout = Some(Duration::from_secs(10));
    });
    let back = Back::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    for id in [7, 8] {
        link.server.send(&Frame::request(id, "who?")).await;
    }
    let asked = [client.recv().await, client.recv().await];
    front.drain.begin();
    assert_eq!(client.recv().await.kind, GOODBYE);
    sleep(Duration::from_secs(100)).await;
    // The last asked is answered first.
    for (question, id) in asked.iter().zip([7, 8]).rev() {
        client.expect_silence().await;
        client.send(&Frame::response(question.id, "me")).await;
        assert_eq!(link.server.recv().await, Frame::response(id, "me"));
    }
    client.expect_end().await;
    assert_eq!(front.stats.idle_timeout.value(), 0);
    client.half_close().await;
    assert!(matches!(client.closed().await, CloseReason::Drained));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_asked_is_not_idle_until_it_has_answered() {
    let idle = Duration::from_secs(10);
    let front = Front::with(Toy::by_id(), |config, _| config.idle_timeout = Some(idle));
    let back = Back::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    link.server.send(&Frame::request(7, "who?")).await;
    let asked = client.recv().await;
    sleep(10 * idle).await;
    client.send(&Frame::response(asked.id, "me")).await;
    assert_eq!(link.server.recv().await, Frame::response(7, "me"));
    let start = Instant::now();
    client.expect_end().await;
    assert!(start.elapsed() >= idle, "it counts from the answer");
    assert_eq!(front.stats.idle_timeout.value(), 1);
}

/// Nobody waits for the answer any more.
#[tokio::test(start_paused = true)]
async fn a_client_whose_asker_is_gone_is_not_waited_for() {
    for drains in [true, false] {
        let front = Front::with(Toy::by_id(), |config, _| {
            config.idle_timeout = Some(Duration::from_secs(10));
        });
        let back = Back::new(Toy::by_id());
        let mut client = front.connect(Echo::default());
        let mut link = back.pinned(&client.session);
        link.server.send(&Frame::request(7, "who?")).await;
        client.recv().await;
        drop(link.server);
        settle().await;
        if drains {
            front.drain.begin();
            assert_eq!(client.recv().await.kind, GOODBYE);
        }
        client.expect_end().await;
    }
}

/// A client that does not answer in the time that it has to read will not.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_not_waited_for_without_end() {
    let (idle, patience) = (Duration::from_secs(10), Duration::from_secs(100));
    for drains in [true, false] {
        let front = Front::with(Toy::by_id(), |config, _| {
            config.idle_timeout = Some(idle);
            config.write_timeout = patience;
        });
        let back = Back::new(Toy::by_id());
        let mut client = front.connect(Echo::default());
        let mut link = back.pinned(&client.session);
        link.server.send(&Frame::request(7, "who?")).await;
        client.recv().await;
        let asked = Instant::now();
        if drains {
            front.drain.begin();
            assert_eq!(client.recv().await.kind, GOODBYE);
        }
        client.expect_end().await;
        let passed = asked.elapsed();
        assert!(
            passed >= patience && passed <= patience + 2 * idle,
            "{passed:?}"
        );
    }
}
