//! Several endpoints, and several workers.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{ReplyKind, WireForm};

use crate::{
    client::{Caller, ended, frame_of, ok},
    network::Network,
    peer::{patiently, settle},
    server::Echo,
    setup::{Proxy, backend},
};

/// Which of the servers answers.
async fn by(caller: &Caller, servers: &[Echo], form: WireForm) -> usize {
    let frame = Frame::request(1, "").header("form", form.0.to_string());
    let answer = patiently(caller.call(&frame)).await.expect("an answer");
    let frame = frame_of(answer);
    let by = frame.get("by").expect("an echo").to_owned();
    let found = servers.iter().position(|s| s.address.to_string() == by);
    found.expect("one of them")
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_after_the_other() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let servers = [(); 3].map(|()| network.server().echo());
        let config = backend([0, 1, 2].map(|n: usize| &servers[n].address));
        let proxy = Proxy::new(toy, network, config);
        for worker in [0, 1, 2, 5] {
            let worker = proxy.another(worker);
            let mut order = Vec::new();
            for _ in 0..7 {
                order.push(by(&worker.caller(), &servers, WireForm(0)).await);
            }
            let first = order[0];
            let expected: Vec<_> = (0..7).map(|n| (first + n) % 3).collect();
            assert_eq!(order, expected);
        }
    }
}

/// Few requests on many workers must not all go to the first endpoint.
#[tokio::test(start_paused = true)]
async fn workers_begin_at_different_endpoints() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let servers = [(); 3].map(|()| network.server().echo());
        let config = backend([0, 1, 2].map(|n: usize| &servers[n].address));
        let proxy = Proxy::new(toy, network, config);
        let mut first = Vec::new();
        for worker in 0..6 {
            let caller = proxy.another(worker).caller();
            first.push(by(&caller, &servers, WireForm(0)).await);
        }
        assert_eq!(first, [0, 1, 2, 0, 1, 2]);
    }
}

/// A cluster with a dead endpoint: what cannot be sent there goes to the others.
#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_costs_nobody_an_answer() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let (dead, good) = (network.server(), network.server().echo());
        let config = backend([&dead.address, &good.address]);
        let dead_address = dead.address.clone();
        drop(dead);
        let proxy = Proxy::new(toy.clone(), network.clone(), config);
        let caller = proxy.caller();
        for _ in 0..5 {
            assert_eq!(caller.ask("a").await, ok("a"));
        }
        // It was tried once; for a second it is left alone.
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
        assert_eq!(proxy.stats.upstream_rq_pending_failure_eject.value(), 0);
        assert_eq!(good.connections(), 1);
        proxy.assert_at_rest();

        // Where all are dead, one try is enough to say so.
        let proxy = Proxy::new(toy, network, backend([&dead_address]));
        let answer = proxy.caller().ask("a").await;
        assert_eq!(answer, Err(ReplyKind::ConnectFailed));
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
        assert_eq!(proxy.stats.upstream_rq_pending_failure_eject.value(), 1);
    }
}

/// The bounds are the cluster's, but each worker may have one connection.
#[tokio::test(start_paused = true)]
async fn workers_share_the_bound_on_connections() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.limits.max_connections = 2;
    let one = Proxy::new(Toy::one_at_a_time(), network, config);
    let other = one.another(1);
    let calls = [one.caller().start("a"), one.caller().start("b")];
    let mut peers = vec![server.accept().await, server.accept().await];
    // Over the bound: it is this worker's first.
    let over = other.caller().start("c");
    peers.push(server.accept().await);
    // Its second is not.
    let waits = other.caller().start("d");
    settle().await;
    server.expect_no_other();
    assert_eq!((one.open(), other.open()), (2, 1));
    assert_eq!(other.stats.upstream_rq_pending_active.value(), 1);

    // Two places are given up elsewhere; one of them was over the bound.
    for call in calls {
        call.abort();
    }
    settle().await;
    assert_eq!(one.open(), 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    peer.answer(&request, "d").await;
    assert_eq!(ended(waits).await, ok("d"));
    let request = peers[2].recv().await;
    peers[2].answer(&request, "c").await;
    assert_eq!(ended(over).await, ok("c"));
    assert_eq!(other.open(), 2);
    one.assert_at_rest();
    other.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn each_worker_may_have_one_connection() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let echo = network.server().echo();
        let mut config = backend([&echo.address]);
        config.limits.max_connections = 0;
        let first = Proxy::new(toy, network, config);
        let workers = [first.another(1), first.another(2), first.another(3)];
        for worker in &workers {
            assert_eq!(worker.caller().ask("hello").await, ok("hello"));
            assert_eq!(worker.open(), 1);
        }
        // The one serves another form when it is at rest.
        for form in [1, 2, 1] {
            let frame = Frame::request(1, "").header("form", form.to_string());
            let answer = patiently(workers[0].caller().call(&frame)).await;
            answer.expect("an answer");
            assert_eq!(workers[0].open(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn workers_share_the_bounds_on_requests() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.limits.max_connections = 1;
    config.limits.max_pending = 1;
    config.limits.max_requests = 4;
    let one = Proxy::new(Toy::one_at_a_time(), network, config);
    let other = one.another(1);
    let mut calls = vec![one.caller().start("a"), other.caller().start("b")];
    let mut peers = [server.accept().await, server.accept().await];
    calls.push(one.caller().start("waits"));
    settle().await;
    let text = |worker: &Proxy| {
        let call = worker.caller().call(&Frame::request(1, ""));
        async move { call.await.expect_err("one too many").to_string() }
    };
    let refused = "overflow: 1 connections are in use and 1 requests wait for one";
    assert!(text(&other).await.starts_with(refused));
    calls.push(other.caller().start("waits no more"));
    settle().await;
    for peer in &mut peers {
        let request = peer.recv().await;
        peer.answer(&request, "").await;
    }
    settle().await;
    for call in calls {
        call.abort();
    }
    settle().await;
    one.assert_at_rest();
    other.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn workers_share_the_bound_on_what_is_under_way() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.limits.max_requests = 2;
    let one = Proxy::new(Toy::by_id(), network, config);
    let other = one.another(1);
    let calls = [one.caller().start("a"), other.caller().start("b")];
    let _peers = [server.accept().await, server.accept().await];
    settle().await;
    for worker in [&one, &other] {
        let reply = worker.caller().ask("").await;
        assert_eq!(reply, Err(ReplyKind::Overflow));
    }
    let [first, second] = calls;
    first.abort();
    settle().await;
    let third = other.caller().start("c");
    settle().await;
    assert!(!third.is_finished(), "there is room for it");
    drop((second, third));
}
