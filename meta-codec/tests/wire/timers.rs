//! Idle clients, and the wheel that times them.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use futures::task::noop_waker_ref;
use meta_codec::{CloseReason, Drain, RESOLUTION, Wheel};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, Push};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    peer::settle,
    service::{Echo, script},
    setup::{Front, message},
};

const IDLE: Duration = Duration::from_secs(10);

fn front() -> Front {
    Front::with(Toy::by_id(), |config, _| config.idle_timeout = Some(IDLE))
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_cut_off_in_time() {
    let front = front();
    let mut client = front.connect(Echo::default());
    for id in 1..=3 {
        sleep(Duration::from_secs(8)).await;
        client.send(&Frame::request(id, "")).await;
        assert_eq!(client.recv().await.id, id);
    }
    let start = Instant::now();
    client.expect_end().await;
    let idle = start.elapsed();
    assert!(idle >= IDLE && idle <= IDLE + 2 * RESOLUTION, "{idle:?}");
    assert!(matches!(client.closed().await, CloseReason::Idle));
    assert_eq!(front.stats.idle_timeout.value(), 1);
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_idle_while_a_call_is_in_flight() {
    let front = front();
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    let call = calls.next().await;
    sleep(10 * IDLE).await;
    assert!(!client.served.is_finished());
    call.echo();
    assert_eq!(client.recv().await.id, 1);
    let answered = Instant::now();
    client.expect_end().await;
    assert!(answered.elapsed() >= IDLE, "it counts from the answer");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_idle_while_its_call_waits_for_the_service() {
    let front = front();
    let (service, mut calls) = script();
    calls.be_ready_for(0);
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    sleep(2 * IDLE).await;
    assert!(!client.served.is_finished());
    calls.be_ready_for(1);
    calls.next().await.echo();
    assert_eq!(client.recv().await.id, 1);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_and_pushes_keep_a_client() {
    let front = front();
    let mut client = front.connect(Echo::default());
    for id in 1..=5 {
        sleep(IDLE / 2 + IDLE / 4).await;
        client.send(&Frame::new(MessageKind::Ping, id, "")).await;
        assert_eq!(client.recv().await.kind, MessageKind::Pong);
    }
    for id in 1..=5 {
        sleep(IDLE / 2 + IDLE / 4).await;
        let event = message(&Frame::new(MessageKind::OneWay, id, "event"));
        client.session.push(Push::Message(event)).expect("room");
        assert_eq!(client.recv().await.id, id);
    }
    client.expect_end().await;
    assert_eq!(front.stats.idle_timeout.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_slowly_is_not_idle() {
    let front = front();
    let mut client = front.connect(Echo::default());
    for byte in Frame::request(1, "").encode() {
        sleep(IDLE / 2).await;
        client.send_bytes(&[byte]).await;
    }
    assert_eq!(client.recv().await, Frame::response(1, ""));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_says_a_word_is_idle_too() {
    let front = front();
    let mut client = front.connect(Echo::default());
    let start = Instant::now();
    client.expect_end().await;
    assert!(start.elapsed() <= IDLE + 2 * RESOLUTION);
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_nobody_is_cut_off() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    sleep(Duration::from_secs(100_000)).await;
    client.send(&Frame::request(1, "")).await;
    assert_eq!(client.recv().await.id, 1);
    settle().await;
    assert_eq!(front.wheel.len(), 0, "an idle connection sets no timer");
}

#[tokio::test(start_paused = true)]
async fn the_wheel_stops_when_nobody_holds_it() {
    let (wheel, driver) = Wheel::new();
    let driver = tokio::spawn(driver);
    let mut timer = wheel.timer();
    drop(wheel);
    let start = Instant::now();
    let deadline = (start + Duration::from_secs(5)).into_std();
    poll_fn(|cx| timer.poll_until(deadline, cx)).await;
    assert!(start.elapsed() >= Duration::from_secs(5));
    settle().await;
    assert!(!driver.is_finished(), "a timer is left");
    drop(timer);
    settle().await;
    assert!(driver.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_fired_unseen_leaves_nothing_when_dropped() {
    let wheel = Wheel::spawn();
    let mut timer = wheel.timer();
    let soon = (Instant::now() + Duration::from_secs(1)).into_std();
    let mut cx = Context::from_waker(noop_waker_ref());
    assert!(timer.poll_until(soon, &mut cx).is_pending());
    sleep(Duration::from_secs(2)).await;
    assert_eq!(wheel.len(), 1);
    assert_eq!(timer.poll_until(soon, &mut cx), Poll::Ready(()));
    assert_eq!(wheel.len(), 0);
    let later = (Instant::now() + Duration::from_secs(1)).into_std();
    assert!(timer.poll_until(later, &mut cx).is_pending());
    sleep(Duration::from_secs(2)).await;
    drop(timer);
    assert_eq!(wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_wakes_everybody_and_forgets_those_who_left() {
    let drain = Drain::new();
    let front = Front::new(Toy::by_id());
    let mut clients: Vec<_> = (0..100).map(|_| front.connect(Echo::default())).collect();
    settle().await;
    // Those who leave first are forgotten, and the others still told.
    for client in clients.drain(..50) {
        drop(client.peer);
        client.served.await.expect("no panic");
    }
    assert!(!front.drain.has_begun() && !drain.has_begun());
    front.drain.begin();
    for client in &mut clients {
        assert_eq!(client.recv().await.kind, DRAIN);
    }
    for client in &mut clients {
        client.expect_end().await;
        client.half_close().await;
        assert!(matches!(client.closed().await, CloseReason::Drained));
    }
    front.drain.begin();
    front.assert_at_rest();
}

const DRAIN: MessageKind = MessageKind::Event(meta_core::Event::Drain);
