//! Connections that carry so many requests and no more.

use std::num::NonZeroU32;

use meta_codec_test::toy::Toy;
use meta_router::ClusterConfig;

use crate::{
    client::{ended, ok},
    network::Network,
    server::Server,
    setup::{Proxy, backend},
};

fn two_each(server: &Server) -> ClusterConfig {
    let mut config = backend([&server.address]);
    config.max_requests_per_connection = NonZeroU32::new(2);
    config
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_one_is_closed_after_its_last_answer() {
    let network = Network::new();
    let mut server = network.server();
    let config = two_each(&server);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    for _ in 0..2 {
        let first = proxy.caller().start("first");
        let mut peer = server.accept().await;
        peer.expect_call("first").await;
        assert_eq!(ended(first).await, ok("first"));
        let second = proxy.caller().start("second");
        peer.expect_call("second").await;
        assert_eq!(ended(second).await, ok("second"));
        peer.expect_end().await;
    }
    assert_eq!(proxy.stats.upstream_cx_max_requests.value(), 2);
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

/// What is in flight is answered before it ends; the next request does not wait for that.
#[tokio::test(start_paused = true)]
async fn a_shared_one_ends_with_the_last_of_its_calls() {
    let network = Network::new();
    let mut server = network.server();
    let config = two_each(&server);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let calls = ["a", "b", "c"].map(|body| proxy.caller().start(body));
    let mut first = server.accept().await;
    let mut second = server.accept().await;
    let (one, other) = (first.recv().await, first.recv().await);
    second.expect_call("c").await;
    first.answer(&other, "b").await;
    first.answer(&one, "a").await;
    first.expect_end().await;
    for (call, body) in calls.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(ended(call).await, ok(body));
    }
    assert_eq!(proxy.stats.upstream_cx_max_requests.value(), 1);
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}
