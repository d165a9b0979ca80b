//! Bytes that cannot be decoded, and messages over the limit.

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::MessageKind;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Duration, Instant},
};

use crate::{
    codecs::Skipping,
    peer::settle,
    service::{Echo, script},
    setup::Front,
};

#[tokio::test(start_paused = true)]
async fn garbage_ends_the_connection_and_is_counted() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    client.send_bytes(b"GET / HTTP/1.1\r\n\r\n").await;
    client.expect_end().await;
    client.half_close().await;
    let reason = client.closed().await;
    assert!(matches!(reason, CloseReason::Undecodable(_)), "{reason}");
    assert_eq!(front.stats.request_decoding_error.value(), 1);
    let closes = &front.stats.response_error_caused_connection_close;
    assert_eq!(closes.value(), 1);
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn what_came_before_garbage_is_answered_first() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let mut bytes = Frame::request(1, "good").encode();
    bytes.extend_from_slice(b"garbage");
    client.send_bytes(&bytes).await;
    let call = calls.next().await;
    client.expect_silence().await;
    call.echo();
    assert_eq!(client.recv().await, Frame::response(1, "good"));
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_room_before_garbage_is_answered_too() {
    let front = Front::with(Toy::by_id(), |config, _| config.max_in_flight = 1);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (1..=3).map(|id| Frame::request(id, "good")).collect();
    client.send_all(&frames).await;
    client.send_bytes(b"garbage").await;
    for id in 1..=3 {
        calls.next().await.echo();
        assert_eq!(client.recv().await, Frame::response(id, "good"));
    }
    client.expect_end().await;
    drop(client.peer);
    client.served.await.expect("it ends");
    front.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_call_over_the_limit_is_answered_before_it_is_buffered() {
    let front = Front::with(Toy::by_id(), |_, limits| limits.message_bytes = 1000);
    let mut client = front.connect(Echo::default());
    let long = Frame::request(9, vec![0; 1 << 20]).encode();
    client.send_bytes(&long[..20]).await;
    let reply = client.recv().await;
    assert_eq!((reply.id, reply.get("status")), (9, Some("error")));
    assert_eq!(reply.get("reason"), Some("message_too_large"));
    client.expect_end().await;
    assert_eq!(front.stats.request_too_large.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_skipped_call_gets_its_error_and_the_connection_goes_on() {
    let codec = Skipping(Toy::by_id());
    let front = Front::with(codec, |_, limits| limits.message_bytes = 1000);
    let mut client = front.connect(Echo::default());
    // Within one read, over several, and to the last byte of a read.
    for bytes in [1001, 5_000, 70_000, 1_000_000] {
        let long = Frame::request(1, vec![0; bytes]);
        client.send_all(&[long, Frame::request(2, "next")]).await;
        let reply = client.recv().await;
        assert_eq!((reply.id, reply.get("status")), (1, Some("error")));
        assert_eq!(client.recv().await, Frame::response(2, "next"));
        client.send(&Frame::request(3, vec![0; bytes])).await;
        assert_eq!(client.recv().await.get("status"), Some("error"));
        client.send(&Frame::request(4, "later")).await;
        assert_eq!(client.recv().await, Frame::response(4, "later"));
    }
    assert_eq!(front.stats.request_too_large.value(), 8);
    assert!(!client.session.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_skipped_one_way_call_gets_no_reply() {
    let codec = Skipping(Toy::in_order());
    let front = Front::with(codec, |_, limits| limits.message_bytes = 1000);
    let mut client = front.connect(Echo::default());
    let note = Frame::new(MessageKind::OneWay, 0, vec![0; 2000]);
    client.send_all(&[note, Frame::request(0, "call")]).await;
    assert_eq!(client.recv().await.body, "call");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_client_gives_up_half_way_is_counted() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let call = Frame::request(1, "whole").encode();
    client.send_bytes(&call).await;
    client.send_bytes(&call[..15]).await;
    client.half_close().await;
    assert_eq!(client.recv().await, Frame::response(1, "whole"));
    client.expect_end().await;
    assert!(matches!(client.closed().await, CloseReason::Client));
    assert_eq!(front.stats.request_decoding_error.value(), 1);
    assert_eq!(front.stats.request_twoway.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_does_not_close_is_cut_off_after_a_while() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    client.send_bytes(b"garbage").await;
    let start = Instant::now();
    client.expect_end().await;
    settle().await;
    assert!(!client.served.is_finished(), "it may still be sending");
    client.closed().await;
    let waited = start.elapsed();
    assert!(waited <= Duration::from_secs(3), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_timeout_does_not_hide_why_a_refused_client_was_cut_off() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.idle_timeout = Some(Duration::from_millis(500));
    });
    let mut client = front.connect(Echo::default());
    client.send_bytes(b"garbage").await;
    let reason = client.closed().await;
    assert!(matches!(reason, CloseReason::Undecodable(_)), "{reason}");
    assert_eq!(front.stats.idle_timeout.value(), 0);
}

/// Closing a socket with unread bytes resets it, and the reset overtakes the
/// reply.
#[tokio::test]
async fn a_client_that_is_still_sending_what_was_refused_reads_the_reply() {
    let front = Front::with(Toy::by_id(), |_, limits| limits.message_bytes = 1000);
    let client = front.connect_tcp(Echo::default()).await;
    let (mut receive, mut send) = client.peer.into_stream().into_split();
    let sending = tokio::spawn(async move {
        let long = Frame::request(3, vec![7; 8 << 20]).encode();
        let written = send.write_all(&long).await;
        written.map(|()| send)
    });
    let send = sending.await.expect("no panic");
    let send = send.expect("the proxy takes what it refused");
    drop(send);
    let mut bytes = Vec::new();
    let read = crate::peer::patiently(receive.read_to_end(&mut bytes)).await;
    read.expect("no reset");
    let reply = Frame::decode(&mut bytes[..].into()).expect("a whole reply");
    assert_eq!(reply.get("reason"), Some("message_too_large"));
}
