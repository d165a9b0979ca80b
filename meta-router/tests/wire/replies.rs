//! What a caller is told when there is no response.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{LocalReply, Mutation, Origin, ReplyKind, Response, Route};

use crate::{
    client::{Answer, ok, text},
    network::{Fault, Network},
    server::Server,
    setup::{Proxy, backend, session},
};

/// The reply's kind, its cluster, and its text.
fn told(answer: Answer) -> (ReplyKind, Option<String>, String) {
    let reply = answer.expect_err("there is no response");
    let cluster = reply.cluster().map(ToString::to_string);
    (reply.kind(), cluster, reply.to_string())
}

fn reply_of(answer: Result<Response, LocalReply>) -> LocalReply {
    answer.expect_err("there is no response")
}

#[tokio::test(start_paused = true)]
async fn no_route() {
    let proxy = Proxy::new(Toy::by_id(), Network::new(), backend([]));
    let mut caller = proxy.caller();
    caller.session = session(None);
    let answer = caller.call(&Frame::request(1, "")).await;
    assert_eq!(
        told(answer),
        (
            ReplyKind::NoRoute,
            None,
            "no_matched_route: no route matches".to_owned()
        )
    );
    let named = Frame::request(1, "").header("service", "Greeter");
    let answer = caller.call(&named.header("method", "hello")).await;
    let (_, _, text) = told(answer);
    assert_eq!(text, "no_matched_route: no route matches Greeter/hello");
    assert_eq!(proxy.stats.upstream_rq_total.value(), 0);
    proxy.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn unknown_cluster() {
    let proxy = Proxy::new(Toy::by_id(), Network::new(), backend([]));
    let caller = proxy.caller_by(Route::to_cluster("stray", "nowhere"));
    let answer = caller.call(&Frame::request(1, "")).await;
    assert_eq!(
        told(answer),
        (
            ReplyKind::UnknownCluster,
            Some("nowhere".to_owned()),
            "unknown_cluster: route \"stray\" names it (cluster nowhere)".to_owned()
        )
    );
    proxy.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn empty_cluster() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let proxy = Proxy::new(toy, Network::new(), backend([]));
        for frame in [
            Frame::request(1, ""),
            Frame::request(1, "").header("binds-session", "1"),
        ] {
            let answer = proxy.caller().call(&frame).await;
            assert_eq!(
                told(answer),
                (
                    ReplyKind::NoHealthyUpstream,
                    Some("backend".to_owned()),
                    "no_healthy_upstream: the cluster has no endpoint (cluster backend)".to_owned()
                )
            );
        }
        assert_eq!(proxy.stats.upstream_cx_none_healthy.value(), 2);
        assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 0);
        proxy.assert_at_rest();
    }
}

#[tokio::test]
async fn connect_refused() {
    // A port that nobody listens on any more.
    let server = Server::tcp().await;
    let address = server.address.clone();
    server.stop().await;
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let proxy = Proxy::over_tcp(toy, backend([&address]));
        let answer = proxy.caller().call(&Frame::request(1, "")).await;
        let reply = reply_of(answer);
        assert_eq!(reply.kind(), ReplyKind::ConnectFailed);
        assert_eq!(reply.origin(), Origin::Upstream);
        assert!(reply.is_retriable(), "not one byte was taken");
        let text = reply.to_string();
        let begin = format!("upstream_connect_failure: cannot connect to {address}: ");
        assert!(text.starts_with(&begin), "{text}");
        assert!(text.ends_with(" (cluster backend)"), "{text}");
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
        assert_eq!(proxy.stats.upstream_cx_connect_timeout.value(), 0);
        assert_eq!(proxy.stats.upstream_rq_pending_failure_eject.value(), 1);
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn connect_timeout() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let server = network.server();
        network.fault(&server, Fault::Hang);
        let mut config = backend([&server.address]);
        config.connect_timeout = Duration::from_secs(2);
        let proxy = Proxy::new(toy, network, config);
        let begun = tokio::time::Instant::now();
        let answer = proxy.caller().call(&Frame::request(1, "")).await;
        assert_eq!(begun.elapsed().as_secs(), 2);
        let text = "upstream_connect_failure: 10.0.0.1:1 did not accept within 2s \
                    (cluster backend)";
        let expected = (
            ReplyKind::ConnectFailed,
            Some("backend".to_owned()),
            text.to_owned(),
        );
        assert_eq!(told(answer), expected);
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
        assert_eq!(proxy.stats.upstream_cx_connect_timeout.value(), 1);
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

/// A codec's own limits are the peers' fault, and cost the connection nothing.
#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_written() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let echo = network.server().echo();
        let proxy = Proxy::new(toy, network, backend([&echo.address]));
        let caller = proxy.caller();
        let mut mutation = Mutation::new();
        mutation.set("key", "v".repeat(1 << 17));
        for _ in 0..3 {
            let mut request = caller.request(&Frame::request(1, "too much"));
            request.mutation = mutation.clone();
            let reply = reply_of(caller.send(request).await);
            assert_eq!(reply.kind(), ReplyKind::TooLarge);
            assert_eq!(&**reply.cluster().expect("it is named"), "backend");
        }
        assert_eq!(caller.ask("hello").await, ok("hello"));
        assert_eq!((echo.connections(), echo.calls()), (1, 1));
        proxy.assert_at_rest();
    }
}

/// One failed call ends nothing but itself: the client's connection stays.
#[tokio::test]
async fn the_client_reads_the_reply_and_goes_on() {
    for toy in [Toy::by_id(), Toy::one_at_a_time(), Toy::in_order()] {
        let mut server = Server::tcp().await;
        let proxy = Proxy::over_tcp(toy, backend([&server.address]));
        let mut client = proxy.client();
        client.send(&Frame::request(7, "lost")).await;
        let mut upstream = server.accept().await;
        assert_eq!(text(&upstream.recv().await), "lost");
        drop(upstream);
        let reply = client.recv().await;
        assert_eq!(reply.get("status"), Some("error"));
        assert_eq!(reply.get("reason"), Some("upstream_reset"));
        assert!(text(&reply).ends_with("(cluster backend)"), "{reply:?}");

        client.send(&Frame::request(8, "found")).await;
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        upstream.answer(&request, "here").await;
        assert_eq!(text(&client.recv().await), "here");
        client.leave().await;
        proxy.assert_at_rest();
    }
}

/// The server goes away with many requests pending: each is told, at once.
#[tokio::test(start_paused = true)]
async fn every_pending_request_is_told_at_once() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut client = proxy.client();
        for id in 1..=50 {
            client.send(&Frame::request(id, "lost")).await;
        }
        let mut upstream = server.accept().await;
        for _ in 1..=50 {
            upstream.recv().await;
        }
        let begun = tokio::time::Instant::now();
        drop(upstream);
        for _ in 1..=50 {
            let reply = client.recv().await;
            assert_eq!(reply.get("reason"), Some("upstream_reset"));
        }
        assert!(begun.elapsed() < Duration::from_millis(5));
        assert_eq!(proxy.stats.upstream_rq_rx_reset.value(), 50);
        assert_eq!(proxy.stats.upstream_cx_destroy_with_active_rq.value(), 1);
        client.leave().await;
        proxy.assert_at_rest();
    }
}

/// Half a response, then the end.
#[tokio::test(start_paused = true)]
async fn an_incomplete_response() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let answer = proxy.caller().start("");
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        let response = Frame::response(request.id, "never whole").encode();
        upstream.send_bytes(&response[..25]).await;
        drop(upstream);
        let reply = reply_of(answer.await.expect("no panic"));
        assert_eq!(reply.kind(), ReplyKind::UpstreamIncomplete);
        assert!(!reply.is_retriable());
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

/// What is no response of this protocol ends the connection and the call.
#[tokio::test(start_paused = true)]
async fn an_unreadable_response() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let answer = proxy.caller().start("");
        let mut upstream = server.accept().await;
        upstream.recv().await;
        upstream
            .send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await;
        let reply = reply_of(answer.await.expect("no panic"));
        assert_eq!(reply.kind(), ReplyKind::BadResponse);
        assert_eq!(reply.origin(), Origin::Upstream);
        upstream.expect_end().await;
        assert_eq!(proxy.stats.upstream_cx_protocol_error.value(), 1);
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}
