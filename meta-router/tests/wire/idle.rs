//! Connections at rest: how long they are kept, and that a dead one is never
//! handed out.

use std::{future::poll_fn, task::Poll, time::Duration};

use meta_codec_test::toy::{Frame, Toy};
use tokio::task::coop;

use crate::{
    client::{ended, ok, text},
    network::Network,
    peer::{Peer, settle, until},
    server::Server,
    setup::{Proxy, backend},
};

/// Makes so many calls at once that `count` connections come to rest.
async fn rest(proxy: &Proxy, server: &mut Server, count: usize) -> Vec<Peer> {
    let caller = proxy.caller();
    let calls: Vec<_> = (0..count).map(|_| caller.start("")).collect();
    let mut peers = Vec::new();
    for _ in 0..count {
        peers.push(server.accept().await);
    }
    for peer in &mut peers {
        let request = peer.recv().await;
        peer.answer(&request, "").await;
    }
    for call in calls {
        ended(call).await.expect("an answer");
    }
    peers
}

#[tokio::test(start_paused = true)]
async fn what_is_not_used_is_closed() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.idle_timeout = Duration::from_secs(10);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let mut peers = rest(&proxy, &mut server, 2).await;
    // The last used is used again and again; the other is not.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let call = proxy.caller().start("");
        let request = peers[1].recv().await;
        peers[1].answer(&request, "").await;
        ended(call).await.expect("an answer");
    }
    peers[0].expect_end().await;
    assert_eq!(proxy.open(), 1);
    assert_eq!(proxy.stats.upstream_cx_idle_timeout.value(), 1);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(proxy.open(), 1, "not before its time");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(proxy.open(), 0);
    peers[1].expect_end().await;
    assert_eq!(proxy.stats.upstream_cx_idle_timeout.value(), 2);
    assert_eq!(proxy.stats.upstream_cx_destroy_local.value(), 2);
    assert_eq!(proxy.stats.upstream_cx_destroy.value(), 2);
}

/// A connection in use is not at rest, however long its exchange takes.
#[tokio::test(start_paused = true)]
async fn what_is_used_is_not_closed() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.idle_timeout = Duration::from_secs(1);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let call = proxy.caller().start("");
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    tokio::time::sleep(Duration::from_secs(14)).await;
    peer.answer(&request, "late").await;
    assert_eq!(ended(call).await, ok("late"));
}

/// Nobody asks for the connection: that its server closed it is noticed all the
/// same, at once where it has been at rest for a while.
#[tokio::test]
async fn a_server_that_closes_is_noticed_without_use() {
    let mut server = Server::tcp().await;
    let proxy = Proxy::over_tcp(Toy::one_at_a_time(), backend([&server.address]));
    let peers = rest(&proxy, &mut server, 3).await;
    drop(peers);
    until(|| proxy.open() == 0).await;
    assert_eq!(proxy.stats.upstream_cx_stale.value(), 3);
    assert_eq!(proxy.stats.upstream_cx_destroy_remote.value(), 3);
    assert_eq!(proxy.stats.upstream_cx_destroy.value(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_is_noticed_at_once() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut peers = rest(&proxy, &mut server, 200).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(proxy.open(), 200);
    drop(peers.split_off(150));
    settle().await;
    assert_eq!(proxy.open(), 150);
    drop(peers);
    settle().await;
    assert_eq!(proxy.open(), 0);
}

/// Closed a moment ago, and no sweep since.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_never_handed_out() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut peers = rest(&proxy, &mut server, 3).await;
    // Of these, the one used last and the one before are dead.
    drop(peers.split_off(1));
    let call = proxy.caller().start("good");
    assert_eq!(text(&peers[0].recv().await), "good");
    assert_eq!(proxy.open(), 1);
    assert_eq!(proxy.stats.upstream_cx_stale.value(), 2);
    assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
    server.expect_no_other();
    call.abort();
}

/// Nor where the task has used up the time that the runtime grants it in one go,
/// so that every stream would seem to be at rest.
#[tokio::test(start_paused = true)]
async fn not_even_to_a_busy_task() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    drop(rest(&proxy, &mut server, 1).await);
    let mut call = proxy.caller().call(&Frame::request(1, "good"));
    poll_fn(|cx| {
        while coop::has_budget_remaining() {
            let Poll::Ready(used) = coop::poll_proceed(cx) else {
                break;
            };
            used.made_progress();
        }
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let call = tokio::spawn(call);
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    peer.answer(&request, "good").await;
    assert_eq!(ended(call).await, ok("good"));
    assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
}

/// The sweep that takes some out leaves the rest in their order.
#[tokio::test(start_paused = true)]
async fn a_sweep_keeps_the_order() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut peers = rest(&proxy, &mut server, 4).await;
    // The two that were used least lately close.
    drop(peers.drain(..2));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(proxy.open(), 2);
    for n in [1, 0] {
        let caller = proxy.caller();
        caller.start("");
        settle().await;
        peers[n].recv().await;
    }
    server.expect_no_other();
}

/// With the router its connections go, those at rest and those that are shared.
#[tokio::test(start_paused = true)]
async fn nothing_outlives_the_router() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut peers = rest(&proxy, &mut server, 1).await;
        let stats = proxy.stats.clone();
        assert_eq!(stats.upstream_cx_active.value(), 1);
        drop(proxy);
        peers[0].expect_end().await;
        settle().await;
        assert_eq!(stats.upstream_cx_active.value(), 0);
        assert_eq!(stats.upstream_cx_destroy.value(), 1);
    }
}

/// Calls in flight have the router to themselves until they end.
#[tokio::test(start_paused = true)]
async fn a_call_in_flight_outlives_the_router() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let call = proxy.caller().start("");
        let mut peer = server.accept().await;
        let request = peer.recv().await;
        let wheel = proxy.wheel.clone();
        drop(proxy);
        tokio::time::sleep(Duration::from_secs(5)).await;
        peer.answer(&request, "still").await;
        assert_eq!(ended(call).await, ok("still"));
        peer.expect_end().await;
        assert!(wheel.is_empty());
    }
}

/// The cluster's time holds for shared connections too, unless they have their own.
#[tokio::test(start_paused = true)]
async fn shared_connections_that_are_not_used_are_closed() {
    for own in [None, Some(Duration::from_secs(20))] {
        let network = Network::new();
        let mut server = network.server();
        let mut config = backend([&server.address]);
        config.idle_timeout = Duration::from_secs(10);
        config.upstream.idle_timeout = own;
        let proxy = Proxy::new(Toy::by_id(), network, config);
        let mut peer = rest(&proxy, &mut server, 1).await.remove(0);
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(8)).await;
            let call = proxy.caller().start("used");
            peer.expect_call("used").await;
            assert_eq!(ended(call).await, ok("used"));
        }
        let start = tokio::time::Instant::now();
        peer.expect_end().await;
        assert_eq!(
            start.elapsed().as_secs(),
            own.map_or(10, |own| own.as_secs())
        );
        assert_eq!(proxy.stats.upstream_cx_idle_timeout.value(), 1);
        settle().await;
        assert_eq!(proxy.open(), 0);
        // It is made again for whoever comes next.
        let call = proxy.caller().start("next");
        server.accept().await.expect_call("next").await;
        assert_eq!(ended(call).await, ok("next"));
    }
}

#[tokio::test(start_paused = true)]
async fn shared_connections_with_requests_in_flight_are_not_closed() {
    let network = Network::new();
    let mut server = network.server();
    let mut config = backend([&server.address]);
    config.idle_timeout = Duration::from_secs(1);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let call = proxy.caller().start("");
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    tokio::time::sleep(Duration::from_secs(14)).await;
    peer.answer(&request, "late").await;
    assert_eq!(ended(call).await, ok("late"));
}
