//! Clients that read slowly or not at all.

use std::collections::HashSet;

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::Push;
use tokio::{
    io::{AsyncWriteExt, DuplexStream, ReadHalf, duplex, split},
    time::{Duration, Instant, sleep},
};

use crate::{
    peer::{Client, Peer, settle},
    service::{Echo, script},
    setup::{Front, message},
};

/// Sends all frames as fast as they are taken; the other half is for reading.
fn send_from_a_task(
    client: Client<DuplexStream>,
    frames: Vec<Frame>,
) -> Peer<ReadHalf<DuplexStream>> {
    let (receive, mut send) = split(client.peer.into_stream());
    tokio::spawn(async move {
        for frame in frames {
            send.write_all(&frame.encode()).await.expect("it is taken");
        }
        // Kept open until the test ends.
        sleep(Duration::from_secs(1 << 20)).await;
        drop(send);
    });
    Peer::new(receive)
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_calls_behind_a_client_that_does_not_read_stay_bounded() {
    const CALLS: u64 = 10_000;
    let front = Front::new(Toy::by_id());
    let echo = Echo::default();
    let client = front.connect(echo.clone());
    let frames = (1..=CALLS).map(|id| Frame::request(id, vec![7; 4_000]));
    let mut client = send_from_a_task(client, frames.collect());
    settle().await;
    // What its socket holds, the write buffer, and what is in flight.
    let bound = (64 << 10) / 4_000 + (256 << 10) / 4_000 + 1_024;
    assert!(echo.seen() <= bound, "the service saw {}", echo.seen());
    assert!(front.stats.request.value() <= bound + 66);
    let mut answered = HashSet::new();
    for _ in 0..CALLS {
        let answer = client.recv().await;
        assert_eq!(answer.body.len(), 4_000);
        assert!(answered.insert(answer.id), "{} came twice", answer.id);
    }
    assert_eq!(echo.seen(), CALLS);
    assert_eq!(front.stats.request_active.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_response_is_taken_up_while_the_client_does_not_read() {
    let front = Front::with(Toy::by_id(), |config, _| config.write_buffer_bytes = 1_000);
    let (service, mut calls) = script();
    let mut client = front.connect_over(duplex(256), service);
    let frames: Vec<_> = (1..=50).map(|id| Frame::request(id, "")).collect();
    let sending = frames.iter().map(Frame::encode).collect::<Vec<_>>();
    for frame in &sending {
        client.send_bytes(frame).await;
    }
    for call in calls.all().await {
        call.answer(vec![0; 500]);
    }
    settle().await;
    let active = front.stats.request_active.value();
    assert!(active >= 46, "{active} of 50 still hold their response");
    for _ in 1..=50 {
        assert_eq!(client.recv().await.body.len(), 500);
    }
    assert_eq!(front.stats.request_active.value(), 0);
}

/// All that is finished leaves, also where the write buffer takes but one at a
/// time and nothing more happens that could tell.
#[tokio::test(start_paused = true)]
async fn answers_that_came_together_all_leave_through_a_small_buffer() {
    let front = Front::with(Toy::by_id(), |config, _| config.write_buffer_bytes = 1);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    for id in 1..=10 {
        client.send(&Frame::request(id, "")).await;
    }
    for call in calls.all().await {
        call.answer("done");
    }
    for _ in 1..=10 {
        assert_eq!(client.recv().await.body, "done");
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_that_came_together_all_leave_through_a_small_buffer() {
    let front = Front::with(Toy::by_id(), |config, _| config.write_buffer_bytes = 1);
    let mut client = front.connect(Echo::default());
    settle().await;
    for n in 1..=10 {
        let event = message(&Frame::new(meta_core::MessageKind::OneWay, n, "event"));
        client.session.push(Push::Message(event)).expect("room");
    }
    for n in 1..=10 {
        assert_eq!(client.recv().await.id, n);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut_off_in_time() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.write_timeout = Duration::from_secs(20);
        config.idle_timeout = Some(Duration::from_secs(5));
    });
    let mut client = front.connect_over(duplex(100), Echo::default());
    let start = Instant::now();
    client.send(&Frame::request(1, vec![0; 1000])).await;
    // Some progress gives it time anew.
    sleep(Duration::from_secs(15)).await;
    let mut few = [0; 50];
    let stream = &mut client.peer;
    let read = stream.read_some(&mut few).await;
    assert!(read > 0);
    sleep(Duration::from_secs(15)).await;
    assert!(!client.served.is_finished());
    let reason = client.closed().await;
    assert!(matches!(reason, CloseReason::WriteTimeout), "{reason}");
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(35), "{waited:?}");
    assert!(waited <= Duration::from_secs(36), "{waited:?}");
    assert_eq!(front.stats.write_timeout.value(), 1);
    front.assert_at_rest();
}

/// The last response is still the client's while it reads it.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_idle() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.idle_timeout = Some(Duration::from_secs(5));
    });
    let mut client = front.connect_over(duplex(100), Echo::default());
    client.send(&Frame::request(1, vec![0; 150])).await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(client.recv().await.body.len(), 150);
    settle().await;
    client.send(&Frame::request(2, "more")).await;
    assert_eq!(client.recv().await.body, "more");
    assert_eq!(front.stats.idle_timeout.value(), 0);
}
