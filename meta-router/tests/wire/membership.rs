//! Endpoints that come and go while they are used.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Address, ReplyKind};
use tokio::time::{Instant, sleep};

use crate::{
    client::{ended, ok},
    network::{Fault, Network},
    peer::{patiently, settle},
    server::{Echo, Server},
    setup::{Proxy, backend},
};

fn toys() -> [Toy; 3] {
    [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()]
}

#[tokio::test(start_paused = true)]
async fn what_is_added_is_used_at_once() {
    for toy in toys() {
        let network = Network::new();
        let [one, other] = [(); 2].map(|()| network.server().echo());
        let proxy = Proxy::new(toy, network, backend([&one.address]));
        let caller = proxy.caller();
        assert_eq!(caller.ask("a").await, ok("a"));
        proxy.lead_to([&one.address, &other.address]);
        for _ in 0..2 {
            assert_eq!(caller.ask("b").await, ok("b"));
        }
        assert_eq!((one.calls(), other.calls()), (2, 1));
        assert_eq!(one.connections(), 1, "what stays keeps its connection");
    }
}

#[tokio::test(start_paused = true)]
async fn all_can_be_replaced() {
    for toy in toys() {
        let network = Network::new();
        let mut old = network.server();
        let new = network.server().echo();
        let proxy = Proxy::new(toy, network, backend([&old.address]));
        let caller = proxy.caller();
        let first = caller.start("first");
        let mut peer = old.accept().await;
        peer.expect_call("first").await;
        assert_eq!(ended(first).await, ok("first"));
        let in_flight = caller.start("in flight");
        let request = peer.recv().await;
        proxy.lead_to([&new.address]);
        // The next request tells the worker, unless it has looked by itself.
        assert_eq!(caller.ask("next").await, ok("next"));
        sleep(Duration::from_secs(2)).await;
        assert_eq!(proxy.open(), 2);
        peer.answer(&request, "in flight").await;
        assert_eq!(ended(in_flight).await, ok("in flight"));
        peer.expect_end().await;
        assert_eq!((new.calls(), proxy.open()), (1, 1));
        old.expect_no_other();
    }
}

#[tokio::test(start_paused = true)]
async fn to_none_and_back() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller();
        let call = caller.start("a");
        let mut peer = server.accept().await;
        peer.expect_call("a").await;
        assert_eq!(ended(call).await, ok("a"));
        proxy.lead_to([]);
        assert_eq!(caller.ask("").await, Err(ReplyKind::NoHealthyUpstream));
        assert_eq!(proxy.stats.upstream_cx_none_healthy.value(), 1);
        peer.expect_end().await;
        proxy.lead_to([&server.address]);
        let call = caller.start("b");
        server.accept().await.expect_call("b").await;
        assert_eq!(ended(call).await, ok("b"));
        proxy.assert_at_rest();
    }
}

/// Nobody asks: connections at rest are closed all the same.
#[tokio::test(start_paused = true)]
async fn what_is_gone_is_closed_without_a_request() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let call = proxy.caller().start("a");
        let mut peer = server.accept().await;
        peer.expect_call("a").await;
        assert_eq!(ended(call).await, ok("a"));
        let (began, nowhere) = (Instant::now(), Address::Memory);
        proxy.membership().replace(&[nowhere]);
        peer.expect_end().await;
        assert!(began.elapsed() <= Duration::from_secs(1));
        settle().await;
        assert_eq!(proxy.open(), 0);
    }
}

/// Requests that wait for a connection to what is gone go elsewhere.
#[tokio::test(start_paused = true)]
async fn who_waits_goes_elsewhere() {
    for toy in toys() {
        let network = Network::new();
        let (mut old, new) = (network.server(), network.server().echo());
        let mut config = backend([&old.address]);
        config.limits.max_connections = 1;
        let proxy = Proxy::new(toy, network.clone(), config);
        let caller = proxy.caller();
        let connects = network.hold(&old);
        let calls = ["a", "b", "c"].map(|body| caller.start(body));
        settle().await;
        proxy.lead_to([&new.address]);
        settle().await;
        // The one that was being connected for goes there; with a shared connection
        // all that waited for it.
        connects.send(()).expect("it waits");
        let mut peer = old.accept().await;
        let server = tokio::spawn(async move {
            let mut count = 0;
            while let Some(request) = peer.next().await {
                let body = request.body.clone();
                peer.answer(&request, body).await;
                count += 1;
            }
            count
        });
        for (call, body) in calls.into_iter().zip(["a", "b", "c"]) {
            assert_eq!(ended(call).await, ok(body));
        }
        let there = patiently(server).await.expect("no panic");
        assert_eq!(there + new.calls(), 3);
        assert!(there >= 1);
        old.expect_no_other();
        assert_eq!(caller.ask("d").await, ok("d"));
        proxy.assert_at_rest();
    }
}

/// A connection that cannot be made to what is gone costs no request.
#[tokio::test(start_paused = true)]
async fn a_connect_that_fails_goes_elsewhere() {
    for toy in toys() {
        let network = Network::new();
        let (old, new) = (network.server(), network.server().echo());
        let proxy = Proxy::new(toy, network.clone(), backend([&old.address]));
        for _ in 0..2 {
            network.fault(&old, Fault::Hang);
        }
        let calls = ["a", "b"].map(|body| proxy.caller().start(body));
        settle().await;
        proxy.lead_to([&new.address]);
        for (call, body) in calls.into_iter().zip(["a", "b"]) {
            assert_eq!(ended(call).await, ok(body));
        }
        proxy.assert_at_rest();
    }
}

/// A client with a connection of its own keeps it.
#[tokio::test(start_paused = true)]
async fn who_is_bound_stays() {
    let network = Network::new();
    let (mut old, new) = (network.server(), network.server().echo());
    let proxy = Proxy::new(Toy::by_id(), network, backend([&old.address]));
    let caller = proxy.caller();
    let binds = Frame::request(1, "binds").header("binds-session", "yes");
    let bound = tokio::spawn(caller.call(&binds));
    let mut peer = old.accept().await;
    peer.expect_call("binds").await;
    assert_eq!(ended(bound).await, ok("binds"));
    proxy.lead_to([&new.address]);
    assert_eq!(proxy.caller().ask("other").await, ok("other"));
    sleep(Duration::from_secs(600)).await;
    let call = caller.start("still");
    peer.expect_call("still").await;
    assert_eq!(ended(call).await, ok("still"));
    // When that ends, it is one like the others.
    drop(peer);
    settle().await;
    assert_eq!(caller.ask("then").await, ok("then"));
    assert_eq!(new.calls(), 2);
    proxy.assert_at_rest();
}

/// All workers follow, each when it looks.
#[tokio::test(start_paused = true)]
async fn every_worker_follows() {
    let network = Network::new();
    let [one, other] = [(); 2].map(|()| network.server().echo());
    let first = Proxy::new(Toy::by_id(), network, backend([&one.address]));
    let workers = [first.another(1), first.another(2)];
    for worker in &workers {
        assert_eq!(worker.caller().ask("a").await, ok("a"));
    }
    first.lead_to([&other.address]);
    for worker in &workers {
        assert_eq!(worker.caller().ask("b").await, ok("b"));
    }
    assert_eq!((one.calls(), other.calls()), (2, 2));
    drop(one);
}

/// What is known of an endpoint outlives what happens to others.
#[tokio::test(start_paused = true)]
async fn what_fails_is_left_alone_whoever_else_comes() {
    let network = Network::new();
    let (dead, good): (Server, Echo) = (network.server(), network.server().echo());
    let late = network.server().echo();
    let config = backend([&dead.address, &good.address]);
    let proxy = Proxy::new(Toy::by_id(), network.clone(), config);
    network.fault(&dead, Fault::Refuse);
    let caller = proxy.caller();
    for _ in 0..2 {
        assert_eq!(caller.ask("a").await, ok("a"));
    }
    assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
    proxy.lead_to([&dead.address, &good.address, &late.address]);
    network.fault(&dead, Fault::Refuse);
    for _ in 0..6 {
        assert_eq!(caller.ask("b").await, ok("b"));
    }
    assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
    assert!(late.calls() > 0);
}
