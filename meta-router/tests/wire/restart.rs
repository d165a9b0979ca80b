//! Servers that restart behind a running proxy.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::ReplyKind;

use crate::{
    client::{ended, ok, poll_once, text},
    network::{Fault, Network},
    peer::settle,
    server::Server,
    setup::{Proxy, backend},
};

/// Between two calls the server goes, and another comes to the same port.
#[tokio::test]
async fn a_restart_between_two_calls_costs_nothing() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let mut server = Server::tcp().await;
        let proxy = Proxy::over_tcp(toy, backend([&server.address]));
        let mut client = proxy.client();
        for round in 0..20 {
            client.send(&Frame::request(1, format!("{round}"))).await;
            let mut upstream = server.accept().await;
            let request = upstream.recv().await;
            upstream.answer(&request, request.body.clone()).await;
            assert_eq!(text(&client.recv().await), round.to_string());
            let address = server.address.clone();
            drop(upstream);
            server.stop().await;
            server = Server::tcp_at(&address).await;
            // By the time that another client's connection to the new server is
            // seen, the end of the old connection is too.
            drop(tokio::net::TcpStream::connect(address.to_string()).await);
            drop(server.accept().await);
        }
        assert_eq!(proxy.stats.upstream_rq_completed.value(), 20);
        assert_eq!(proxy.downstream.local_response_error.value(), 0);
        client.leave().await;
        proxy.assert_at_rest();
    }
}

/// Leaves one connection at rest whose writes will fail when it has taken so many
/// bytes more, which nothing tells beforehand; calls, and returns the proxy.
async fn race(toy: Toy, takes: usize) -> (Proxy, Server, Result<String, ReplyKind>) {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(toy, network, backend([&server.address]));
    let caller = proxy.caller();
    let first = caller.start("first");
    let mut old = server.accept().await;
    let request = old.recv().await;
    old.answer(&request, "").await;
    ended(first).await.expect("an answer");
    old.link.take_only(takes);

    let second = caller.start("second");
    settle().await;
    if takes == 0 {
        let mut fresh = server.accept().await;
        let request = fresh.recv().await;
        assert_eq!(text(&request), "second");
        fresh.answer(&request, "twice sent").await;
        settle().await;
        fresh.expect_silence().await;
    }
    assert_eq!(old.next().await, None, "what broke is closed");
    let answer = ended(second).await;
    (proxy, server, answer)
}

/// Not one byte was taken: the call is sent once more, over a fresh connection.
#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_sent_once_more() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let (proxy, mut server, answer) = race(toy, 0).await;
        assert_eq!(answer, ok("twice sent"));
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 1);
        assert_eq!(proxy.stats.upstream_cx_total.value(), 2);
        server.expect_no_other();
        proxy.assert_at_rest();
    }
}

/// Some of it was: it may have been carried out, and is answered with an error.
#[tokio::test(start_paused = true)]
async fn what_was_half_taken_is_not() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let (proxy, mut server, answer) = race(toy, 5).await;
        assert_eq!(answer, Err(ReplyKind::UpstreamReset));
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        assert_eq!(proxy.open(), 0);
        server.expect_no_other();
        proxy.assert_at_rest();
    }
}

/// Twice is not a race any more.
#[tokio::test(start_paused = true)]
async fn once_more_and_no_more() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network.clone(), backend([&server.address]));
        let caller = proxy.caller();
        let first = caller.start("first");
        let mut old = server.accept().await;
        let request = old.recv().await;
        old.answer(&request, "").await;
        ended(first).await.expect("an answer");
        old.link.take_only(0);
        for _ in 0..5 {
            network.fault(&server, Fault::TakeOnly(0));
        }
        let answer = caller.call(&Frame::request(2, "second")).await;
        let reply = answer.expect_err("both broke");
        assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
        assert!(reply.is_retriable(), "by whoever wants to");
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 1);
        assert_eq!(proxy.stats.upstream_cx_total.value(), 2);
        proxy.assert_at_rest();
    }
}

/// That a new connection breaks is no race: the server is ill.
#[tokio::test(start_paused = true)]
async fn a_new_connection_that_breaks_is_the_answer() {
    let network = Network::new();
    let server = network.server();
    let proxy = Proxy::new(
        Toy::one_at_a_time(),
        network.clone(),
        backend([&server.address]),
    );
    network.fault(&server, Fault::TakeOnly(0));
    let answer = proxy.caller().ask("call").await;
    assert_eq!(answer, Err(ReplyKind::UpstreamReset));
    assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
    assert_eq!(proxy.stats.upstream_cx_total.value(), 1);
    proxy.assert_at_rest();
}

/// Of many connections at rest all are bad: the fresh one is none of them.
#[tokio::test(start_paused = true)]
async fn once_more_means_afresh() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let caller = proxy.caller();
    let calls = [(); 5].map(|()| caller.start(""));
    let mut old = Vec::new();
    for _ in 0..5 {
        let mut peer = server.accept().await;
        let request = peer.recv().await;
        peer.answer(&request, "").await;
        peer.link.take_only(0);
        old.push(peer);
    }
    for call in calls {
        ended(call).await.expect("an answer");
    }
    let call = caller.start("");
    let mut fresh = server.accept().await;
    let request = fresh.recv().await;
    fresh.answer(&request, "fresh").await;
    assert_eq!(ended(call).await, ok("fresh"));
    assert_eq!(proxy.stats.upstream_rq_retry.value(), 1);
    assert_eq!(proxy.open(), 5, "four untried ones and the fresh one");
    proxy.assert_at_rest();
}

/// A one-way call is sent once more, too.
#[tokio::test(start_paused = true)]
async fn one_way_calls_too() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller();
        let one_way = |body| Frame::new(meta_core::MessageKind::OneWay, 1, body);
        caller.call(&one_way("first")).await.expect("it is written");
        let mut old = server.accept().await;
        assert_eq!(text(&old.recv().await), "first");
        old.link.take_only(0);
        caller
            .call(&one_way("second"))
            .await
            .expect("it is written");
        let mut fresh = server.accept().await;
        assert_eq!(text(&fresh.recv().await), "second");
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 1);
        fresh.link.take_only(3);
        let half = caller.call(&one_way("third")).await;
        assert_eq!(
            half.expect_err("half taken").kind(),
            ReplyKind::UpstreamReset
        );
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 1);
        proxy.assert_at_rest();
    }
}

/// The server said why it closes before it did: that is the answer.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_counts() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let call = proxy.caller().start("");
        let mut peer = server.accept().await;
        let request = peer.recv().await;
        peer.answer(&request, "goodbye").await;
        drop(peer);
        assert_eq!(ended(call).await, ok("goodbye"));
        settle().await;
        proxy.assert_at_rest();
    }
}

/// The end is there to be read, and the call comes in the same moment: it is not
/// written to where it would be lost.
#[tokio::test(start_paused = true)]
async fn an_end_that_is_known_is_heeded() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller();
        let first = caller.start("first");
        let mut old = server.accept().await;
        let request = old.recv().await;
        old.answer(&request, "first").await;
        assert_eq!(ended(first).await, ok("first"));
        settle().await;

        old.link.swallow();
        drop(old);
        let mut second = caller.call(&Frame::request(2, "second"));
        assert!(poll_once(&mut second).is_pending());
        let second = tokio::spawn(second);
        let mut new = server.accept().await;
        let request = new.recv().await;
        new.answer(&request, "second").await;
        assert_eq!(ended(second).await, ok("second"));
        proxy.assert_at_rest();
    }
}
