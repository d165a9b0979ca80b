//! The bounds of a cluster: what makes room, and who is refused.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use tokio::time::Instant;

use crate::{
    client::{ended, ok},
    network::Network,
    peer::{Peer, settle},
    setup::{Proxy, backend, bounded},
};

/// A connection at rest is closed to make room for one of another form.
#[tokio::test(start_paused = true)]
async fn another_form_takes_the_place() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 1));
    let caller = proxy.caller();
    let mut old: Option<Peer> = None;
    for (form, body) in [("1", "a"), ("2", "b"), ("1", "c")] {
        let call = caller.start_in(form, body);
        let mut peer = server.accept().await;
        if let Some(mut old) = old {
            old.expect_end().await;
        }
        peer.expect_call(body).await;
        assert_eq!(ended(call).await, ok(body));
        old = Some(peer);
    }
    assert_eq!(proxy.open(), 1);
    assert_eq!(proxy.stats.upstream_cx_destroy_local.value(), 2);
    assert_eq!(
        proxy.stats.upstream_rq_pending_total.value(),
        0,
        "none waited"
    );

    // In use, it is not: the other form waits, then takes it.
    let mut peer = old.expect("the third");
    let busy = caller.start_in("1", "busy");
    let request = peer.recv().await;
    let other = caller.start_in("2", "other");
    settle().await;
    server.expect_no_other();
    peer.answer(&request, "busy").await;
    assert_eq!(ended(busy).await, ok("busy"));
    peer.expect_end().await;
    server.accept().await.expect_call("other").await;
    assert_eq!(ended(other).await, ok("other"));
    proxy.assert_at_rest();
}

/// Of several at rest it is the one that was used least lately.
#[tokio::test(start_paused = true)]
async fn the_oldest_makes_room() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 3));
    let caller = proxy.caller();
    let calls = ["a", "b", "c"].map(|body| caller.start_in("1", body));
    let mut peers = [
        server.accept().await,
        server.accept().await,
        server.accept().await,
    ];
    for (peer, body) in peers.iter_mut().zip(["a", "b", "c"]) {
        peer.expect_call(body).await;
        settle().await;
    }
    for call in calls {
        ended(call).await.expect("an answer");
    }
    let other = caller.start_in("2", "other");
    let mut fresh = server.accept().await;
    fresh.expect_call("other").await;
    assert_eq!(ended(other).await, ok("other"));
    let [mut oldest, mut older, mut last] = peers;
    oldest.expect_end().await;
    older.expect_silence().await;
    last.expect_silence().await;
    assert_eq!(proxy.open(), 3);
}

/// Or to another endpoint: connections to one must not lock out the other.
#[tokio::test(start_paused = true)]
async fn another_endpoint_takes_the_place() {
    let network = Network::new();
    let (one, other) = (network.server().echo(), network.server().echo());
    let mut config = backend([&one.address, &other.address]);
    config.limits.max_connections = 1;
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let proxy = Proxy::new(toy, network.clone(), config.clone());
        let begun = Instant::now();
        for _ in 0..6 {
            assert_eq!(proxy.caller().ask("hello").await, ok("hello"));
        }
        assert!(
            begun.elapsed() < Duration::from_millis(100),
            "none is stuck"
        );
        assert_eq!(proxy.open(), 1);
    }
    assert_eq!((one.calls(), other.calls()), (6, 6));
}

/// The same for connections that are shared.
#[tokio::test(start_paused = true)]
async fn a_shared_connection_that_carries_nothing_makes_room() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, bounded(&server, 1));
    let caller = proxy.caller();
    let first = caller.start_in("1", "a");
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    let other = caller.start_in("2", "b");
    settle().await;
    server.expect_no_other();
    assert_eq!(proxy.stats.upstream_rq_pending_active.value(), 1);
    // In use, it is given up by nobody.
    let more = caller.start_in("1", "more");
    peer.expect_call("more").await;
    assert_eq!(ended(more).await, ok("more"));
    peer.answer(&request, "a").await;
    assert_eq!(ended(first).await, ok("a"));
    // The next look at it, within a second, finds that it carries nothing.
    peer.expect_end().await;
    let mut peer = server.accept().await;
    peer.expect_call("b").await;
    assert_eq!(ended(other).await, ok("b"));
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}

/// Beyond the bound on those that wait, requests are refused at once.
#[tokio::test(start_paused = true)]
async fn too_many_wait() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = bounded(&server, 1);
    config.limits.max_pending = 2;
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let caller = proxy.caller();
    let served = caller.start("served");
    let mut peer = server.accept().await;
    let waiting = [caller.start("waits"), caller.start("waits too")];
    settle().await;
    let reply = caller.call(&Frame::request(1, "refused")).await;
    let reply = reply.expect_err("one too many");
    assert_eq!(
        reply.to_string(),
        "overflow: 1 connections are in use and 2 requests wait for one (cluster backend)"
    );
    assert_eq!(proxy.stats.upstream_rq_pending_overflow.value(), 1);
    peer.expect_call("served").await;
    peer.expect_call("waits").await;
    // There is a place again.
    settle().await;
    let again = caller.start("again");
    peer.expect_call("waits too").await;
    peer.expect_call("again").await;
    for call in waiting.into_iter().chain([served, again]) {
        ended(call).await.expect("an answer");
    }
    proxy.assert_at_rest();
}

/// Beyond the bound on requests, too, whatever state the others are in.
#[tokio::test(start_paused = true)]
async fn too_many_requests() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let mut server = network.server();
        let mut config = bounded(&server, 1);
        config.limits.max_requests = 2;
        let proxy = Proxy::new(toy, network, config);
        let caller = proxy.caller();
        let calls = [caller.start("a"), caller.start("b")];
        settle().await;
        let reply = caller.call(&Frame::request(1, "refused")).await;
        assert_eq!(
            reply.expect_err("one too many").to_string(),
            "overflow: 2 requests are under way (cluster backend)"
        );
        assert_eq!(proxy.stats.upstream_rq_pending_overflow.value(), 1);
        let mut peer = server.accept().await;
        peer.expect_call("a").await;
        peer.expect_call("b").await;
        for call in calls {
            ended(call).await.expect("an answer");
        }
        let again = caller.start("again");
        peer.expect_call("again").await;
        assert_eq!(ended(again).await, ok("again"));
        proxy.assert_at_rest();
    }
}
