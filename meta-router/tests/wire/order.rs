//! The order in which one client's requests reach a server.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind};
use tokio::task::yield_now;

use crate::{
    client::{ended, ok, poll_once},
    network::Network,
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

/// A proxy between streams that hold little, so that requests wait for room.
fn narrow(toy: Toy) -> (Proxy, Server) {
    let network = Network::with_streams_of(64);
    let server = network.server();
    let mut config = backend([&server.address]);
    config.upstream.write_buffer_bytes = 100;
    config.shared_connections = 1;
    (Proxy::new(toy, network, config), server)
}

/// The client's `n`th message: of two-way and one-way calls, now one, now many.
fn message(n: u64) -> Frame {
    let kind = match n % 7 {
        0 | 3 | 4 => MessageKind::OneWay,
        _ => MessageKind::Request,
    };
    Frame::new(kind, n, format!("the body of message {n}"))
}

/// Expects these messages in their order, and answers those that want it.
async fn expect(upstream: &mut Peer, messages: std::ops::Range<u64>) {
    for n in messages {
        let frame = upstream.recv().await;
        let expected = message(n);
        assert_eq!((frame.kind, &frame.body), (expected.kind, &expected.body));
        if frame.kind == MessageKind::Request {
            upstream.answer(&frame, "").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_while_the_connection_is_made() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        for together in [true, false] {
            let network = Network::new();
            let mut server = network.server();
            let connect = network.hold(&server);
            let proxy = Proxy::new(toy.clone(), network, backend([&server.address]));
            let mut client = proxy.client();
            for n in 0..50 {
                client.send(&message(n)).await;
                if !together {
                    settle().await;
                }
            }
            connect.send(()).expect("they wait for it");
            // Some come while those that waited are under way.
            for n in 50..60 {
                client.send(&message(n)).await;
                yield_now().await;
            }
            expect(&mut server.accept().await, 0..60).await;
            server.expect_no_other();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_while_there_is_no_room() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let (proxy, mut server) = narrow(toy);
        let mut client = proxy.client();
        for n in 0..100 {
            client.send(&message(n)).await;
        }
        let mut upstream = server.accept().await;
        settle().await;
        for n in 0..100 {
            expect(&mut upstream, n..n + 1).await;
            // Each time there is room for one more, one more comes.
            client.send(&message(100 + n)).await;
        }
        expect(&mut upstream, 100..200).await;
        client.leave().await;
        proxy.assert_at_rest();
    }
}

/// Room comes at whatever moment of the client's own turn.
#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_as_room_comes_and_goes() {
    for pace in 1..8 {
        for pause in 0..4 {
            let (proxy, mut server) = narrow(Toy::by_id());
            let mut client = proxy.client();
            client.send(&message(0)).await;
            let mut upstream = server.accept().await;
            let (mut sent, mut read) = (1, 0);
            while read < 100 {
                for _ in 0..pace {
                    client.send(&message(sent)).await;
                    sent += 1;
                }
                for _ in 0..pause {
                    yield_now().await;
                }
                let count = if sent % 3 == 0 { sent - read } else { 1 };
                expect(&mut upstream, read..read + count).await;
                read += count;
            }
            expect(&mut upstream, read..sent).await;
        }
    }
}

/// What had no room on a connection that drains goes over the next in order, and
/// before `later` more that come meanwhile.
async fn drain_amid(later: u64) {
    let (proxy, mut server) = narrow(Toy::by_id());
    let mut client = proxy.client();
    for n in 0..40 {
        client.send(&message(n)).await;
    }
    let mut old = server.accept().await;
    settle().await;
    let drain = MessageKind::Event(Event::Drain);
    old.send(&Frame::new(drain, 0, "")).await;
    for n in 40..40 + later {
        client.send(&message(n)).await;
    }
    // What is on its way comes over the old connection, the rest over the new.
    let mut read = 0;
    while let Some(frame) = old.next().await {
        assert_eq!(frame.body, message(read).body);
        if frame.kind == MessageKind::Request {
            old.answer(&frame, "").await;
        }
        read += 1;
    }
    assert!(read > 0 && read < 40, "{read}");
    expect(&mut server.accept().await, read..40 + later).await;
    server.expect_no_other();
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_order_where_the_connection_drains() {
    drain_amid(0).await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_as_the_connection_drains_come_last() {
    for later in [1, 20] {
        drain_amid(later).await;
    }
}

/// A client that is not polled has its place in the line, and nobody else's.
#[tokio::test(start_paused = true)]
async fn a_client_that_waits_in_line_and_is_not_polled_holds_up_nobody() {
    let (proxy, mut server) = narrow(Toy::by_id());
    let first = proxy.caller();
    let call = first.start("a body as long as the stream, and the write buffer, can hold at all");
    let mut upstream = server.accept().await;
    let (stalled, other) = (proxy.caller(), proxy.caller());
    let body = "a body that fills whatever the stream and the buffer have left; and then some";
    let filling = other.start(body);
    settle().await;
    let mut waiting: Vec<_> = (0..5)
        .map(|n| stalled.call(&Frame::request(n, "stalled")))
        .collect();
    for call in &mut waiting {
        assert!(poll_once(call).is_pending());
    }
    let calls = [other.start("one"), first.start("two"), other.start("three")];
    settle().await;
    for _ in 0..2 {
        let frame = upstream.recv().await;
        upstream.answer(&frame, frame.body.clone()).await;
    }
    assert_eq!(ended(filling).await, ok(body));
    ended(call).await.expect("an answer");
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let frame = upstream.recv().await;
        upstream.answer(&frame, frame.body.clone()).await;
        bodies.push(frame.body);
    }
    bodies.sort();
    assert_eq!(bodies, ["one", "three", "two"]);
    for (call, body) in calls.into_iter().zip(["one", "two", "three"]) {
        assert_eq!(ended(call).await, ok(body));
    }
    // It goes on where it was, or goes.
    let last = waiting.pop().expect("there are five");
    drop(waiting);
    let last = tokio::spawn(last);
    upstream.expect_call("stalled").await;
    assert_eq!(ended(last).await, ok("stalled"));
    proxy.assert_at_rest();
}

/// Nor one that began to connect, and then is not polled.
#[tokio::test(start_paused = true)]
async fn a_client_that_connects_and_is_not_polled_holds_up_nobody() {
    let network = Network::new();
    let mut server = network.server();
    let connect = network.hold(&server);
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut stalled = proxy.caller().call(&Frame::request(1, "stalled"));
    assert!(poll_once(&mut stalled).is_pending());
    let other = proxy.caller().start("other");
    settle().await;
    connect.send(()).expect("they wait for it");
    let mut upstream = server.accept().await;
    upstream.expect_call("other").await;
    assert_eq!(ended(other).await, ok("other"));
    drop(stalled);
    settle().await;
    proxy.assert_at_rest();
}
