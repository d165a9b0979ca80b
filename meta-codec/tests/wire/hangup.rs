//! Clients that go away, over TCP: a reset is not a half-close.

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use tokio::net::TcpStream;

use crate::{
    peer::{Client, patiently},
    service::script,
    setup::Front,
};

/// Resets the connection; returns how the proxy saw it.
async fn reset(client: Client<TcpStream>) -> CloseReason {
    let stream = client.peer.into_stream();
    stream.set_zero_linger().expect("it is open");
    drop(stream);
    let reason = patiently(client.served).await.expect("no panic");
    assert!(client.session.is_closed());
    reason
}

#[tokio::test]
async fn a_reset_cancels_what_is_in_flight() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    client
        .send_all(&[Frame::request(1, ""), Frame::request(2, "")])
        .await;
    let mut waiting = [calls.next().await, calls.next().await];
    let reason = reset(client).await;
    assert!(matches!(reason, CloseReason::Broken(_)), "{reason}");
    for call in &mut waiting {
        call.cancelled().await;
    }
    assert_eq!(front.stats.cx_destroy_remote_with_active_rq.value(), 1);
    assert_eq!(front.stats.cx_destroy_local_with_active_rq.value(), 0);
    front.assert_at_rest();
}

#[tokio::test]
async fn a_reset_at_the_bounds_where_nothing_is_read_is_noticed() {
    let front = Front::with(Toy::in_order(), |config, _| config.max_in_flight = 1);
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    client
        .send_all(&[Frame::request(0, "a"), Frame::request(0, "b")])
        .await;
    let mut call = calls.next().await;
    reset(client).await;
    call.cancelled().await;
    front.assert_at_rest();
}

#[tokio::test]
async fn a_reset_after_a_half_close_is_noticed() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    client.send(&Frame::request(1, "")).await;
    client.half_close().await;
    let mut call = calls.next().await;
    reset(client).await;
    call.cancelled().await;
    front.assert_at_rest();
}

#[tokio::test]
async fn a_reset_after_garbage_is_noticed() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    let mut bytes = Frame::request(1, "").encode();
    bytes.extend_from_slice(b"garbage");
    client.send_bytes(&bytes).await;
    let mut call = calls.next().await;
    reset(client).await;
    call.cancelled().await;
    front.assert_at_rest();
}

#[tokio::test]
async fn a_half_close_is_no_reset_and_the_response_arrives() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    client.send(&Frame::request(1, "call")).await;
    client.half_close().await;
    let call = calls.next().await;
    // Longer than it takes to ask whether the client is still there.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    call.echo();
    assert_eq!(client.recv().await, Frame::response(1, "call"));
    client.expect_end().await;
    assert!(matches!(client.closed().await, CloseReason::Client));
    front.assert_at_rest();
}

#[tokio::test]
async fn a_client_that_closes_while_its_response_is_on_the_way_leaves_nothing() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    let mut client = front.connect_tcp(service).await;
    client
        .send_all(&[Frame::request(1, ""), Frame::request(2, "")])
        .await;
    let first = calls.next().await;
    let mut second = calls.next().await;
    let served = client.served;
    drop(client.peer);
    // The first write tells: nobody is there.
    first.answer(vec![0; 100_000]);
    second.cancelled().await;
    patiently(served).await.expect("no panic");
    front.assert_at_rest();
}
