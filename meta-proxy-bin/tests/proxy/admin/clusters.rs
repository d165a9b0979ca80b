//! `/clusters`.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    ListenerConfig, Proxy, Snapshot, Workers,
    meta_core::{Address, Route, Sharing},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
};
use serde_json::Value;

use super::start;
use crate::{
    http::get_async,
    toy::{Client, Server, eventually, loopback, proxy, registry, snapshot},
};

#[tokio::test]
async fn endpoints_have_counts_of_their_own() {
    let (server, running, admin) = start().await;
    let mut client = Client::connect(&running).await;
    for _ in 0..3 {
        assert_eq!(client.call("a").await, "v1");
    }
    server.hold(true);
    client.send(&Frame::request(9, "")).await;
    eventually("a request under way", || server.received() == 4).await;
    let text = get_async(admin, "/clusters").await.body;
    let address = server.address;
    let line = |what: &str| format!("backend::{address}::{what}");
    for line in [
        "backend::observability_name::backend".to_owned(),
        "backend::default_priority::max_connections::1024".to_owned(),
        "backend::default_priority::max_requests::65536".to_owned(),
        "backend::added_via_api::false".to_owned(),
        line("cx_active::1"),
        line("cx_connect_fail::0"),
        line("cx_total::1"),
        line("rq_active::1"),
        line("rq_error::0"),
        line("rq_success::3"),
        line("rq_timeout::0"),
        line("rq_total::4"),
        line("health_flags::healthy"),
        line("weight::1"),
        line("priority::0"),
        line("success_rate::-1"),
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
    server.hold(false);
    client.response().await.expect("an answer");
    let json = get_async(admin, "/clusters?format=json").await.body;
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let status = &json["cluster_statuses"][0];
    assert_eq!(status["name"], "backend");
    let host = &status["host_statuses"][0];
    assert_eq!(
        host["address"]["socket_address"]["port_value"],
        address.port()
    );
    let stats = host["stats"].as_array().expect("a list");
    let stat = |name: &str| {
        stats
            .iter()
            .find(|stat| stat["name"] == name)
            .expect("it is there")
    };
    assert_eq!(stat("rq_success")["value"], "4");
    assert_eq!(stat("rq_active")["value"], "0");
    assert_eq!(stat("rq_active")["type"], "GAUGE");
    assert_eq!(host["health_status"]["eds_health_status"], "HEALTHY");
    assert_eq!(get_async(admin, "/clusters?filter=nothing").await.body, "");
}

/// An address that nobody listens on.
fn nowhere() -> SocketAddr {
    let socket = TcpListener::bind(loopback()).expect("a free port");
    socket.local_addr().expect("it is bound")
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_told() {
    let server = Server::start("v1").await;
    let nowhere = nowhere();
    let mut snapshot = snapshot(&server);
    let endpoints = [
        Address::Ip(nowhere),
        server.address.into(),
        server.address.into(),
    ];
    snapshot.clusters[0].endpoints = endpoints.into();
    let builder = proxy(&server).snapshot(snapshot).admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let mut client = Client::connect(&running).await;
    for _ in 0..3 {
        assert_eq!(client.call("a").await, "v1");
    }
    let text = get_async(admin, "/clusters").await.body;
    let good = server.address;
    for line in [
        format!("backend::{nowhere}::cx_connect_fail::1"),
        format!("backend::{nowhere}::cx_total::1"),
        format!("backend::{nowhere}::cx_active::0"),
        format!("backend::{nowhere}::rq_total::0"),
        format!("backend::{nowhere}::health_flags::/connect_failed"),
        format!("backend::{good}::rq_success::3"),
        format!("backend::{good}::weight::2"),
        format!("backend::{good}::health_flags::healthy"),
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
}

/// Ways that a request may end without an answer, on connections of both kinds.
#[tokio::test]
async fn what_is_not_answered_is_counted() {
    for sharing in [Sharing::Shared, Sharing::Exclusive] {
        let server = Server::start("v1").await;
        let mut route = Route::to_cluster("all", "backend");
        route.timeout = Some(Duration::from_millis(60));
        let table = RouteTable::new("test", vec![RouteEntry::new(Vec::new(), route)]);
        let table = table.expect("it has a destination");
        let mut cluster: ClusterConfig = server.cluster("backend");
        cluster.sharing = Some(sharing);
        let running = Proxy::builder(registry())
            .snapshot(Snapshot {
                listeners: vec![ListenerConfig::new("in", "toy", table)],
                clusters: vec![cluster],
            })
            .listener("in", loopback())
            .workers(Workers::own(1))
            .start()
            .await
            .expect("it starts");
        let counts = || {
            let membership = running.handle().membership("backend").expect("it is there");
            membership.endpoints()[0].counts
        };
        server.hold(true);
        let mut client = Client::connect(&running).await;
        // Over a connection that is made for it, and over one that is there.
        for count in 1..=2 {
            client.send(&Frame::request(count, "")).await;
            assert_eq!(client.response().await.map(|frame| frame.id), Some(count));
            assert_eq!(counts().rq_timeout, count, "{sharing:?}");
        }
        assert_eq!(counts().rq_error, 2);
        assert_eq!((counts().rq_total, counts().rq_success), (2, 0));
        // The client goes away.
        client.send(&Frame::request(3, "")).await;
        eventually("another request", || counts().rq_total == 3).await;
        drop(client);
        eventually("balance", || counts().rq_active == 0).await;
        // The server answers one, and then goes away.
        server.hold(false);
        let mut client = Client::connect(&running).await;
        assert_eq!(client.call("a").await, "v1");
        assert_eq!(counts().rq_success, 1);
        drop((server, client));
        eventually("no connection", || counts().cx_active == 0).await;
        assert_eq!(counts().rq_active, 0);
    }
}
