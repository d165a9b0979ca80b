//! Those that wait for a connection where no more may be made.

use std::time::Duration;

use meta_codec_test::{
    alloc,
    toy::{Frame, Toy},
};
use meta_core::{ReplyKind, Route};
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    client::{ended, ok, poll_once},
    network::{Fault, Network},
    peer::settle,
    setup::{Proxy, bounded},
};

/// Those that wait go on in order, over the connections that are given back.
#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_connection_to_be_given_back() {
    let network = Network::new();
    let mut server = network.server();
    let config = bounded(&server, 2);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let caller = proxy.caller();
    let first = [caller.start("a"), caller.start("b")];
    let (mut one, mut other) = (server.accept().await, server.accept().await);
    let mut waiting = Vec::new();
    for body in ["c", "d", "e"] {
        waiting.push(caller.start(body));
        settle().await;
    }
    assert_eq!(proxy.stats.upstream_rq_pending_active.value(), 3);
    assert_eq!(proxy.stats.upstream_cx_overflow.value(), 3);
    server.expect_no_other();

    other.expect_call("b").await;
    settle().await;
    other.expect_call("c").await;
    settle().await;
    one.expect_call("a").await;
    settle().await;
    assert_eq!(proxy.stats.upstream_rq_pending_active.value(), 0);
    one.expect_call("e").await;
    other.expect_call("d").await;
    for (call, body) in first
        .into_iter()
        .chain(waiting)
        .zip(["a", "b", "c", "d", "e"])
    {
        assert_eq!(ended(call).await, ok(body));
    }
    server.expect_no_other();
    assert_eq!(proxy.stats.upstream_cx_total.value(), 2);
    assert_eq!(proxy.stats.upstream_rq_pending_total.value(), 3);
    proxy.assert_at_rest();
}

/// A connection that ends makes room as well, however it ends.
#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_connection_to_be_closed() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 1));
    let caller = proxy.caller();
    let given_up = caller.start("given up");
    let _given_up = server.accept().await;
    let broken = caller.start("broken");
    settle().await;
    let late = caller.start("late");
    settle().await;
    let last = caller.start("last");
    settle().await;
    server.expect_no_other();
    given_up.abort();
    drop(server.accept().await);
    assert_eq!(ended(broken).await, Err(ReplyKind::UpstreamReset));
    let mut late_peer = server.accept().await;
    late.abort();
    late_peer.recv().await;
    late_peer.expect_end().await;
    server.accept().await.expect_call("last").await;
    assert_eq!(ended(last).await, ok("last"));
    proxy.assert_at_rest();
}

/// A client with a thousand requests ready does not keep out one that has waited
/// for longer.
#[tokio::test(start_paused = true)]
async fn nobody_gets_ahead_of_those_that_wait() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 1));
    let mut greedy = proxy.client_one_by_one();
    for id in 0..1_000 {
        greedy.send(&Frame::request(id, "greedy")).await;
    }
    let mut peer = server.accept().await;
    peer.expect_call("greedy").await;
    let request = peer.recv().await;
    let modest = proxy.caller().start("modest");
    let other = proxy.caller().start_in("1", "other");
    settle().await;
    peer.answer(&request, "").await;
    peer.expect_call("modest").await;
    peer.expect_end().await;
    let mut peer = server.accept().await;
    peer.expect_call("other").await;
    assert_eq!(ended(modest).await, ok("modest"));
    assert_eq!(ended(other).await, ok("other"));
    peer.expect_end().await;
    let mut peer = server.accept().await;
    for _ in 2..1_000 {
        peer.expect_call("greedy").await;
    }
    greedy.leave().await;
    proxy.assert_at_rest();
}

/// Where no connection can be made, whoever waits tries in turn.
#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_connection_that_fails() {
    let network = Network::new();
    let server = network.server();
    let config = bounded(&server, 1);
    for _ in 0..3 {
        network.fault(&server, Fault::Refuse);
    }
    let hung = network.hold(&server);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let calls: Vec<_> = (0..5).map(|_| proxy.caller().start("")).collect();
    settle().await;
    let failed = calls.iter().filter(|call| call.is_finished()).count();
    assert_eq!(failed, 3);
    drop(hung);
    settle().await;
    assert_eq!(proxy.stats.upstream_cx_total.value(), 5);
    for call in calls.into_iter().take(4) {
        assert_eq!(ended(call).await, Err(ReplyKind::ConnectFailed));
    }
    assert_eq!(proxy.open(), 1, "the last has its connection");
}

/// Who waits and goes leaves nothing, and does not keep the place of others.
#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_passes_it_on() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 1));
    let caller = proxy.caller();
    let mut first = caller.call(&Frame::request(1, "first"));
    assert!(poll_once(&mut first).is_pending());
    let mut peer = server.accept().await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(caller.start("impatient"));
        settle().await;
    }
    let last = caller.start("last");
    settle().await;
    peer.expect_call("first").await;
    assert!(poll_once(&mut first).is_ready());
    // The connection is given back, the first of those that wait has been woken
    // and has not run: it goes, and so do the others before the last.
    waiting.iter().for_each(JoinHandle::abort);
    let begun = Instant::now();
    peer.expect_call("last").await;
    assert_eq!(ended(last).await, ok("last"));
    assert!(begun.elapsed() < Duration::from_millis(10), "at once");
    assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 10);
    proxy.assert_at_rest();
}

/// However many have waited and gone while nothing was given back.
#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_leaves_nothing() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, bounded(&server, 1));
    let caller = proxy.caller();
    let busy = caller.start_in("1", "busy");
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    let frame = Frame::request(1, "impatient").header("form", "2");
    let wait = |count| {
        for _ in 0..count {
            assert!(poll_once(&mut caller.call(&frame)).is_pending());
        }
    };
    wait(1_000);
    let ((), usage) = alloc::measure(|| wait(20_000));
    assert!(alloc::is_counting());
    assert!(usage.kept_bytes < 4 << 10, "{usage:?}");
    peer.answer(&request, "busy").await;
    assert_eq!(ended(busy).await, ok("busy"));
    assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 21_000);
    proxy.assert_at_rest();
}

/// Waiting takes of a request's time.
#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_requests_time() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, bounded(&server, 1));
    let slow = proxy.caller().start("slow");
    let _peer = server.accept().await;
    let mut route = Route::to_cluster("all", "backend");
    route.timeout = Some(Duration::from_secs(1));
    let begun = Instant::now();
    let answer = proxy.caller_by(route).ask("hasty").await;
    assert_eq!(answer, Err(ReplyKind::Timeout));
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(proxy.stats.upstream_rq_pending_active.value(), 0);
    slow.abort();
    settle().await;
    proxy.assert_at_rest();
}
