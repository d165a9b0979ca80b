//! Copies of requests to other clusters.

use std::{sync::Arc, time::Duration};

use meta_codec::UpstreamStats;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Fraction, MessageKind, Mirror, Route};

use crate::{
    client::{ended, ok, text},
    network::Network,
    peer::{settle, until},
    server::Server,
    setup::{Proxy, backend, stats_of},
};

/// A proxy, a server that it serves, and one that gets copies.
struct Scene {
    proxy: Proxy,
    server: Server,
    shadow: Server,
    copies: Arc<UpstreamStats>,
}

impl Scene {
    fn new(toy: Toy) -> Self {
        let network = Network::new();
        let (server, shadow) = (network.server(), network.server());
        let mut other = backend([&shadow.address]);
        other.name = "shadow".into();
        let clusters = vec![backend([&server.address]), other];
        let proxy = Proxy::with_clusters(toy, network, clusters);
        let copies = stats_of(&proxy.router, "shadow");
        Self {
            proxy,
            server,
            shadow,
            copies,
        }
    }
}

fn route(fraction: Fraction) -> Route {
    let mut route = Route::to_cluster("all", "backend");
    route.request_mutation.set("tag", "canary");
    route.timeout = Some(Duration::from_secs(3));
    route.mirrors = vec![Mirror {
        cluster: "shadow".into(),
        fraction,
    }];
    route
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_the_request_as_it_is_changed() {
    for toy in [Toy::by_id(), Toy::one_at_a_time(), Toy::in_order()] {
        let mut scene = Scene::new(toy);
        let caller = scene.proxy.caller_by(route(Fraction::ALL));
        let call = caller.start("hello");
        let mut server = scene.server.accept().await;
        let mut shadow = scene.shadow.accept().await;
        let copy = shadow.recv().await;
        assert_eq!(
            (copy.get("tag"), text(&copy)),
            (Some("canary"), "hello".into())
        );
        // Its answer is nobody's.
        shadow.answer(&copy, "from the shadow").await;
        server.expect_call("hello").await;
        assert_eq!(ended(call).await, ok("hello"));
        until(|| scene.copies.upstream_rq_completed.value() == 1).await;
        assert_eq!(scene.copies.upstream_rq_mirrored.value(), 1);
        assert_eq!(scene.copies.upstream_rq_active.value(), 0);
        assert_eq!(scene.proxy.stats.upstream_rq_active.value(), 0);
    }
}

/// What becomes of a copy is nothing to the client, and its end nothing to the copy.
#[tokio::test(start_paused = true)]
async fn a_copy_lives_and_dies_by_itself() {
    let mut scene = Scene::new(Toy::by_id());
    let caller = scene.proxy.caller_by(route(Fraction::ALL));
    let call = caller.start("hello");
    let mut server = scene.server.accept().await;
    let mut shadow = scene.shadow.accept().await;
    shadow.recv().await;
    server.expect_call("hello").await;
    assert_eq!(ended(call).await, ok("hello"), "it waits for no copy");
    assert_eq!(scene.copies.upstream_rq_active.value(), 1);
    // The copy has as much time as the request had.
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    assert_eq!(scene.copies.upstream_rq_timeout.value(), 1);
    assert_eq!(scene.copies.upstream_rq_active.value(), 0);
    drop(shadow);
    scene.shadow.stop().await;
    settle().await;
    let call = caller.start("again");
    server.expect_call("again").await;
    assert_eq!(ended(call).await, ok("again"));
    until(|| scene.copies.upstream_rq_active.value() == 0).await;
    // A client that is gone has had its copy sent.
    assert_eq!(scene.copies.upstream_rq_mirrored.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_way_calls_are_copied_and_what_is_bound_is_not() {
    let mut scene = Scene::new(Toy::by_id());
    let mut client = scene
        .proxy
        .client_by(route(Fraction::ALL), scene.proxy.router.clone());
    client
        .send(&Frame::new(MessageKind::OneWay, 1, "note"))
        .await;
    let mut shadow = scene.shadow.accept().await;
    assert_eq!(text(&shadow.recv().await), "note");
    client
        .send(&Frame::new(MessageKind::StreamInit, 2, "open"))
        .await;
    let mut server = scene.server.accept().await;
    assert_eq!(text(&server.recv().await), "note");
    until(|| scene.proxy.stats.upstream_rq_total.value() == 2).await;
    settle().await;
    assert_eq!(scene.copies.upstream_rq_mirrored.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fraction_and_a_bound() {
    let mut scene = Scene::new(Toy::by_id());
    let half = Fraction {
        numerator: 50,
        per: 100,
    };
    let caller = scene.proxy.caller_by(route(half));
    let calls: Vec<_> = (0..200).map(|_| caller.start("x")).collect();
    let mut server = scene.server.accept().await;
    let mut shadow = scene.shadow.accept().await;
    for _ in 0..200 {
        server.expect_call("x").await;
    }
    for call in calls {
        assert_eq!(ended(call).await, ok("x"));
    }
    let copied = scene.copies.upstream_rq_mirrored.value();
    assert!((50..150).contains(&copied), "{copied}");
    for _ in 0..copied {
        shadow.expect_call("x").await;
    }
    until(|| scene.copies.upstream_rq_active.value() == 0).await;

    let caller = scene.proxy.caller_by(route(Fraction::ALL));
    let calls: Vec<_> = (0..1_100).map(|_| caller.start("x")).collect();
    for _ in 0..1_100 {
        server.expect_call("x").await;
    }
    for call in calls {
        assert_eq!(ended(call).await, ok("x"));
    }
    // The server of copies answers none.
    assert_eq!(scene.copies.upstream_rq_active.value(), 1_024);
    assert_eq!(scene.copies.upstream_rq_mirror_dropped.value(), 76);
}
