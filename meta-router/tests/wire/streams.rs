//! Streams through the proxy.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{
    Event,
    MessageKind::{self, StreamClose, StreamData, StreamInit},
};

use crate::{
    client::{Client, text},
    network::Network,
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);

/// Opens the stream, and returns the upstream connection that it goes over.
async fn open(client: &mut Client, server: &mut Server, stream: u64) -> Peer {
    client.send(&Frame::new(StreamInit, stream, "open")).await;
    let mut upstream = server.accept().await;
    let frame = upstream.recv().await;
    assert_eq!((frame.kind, frame.id), (StreamInit, stream));
    upstream
}

#[tokio::test]
async fn frames_go_both_ways_in_order() {
    let mut server = Server::tcp().await;
    let proxy = Proxy::over_tcp(Toy::by_id(), backend([&server.address]));
    let mut client = proxy.client();
    let mut upstream = open(&mut client, &mut server, 5).await;
    for n in 0..100 {
        client
            .send(&Frame::new(StreamData, 5, format!("up {n}")))
            .await;
    }
    client.send(&Frame::new(StreamClose, 5, "end")).await;
    for n in 0..100 {
        let frame = upstream.recv().await;
        assert_eq!((frame.kind, frame.id), (StreamData, 5));
        assert_eq!(text(&frame), format!("up {n}"));
    }
    let frame = upstream.recv().await;
    assert_eq!((frame.kind, frame.id), (StreamClose, 5));
    for n in 0..100 {
        let down = Frame::new(StreamData, 5, format!("down {n}"));
        upstream.send(&down).await;
    }
    upstream.send(&Frame::new(StreamClose, 5, "end")).await;
    for n in 0..100 {
        assert_eq!(text(&client.recv().await), format!("down {n}"));
    }
    assert_eq!(client.recv().await.kind, StreamClose);
    client.leave().await;
    upstream.expect_end().await;
    proxy.assert_at_rest();
}

/// Clients number their streams alike.
#[tokio::test(start_paused = true)]
async fn streams_of_two_clients_do_not_meet() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let (mut one, mut other) = (proxy.client(), proxy.client());
    let mut ones = open(&mut one, &mut server, 1).await;
    let mut others = open(&mut other, &mut server, 1).await;
    for n in 0..3 {
        one.send(&Frame::new(StreamData, 1, format!("one {n}")))
            .await;
        other
            .send(&Frame::new(StreamData, 1, format!("other {n}")))
            .await;
        ones.send(&Frame::new(StreamData, 1, format!("to one {n}")))
            .await;
        others
            .send(&Frame::new(StreamData, 1, format!("to other {n}")))
            .await;
    }
    for n in 0..3 {
        assert_eq!(text(&ones.recv().await), format!("one {n}"));
        assert_eq!(text(&others.recv().await), format!("other {n}"));
        assert_eq!(text(&one.recv().await), format!("to one {n}"));
        assert_eq!(text(&other.recv().await), format!("to other {n}"));
    }
    // Calls of the client go the same way, between the frames.
    one.send(&Frame::request(1, "call")).await;
    let request = ones.recv().await;
    ones.answer(&request, "answer").await;
    assert_eq!(text(&one.recv().await), "answer");
    others.expect_silence().await;
    server.expect_no_other();
}

/// The server goes amid the stream: the client is told that the stream ends.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_server() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let mut upstream = open(&mut client, &mut server, 9).await;
    upstream.send(&Frame::new(StreamData, 9, "the last")).await;
    drop(upstream);
    assert_eq!(text(&client.recv().await), "the last");
    let end = client.recv().await;
    assert_eq!((end.kind, end.id), (StreamClose, 9));
    assert_eq!(end.get("status"), Some("error"));
    client.expect_silence().await;
    assert_eq!(proxy.open(), 0);
    client.leave().await;
    proxy.assert_at_rest();
}

/// The client goes amid the stream: so does the connection that carries it.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_client() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let mut upstream = open(&mut client, &mut server, 9).await;
    client.send(&Frame::new(StreamData, 9, "the last")).await;
    settle().await;
    client.leave().await;
    assert_eq!(text(&upstream.recv().await), "the last");
    upstream.expect_end().await;
    settle().await;
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

/// There is no server for the stream: the client is told that it ends.
#[tokio::test(start_paused = true)]
async fn a_stream_that_leads_nowhere() {
    let network = Network::new();
    let server = network.server();
    let config = backend([&server.address]);
    drop(server);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let mut client = proxy.client();
    let end = client.ask(&Frame::new(StreamInit, 4, "open")).await;
    assert_eq!((end.kind, end.id), (StreamClose, 4));
    assert_eq!(end.get("status"), Some("error"));
    client.leave().await;
    proxy.assert_at_rest();
}

/// What a client still sends into a stream that is over makes no connection.
#[tokio::test(start_paused = true)]
async fn frames_of_a_stream_whose_server_is_gone_are_refused() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let upstream = open(&mut client, &mut server, 9).await;
    drop(upstream);
    assert_eq!(client.recv().await.kind, StreamClose);
    // That one is over, that one never was.
    for stream in [9, 10] {
        for kind in [StreamData, StreamClose] {
            let end = client.ask(&Frame::new(kind, stream, "more")).await;
            assert_eq!((end.kind, end.id), (StreamClose, stream));
            assert_eq!(end.get("status"), Some("error"));
        }
    }
    server.expect_no_other();
    assert_eq!(proxy.stats.upstream_cx_total.value(), 1);
    // A new one is as good as ever, and so are calls.
    let mut upstream = open(&mut client, &mut server, 9).await;
    client.send(&Frame::new(StreamData, 9, "more")).await;
    assert_eq!(text(&upstream.recv().await), "more");
    client.send(&Frame::request(1, "call")).await;
    upstream.expect_call("call").await;
    assert_eq!(text(&client.recv().await), "call");
    client.leave().await;
    upstream.expect_end().await;
    settle().await;
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

/// The server drains: its streams stay where they are, new ones go to another
/// connection, and the client has both.
#[tokio::test(start_paused = true)]
async fn streams_of_a_server_that_drains_and_of_the_next() {
    for servers in [1, 2] {
        let network = Network::new();
        let mut all: Vec<_> = (0..servers).map(|_| network.server()).collect();
        let config = match &all[..] {
            [one] => backend([&one.address]),
            [one, other, ..] => backend([&one.address, &other.address]),
            [] => unreachable!("one at least"),
        };
        let proxy = Proxy::new(Toy::by_id(), network, config);
        let mut client = proxy.client();
        let mut old = open(&mut client, &mut all[0], 1).await;
        client.send(&Frame::new(StreamInit, 3, "open")).await;
        old.recv().await;
        old.send(&Frame::new(DRAIN, 0, "")).await;
        settle().await;
        let next = all.last_mut().expect("one at least");
        let mut new = open(&mut client, next, 2).await;
        for n in 0..3 {
            for (stream, upstream) in [(1, &mut old), (2, &mut new)] {
                let up = Frame::new(StreamData, stream, format!("up {n}"));
                client.send(&up).await;
                assert_eq!(upstream.recv().await, up);
                let down = Frame::new(StreamData, stream, format!("down {n}"));
                upstream.send(&down).await;
                assert_eq!(client.recv().await, down);
            }
        }
        assert_eq!(proxy.open(), 2);
        // Calls go to the new one.
        client.send(&Frame::request(7, "call")).await;
        new.expect_call("call").await;
        assert_eq!(text(&client.recv().await), "call");
        client.send(&Frame::new(StreamClose, 1, "end")).await;
        assert_eq!(old.recv().await.kind, StreamClose);
        old.expect_silence().await;
        old.send(&Frame::new(StreamClose, 3, "end")).await;
        assert_eq!(client.recv().await.id, 3);
        old.expect_end().await;
        settle().await;
        assert_eq!(proxy.open(), 1);
        // Nothing is told of the one that ended as it should.
        client.expect_silence().await;
        drop(new);
        let end = client.recv().await;
        assert_eq!((end.kind, end.id), (StreamClose, 2));
        settle().await;
        assert_eq!(proxy.open(), 0);
        client.leave().await;
        proxy.assert_at_rest();
    }
}
