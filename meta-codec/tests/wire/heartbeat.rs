//! Heartbeats to servers, and idle connections to them.

use meta_codec::{Heartbeat, Shared, SharedCall};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, ReplyKind};
use tokio::time::{Duration, Instant, advance, sleep};

use crate::{
    codecs::Mute,
    peer::{patiently, settle},
    setup::{self, Back, send},
};

const INTERVAL: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);

fn beating(codec: impl meta_core::CodecFactory) -> Back {
    Back::with(codec, |config| {
        config.heartbeat = Some(Heartbeat {
            interval: INTERVAL,
            misses: 2,
        });
    })
}

fn call(shared: &Shared) -> SharedCall {
    setup::call(shared, &Frame::request(0, ""))
}

/// Whether `passed` is what was meant, as exactly as timers and tests are.
fn about(passed: Duration, meant: Duration) -> bool {
    let exactness = Duration::from_millis(25);
    passed + exactness >= meant && passed <= meant + exactness
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_pings_and_an_answered_one_keeps_the_connection() {
    let back = beating(Toy::by_id());
    let mut link = back.shared();
    for _ in 0..10 {
        let start = Instant::now();
        let ping = link.server.recv().await;
        assert_eq!(ping.kind, MessageKind::Ping);
        assert!(about(start.elapsed(), INTERVAL), "{:?}", start.elapsed());
        let pong = Frame::new(MessageKind::Pong, ping.id, "");
        link.server.send(&pong).await;
        settle().await;
    }
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_no_ping_is_given_up_and_its_calls_fail() {
    let back = beating(Toy::by_id());
    let mut link = back.shared();
    let pending = call(&link.shared);
    let start = Instant::now();
    let reply = patiently(pending).await.expect_err("it is dead");
    assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
    assert!(
        about(start.elapsed(), 3 * INTERVAL),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(link.server.recv().await.kind, MessageKind::Request);
    assert_eq!(link.server.recv().await.kind, MessageKind::Ping);
    assert_eq!(link.server.recv().await.kind, MessageKind::Ping);
    link.server.expect_end().await;
    assert_eq!(back.stats.upstream_cx_ping_timeout.value(), 1);
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_server_sends_counts_as_a_sign_of_life() {
    let back = beating(Toy::by_id());
    let mut link = back.shared();
    for _ in 0..10 {
        sleep(INTERVAL - Duration::from_secs(1)).await;
        let event = MessageKind::Event(meta_core::Event::Other);
        link.server.send(&Frame::new(event, 0, "")).await;
        link.server.expect_silence().await;
    }
    assert!(link.shared.is_open());
}

/// The process was stopped, or its machine: the server has had no chance.
#[tokio::test(start_paused = true)]
async fn time_that_passed_in_a_leap_is_not_held_against_the_server() {
    let back = beating(Toy::by_id());
    let mut link = back.shared();
    settle().await;
    advance(100 * INTERVAL).await;
    let ping = link.server.recv().await;
    settle().await;
    assert!(link.shared.is_open());
    let pong = Frame::new(MessageKind::Pong, ping.id, "");
    link.server.send(&pong).await;
    settle().await;
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_protocol_without_heartbeats_sends_none_and_loses_no_connection() {
    let mute = Toy::by_id().with(|capabilities| capabilities.heartbeat = false);
    for back in [beating(mute), beating(Mute(Toy::by_id()))] {
        let mut link = back.shared();
        for _ in 0..3 {
            sleep(5 * INTERVAL).await;
            let answered = call(&link.shared);
            let id = link.server.recv().await.id;
            link.server.send(&Frame::response(id, "")).await;
            patiently(answered).await.expect("it lives");
        }
        assert_eq!(back.stats.upstream_cx_ping_timeout.value(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_in_time() {
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let mut link = back.shared();
    for _ in 0..3 {
        sleep(IDLE / 2).await;
        let answered = call(&link.shared);
        let id = link.server.recv().await.id;
        // A slow answer: the connection is in use all the while.
        sleep(2 * IDLE).await;
        link.server.send(&Frame::response(id, "")).await;
        patiently(answered).await.expect("an answer");
    }
    let start = Instant::now();
    link.server.expect_end().await;
    assert!(about(start.elapsed(), IDLE), "{:?}", start.elapsed());
    assert_eq!(back.stats.upstream_cx_idle_timeout.value(), 1);
    assert!(!link.shared.is_open());
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_are_use_and_heartbeats_are_not() {
    let back = Back::with(Toy::by_id(), |config| {
        config.idle_timeout = Some(IDLE);
        config.heartbeat = Some(Heartbeat {
            interval: INTERVAL,
            misses: 2,
        });
    });
    let mut link = back.shared();
    let mut last_use = Instant::now();
    let mut notes = 0;
    while let Some(frame) = link.server.next().await {
        match frame.kind {
            MessageKind::Ping => {
                let pong = Frame::new(MessageKind::Pong, frame.id, "");
                link.server.send(&pong).await;
            }
            kind => assert_eq!(kind, MessageKind::OneWay),
        }
        if notes < 5 && last_use.elapsed() >= IDLE - 2 * INTERVAL {
            drop(send(&link.shared, &Frame::new(MessageKind::OneWay, 0, "")));
            last_use = Instant::now();
            notes += 1;
        }
    }
    assert_eq!(notes, 5, "it was closed while in use");
    let idle = last_use.elapsed();
    assert!(about(idle, IDLE), "{idle:?}");
    assert_eq!(back.stats.upstream_cx_idle_timeout.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_is_use() {
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let session = setup::session();
    let mut link = back.pinned(&session);
    let send = |kind| drop(send(&link.shared, &Frame::new(kind, 3, "")));
    send(MessageKind::StreamInit);
    link.server.recv().await;
    sleep(3 * IDLE).await;
    assert!(link.shared.is_open());
    send(MessageKind::StreamClose);
    link.server.recv().await;
    let start = Instant::now();
    link.server.expect_end().await;
    assert!(about(start.elapsed(), IDLE), "{:?}", start.elapsed());
}

/// The heartbeats of a configuration that says nothing about them.
fn beating_by_default(toy: Toy) -> Back {
    let heartbeat = meta_codec::UpstreamConfig::default().heartbeat;
    Back::with(toy, |config| config.heartbeat = heartbeat)
}

#[tokio::test(start_paused = true)]
async fn by_default_a_silent_server_is_given_up_after_four_minutes() {
    let back = beating_by_default(Toy::by_id());
    let mut link = back.shared();
    let start = Instant::now();
    for minute in 1..=3 {
        assert_eq!(link.server.recv().await.kind, MessageKind::Ping);
        assert!(about(start.elapsed(), minute * Duration::from_secs(60)));
    }
    link.server.expect_end().await;
    let passed = start.elapsed();
    assert!(about(passed, Duration::from_secs(240)), "{passed:?}");
    assert_eq!(back.stats.upstream_cx_ping_timeout.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn by_default_a_server_that_answers_is_kept() {
    let back = beating_by_default(Toy::by_id());
    let mut link = back.shared();
    for _ in 0..30 {
        let ping = link.server.recv().await;
        // Two are missed, the third is not.
        link.server.recv().await;
        link.server.recv().await;
        let pong = Frame::new(MessageKind::Pong, ping.id, "");
        link.server.send(&pong).await;
    }
    assert!(link.shared.is_open());
    assert_eq!(back.stats.upstream_cx_ping_timeout.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn by_default_a_protocol_without_heartbeats_has_no_silence_to_fear() {
    let back = beating_by_default(Toy::in_order());
    let mut link = back.shared();
    sleep(Duration::from_secs(3_600)).await;
    link.server.expect_silence().await;
    assert!(link.shared.is_open());
}
