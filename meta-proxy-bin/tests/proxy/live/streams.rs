//! Routes of a control plane.

use super::{BY_CLUSTER, Control, bootstrap, counted, dumped, snapshot, start, to};
use crate::toy::{Client, Server, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_follows_new_routes() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    control.serve("v1", "one");
    let text = bootstrap(BY_CLUSTER, &one, &two, control.address);
    let (running, admin) = start(&text).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    let dump = dumped(admin).await;
    assert_eq!(dump["version_info"], "v1");
    assert_eq!(dump["client_status"], "ACKED");
    assert_eq!(dump["route_config"]["name"], "shop");
    assert_eq!(dump["route_config"]["routes"][0]["route"]["cluster"], "one");
    assert!(dump["last_updated"].is_string());

    control.serve("v2", "two");
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 2").await;
    assert_eq!(client.call("hello").await, "two");
    assert_eq!(dumped(admin).await["version_info"], "v2");
    // The same once more is no change.
    control.serve("v3", "two");
    let other = "{ name: other, routes: [] }";
    let both = format!("{}\n---\n{other}", to("two"));
    control.cache.set(snapshot("v4", &both));
    control.serve("v5", "one");
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 3").await;
    assert_eq!(client.call("hello").await, "one");
    counted(admin, "control_plane.connected_state: 1").await;
    let nodes = control.cache.nodes();
    assert_eq!(nodes[0].id, "proxy-1");
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_flows_while_the_control_plane_is_gone() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    control.serve("v1", "one");
    let address = control.address;
    let text = bootstrap(BY_CLUSTER, &one, &two, address);
    let (running, admin) = start(&text).await;
    let mut client = Client::connect(&running).await;
    control.stop().await;
    counted(admin, "control_plane.connected_state: 0").await;
    for _ in 0..10 {
        assert_eq!(client.call("hello").await, "one");
    }
    let control = Control::on(address).await;
    control.serve("v9", "two");
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 2").await;
    assert_eq!(client.call("hello").await, "two");
    control.stop().await;
}

/// Updates as fast as they come, and no answer is lost or late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_under_load_cost_no_request() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    control.serve("v0", "one");
    let text = bootstrap(BY_CLUSTER, &one, &two, control.address);
    let (running, admin) = start(&text).await;
    let mut client = Client::connect(&running).await;
    for number in 1..=200 {
        let cluster = if number % 2 == 0 { "one" } else { "two" };
        control.serve(&format!("v{number}"), cluster);
        for _ in 0..5 {
            let server = client.call("hello").await;
            assert!(server == "one" || server == "two", "{server}");
        }
    }
    control.serve("last", "two");
    let mut version = String::new();
    while version != "last" {
        let dump = dumped(admin).await;
        version = dump["version_info"].as_str().unwrap_or_default().to_owned();
    }
    eventually("the server hears of it", || {
        control.cache.nodes()[0].accepted.as_deref() == Some("last")
    })
    .await;
    assert_eq!(client.call("hello").await, "two");
    let stats = running.handle().stats();
    assert_eq!(
        stats.counter("meta_protocol.shop-in.local_response_error"),
        0
    );
    assert_eq!(
        stats.counter("meta_protocol.shop-in.downstream_cx_total"),
        1
    );
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multiplexing_holds_for_routes_that_are_to_come() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    control.serve("v1", "one");
    let text = bootstrap(BY_CLUSTER, &one, &two, control.address);
    let old = "application_protocol: toy\n          codec: { name: example.codec.toy }";
    assert!(text.contains(old));
    let new = "protocol: { name: toy, codec: { name: example.codec.toy }, multiplexing: true }";
    let (running, admin) = start(&text.replace(old, new)).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(&running).await;
        assert_eq!(client.call("hello").await, "one");
        clients.push(client);
    }
    counted(admin, "cluster.one.upstream_cx_total: 1").await;
    control.stop().await;
}
