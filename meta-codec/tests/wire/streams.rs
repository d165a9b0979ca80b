//! Streams through a connection that belongs to one client.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Push};
use tokio::io::DuplexStream;

use crate::{
    peer::{Client, Peer, patiently, settle},
    service::{Calls, forward, script},
    setup::{Back, Front, Link, message, session},
};

const INIT: MessageKind = MessageKind::StreamInit;
const DATA: MessageKind = MessageKind::StreamData;
const CLOSE: MessageKind = MessageKind::StreamClose;

fn frame(kind: MessageKind, stream: u64, body: &'static str) -> Frame {
    Frame::new(kind, stream, body)
}

/// A client whose messages all go over a connection of its own.
fn connect(front: &Front, back: &Back) -> (Client<DuplexStream>, Link<DuplexStream>) {
    let session = session();
    let link = back.pinned(&session);
    session.pin_with(&"backend".into(), |_| true, || link.shared.clone());
    let (theirs, ours) = tokio::io::duplex(64 << 10);
    let service = forward(&link.shared);
    let served = front.downstream.serve(ours, service, session.clone());
    let client = Client {
        peer: Peer::new(theirs),
        session,
        served: tokio::spawn(served),
    };
    (client, link)
}

#[tokio::test(start_paused = true)]
async fn the_frames_of_two_streams_pass_both_ways_in_order() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    let mut up = vec![frame(INIT, 3, "a"), frame(INIT, 9, "b")];
    let mut down = Vec::new();
    for n in 0..100 {
        up.push(Frame::new(DATA, 3 + n % 2 * 6, format!("up {n}")));
        down.push(Frame::new(DATA, 9 - n % 2 * 6, format!("down {n}")));
    }
    up.extend([
        frame(CLOSE, 9, ""),
        frame(DATA, 3, "more"),
        frame(CLOSE, 3, ""),
    ]);
    client.send_all(&up).await;
    link.server.send_all(&down).await;
    for frame in &up {
        assert_eq!(link.server.recv().await, *frame);
    }
    for frame in &down {
        assert_eq!(client.recv().await, *frame);
    }
    assert_eq!(front.stats.request_stream.value(), up.len() as u64);
    assert_eq!(front.stats.request_active.value(), 0);
}

/// Only one frame is on its way at a time, however the others had to wait.
async fn in_order(front: &Front, mut calls: Calls, service: crate::service::Script) {
    let mut client = front.connect(service);
    let frames: Vec<_> = (0..5)
        .map(|n| Frame::new(DATA, 3, format!("{n}")))
        .collect();
    client.send_all(&frames).await;
    settle().await;
    calls.be_ready_for(u64::MAX);
    for n in 0..5 {
        let all = calls.all().await;
        let bodies: Vec<_> = all.iter().map(|call| call.body()).collect();
        assert_eq!(bodies, [format!("{n}")]);
        for call in all {
            call.respond(Ok(meta_core::Response::written(None)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_frames_of_a_stream_go_one_after_the_other() {
    let (service, calls) = script();
    in_order(&Front::new(Toy::by_id()), calls, service).await;
}

#[tokio::test(start_paused = true)]
async fn the_frames_of_a_stream_keep_their_order_where_the_service_was_not_ready() {
    let (service, calls) = script();
    calls.be_ready_for(0);
    in_order(&Front::new(Toy::by_id()), calls, service).await;
}

#[tokio::test(start_paused = true)]
async fn many_frames_that_waited_all_go_in_the_end() {
    let front = Front::new(Toy::by_id());
    let (first, mut calls) = script();
    let written = |_| async { Ok(meta_core::Response::written(None)) };
    // The first frame waits; all others are done at once.
    let mut waits = Some(first);
    let service = tower::service_fn(move |request| match waits.take() {
        Some(mut first) => tower::Service::call(&mut first, request),
        None => Box::pin(written(request)),
    });
    let client = front.connect(service);
    let (_receive, mut send) = tokio::io::split(client.peer.into_stream());
    const FRAMES: usize = 1_000;
    let sending = tokio::spawn(async move {
        for _ in 0..FRAMES {
            let data = Frame::new(DATA, 3, vec![0; 1_000]).encode();
            let written = tokio::io::AsyncWriteExt::write_all(&mut send, &data).await;
            written.expect("it is taken in the end");
        }
        send
    });
    let call = calls.next().await;
    settle().await;
    let read = front.stats.request_stream.value();
    assert!(read < 400, "{read} of 1 KB each were read");
    let start = tokio::time::Instant::now();
    call.respond(Ok(meta_core::Response::written(None)));
    let _send = patiently(sending).await.expect("no panic");
    settle().await;
    let waited = start.elapsed();
    assert!(waited < std::time::Duration::from_millis(100), "{waited:?}");
    assert_eq!(front.stats.request_stream.value(), FRAMES as u64);
    assert_eq!(front.stats.request_active.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_amid_streams_is_made_known_for_each() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    let opened = [3, 9, 4].map(|stream| frame(INIT, stream, ""));
    client.send_all(&opened).await;
    client.send(&frame(CLOSE, 4, "")).await;
    for _ in 0..4 {
        link.server.recv().await;
    }
    link.server.send(&frame(DATA, 9, "last words")).await;
    drop(link.server);
    assert_eq!(client.recv().await, frame(DATA, 9, "last words"));
    let mut reset = [client.recv().await, client.recv().await];
    reset.sort_by_key(|frame| frame.id);
    for (frame, id) in reset.iter().zip([3, 9]) {
        assert_eq!((frame.kind, frame.id), (CLOSE, id));
        assert_eq!(frame.get("status"), Some("error"));
    }
    client.expect_silence().await;
    assert!(!client.session.is_closed(), "other calls go on");
    // What it still sends into the stream is refused, not lost in silence.
    client.send(&frame(DATA, 3, "more")).await;
    assert_eq!(client.recv().await.kind, CLOSE);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_is_told_of_its_broken_streams_once_it_reads() {
    let back = Back::new(Toy::by_id());
    let front = Front::with(Toy::by_id(), |config, _| config.write_buffer_bytes = 100);
    let session = session();
    let mut link = back.pinned(&session);
    let (theirs, ours) = tokio::io::duplex(100);
    let service = forward(&link.shared);
    let served = front.downstream.serve(ours, service, session.clone());
    let _served = tokio::spawn(served);
    let mut client = Peer::new(theirs);
    const STREAMS: u64 = 100;
    for stream in 0..STREAMS {
        client.send(&frame(INIT, stream, "")).await;
        link.server.recv().await;
    }
    for n in 0..50 {
        link.server.send(&Frame::new(DATA, 3, format!("{n}"))).await;
    }
    drop(link.server);
    settle().await;
    for n in 0..50 {
        assert_eq!(client.recv().await.body, format!("{n}"));
    }
    let mut told = std::collections::HashSet::new();
    for _ in 0..STREAMS {
        let reset = client.recv().await;
        assert_eq!(reset.kind, CLOSE);
        told.insert(reset.id);
    }
    assert_eq!(told.len() as u64, STREAMS);
    patiently(link.driver).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_amid_a_stream_closes_the_servers_connection() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    drop(link.shared);
    client.send(&frame(INIT, 3, "")).await;
    link.server.recv().await;
    drop(client.peer);
    patiently(client.served).await.expect("no panic");
    link.server.expect_end().await;
    patiently(link.driver).await.expect("no panic");
    front.assert_at_rest();
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn data_behind_the_end_of_another_stream_in_one_read_arrives() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    client
        .send_all(&[frame(INIT, 3, ""), frame(INIT, 5, "")])
        .await;
    for _ in 0..2 {
        link.server.recv().await;
    }
    let down = [frame(CLOSE, 3, "end"), frame(DATA, 5, "on")];
    link.server.send_all(&down).await;
    assert_eq!(client.recv().await, down[0]);
    assert_eq!(client.recv().await, down[1]);
    drop(link.server);
    assert_eq!(client.recv().await.id, 5, "3 had ended");
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_still_ends_the_streams_it_has() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    client.send(&frame(INIT, 3, "")).await;
    link.server.recv().await;
    link.server
        .send(&frame(MessageKind::Event(Event::Drain), 0, ""))
        .await;
    settle().await;
    assert!(!link.shared.is_open());
    client.send(&frame(DATA, 3, "up")).await;
    assert_eq!(link.server.recv().await, frame(DATA, 3, "up"));
    link.server.send(&frame(DATA, 3, "down")).await;
    assert_eq!(client.recv().await, frame(DATA, 3, "down"));
    client.send(&frame(CLOSE, 3, "")).await;
    assert_eq!(link.server.recv().await.kind, CLOSE);
    link.server.expect_end().await;
    client.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_is_not_kept_by_a_client_that_is_gone() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = connect(&front, &back);
    drop(link.shared);
    client.send(&frame(INIT, 3, "")).await;
    link.server.recv().await;
    let drain = frame(MessageKind::Event(Event::Drain), 0, "");
    link.server.send(&drain).await;
    link.server.expect_silence().await;
    drop(client);
    link.server.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_frame_to_a_client_that_is_gone_stops_nobody() {
    let back = Back::new(Toy::by_id());
    let session = session();
    let mut link = back.pinned(&session);
    for n in 0..64 {
        let event = message(&Frame::new(MessageKind::OneWay, n, ""));
        session.push(Push::Message(event)).expect("room");
    }
    link.server.send(&frame(DATA, 3, "held")).await;
    settle().await;
    session.close();
    link.server
        .send(&Frame::new(MessageKind::Ping, 1, ""))
        .await;
    assert_eq!(link.server.recv().await.kind, MessageKind::Pong);
}
