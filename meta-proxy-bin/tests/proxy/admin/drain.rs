//! `/drain_listeners`: listeners end, the process goes on.

use std::time::Duration;

use meta_codec_test::toy::Frame;
use meta_proxy::{
    ListenerConfig, Phase, Proxy, Running, Snapshot, Workers,
    meta_core::{Event, MessageKind},
    meta_rds::TrafficDirection,
};
use tokio::net::TcpStream;

use super::start;
use crate::{
    http::{get_async, post_async},
    toy::{Client, Server, all_to, eventually, loopback, proxy, registry},
};

async fn can_connect(running: &Running, listener: &str) -> bool {
    let address = running
        .handle()
        .addr(listener)
        .and_then(|at| at.socket_addr());
    TcpStream::connect(address.expect("it is known"))
        .await
        .is_ok()
}

#[tokio::test]
async fn listeners_are_closed_and_connections_go_on() {
    let (_server, running, admin) = start().await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(get_async(admin, "/drain_listeners").await.status, 405);
    assert!(can_connect(&running, "in").await);
    assert_eq!(post_async(admin, "/drain_listeners").await.body, "OK\n");
    while can_connect(&running, "in").await {}
    // Not even a proxy without any listener ends by itself.
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(running.handle().phase(), Phase::Ready);
    assert_eq!(get_async(admin, "/listeners").await.body, "");
    let stats = running.handle().stats();
    assert_eq!(stats.gauge("listener_manager.total_listeners_active"), 0);
    assert_eq!(stats.counter("listener_manager.listener_stopped"), 1);
    assert_eq!(get_async(admin, "/ready").await.status, 200);
    drop(client);
    let report = running.handle().drain(Duration::from_secs(10)).await;
    assert_eq!(report.aborted, 0);
}

#[tokio::test]
async fn clients_are_told_where_it_is_graceful() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).admin(loopback());
    let running = builder.drain_time(Duration::from_secs(600)).start().await;
    let running = running.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let mut busy = Client::connect(&running).await;
    assert_eq!(busy.call("a").await, "v1");
    server.hold(true);
    busy.send(&Frame::request(9, "")).await;
    eventually("a request under way", || server.received() == 2).await;

    let answer = post_async(admin, "/drain_listeners?skip_exit").await;
    assert_eq!(
        (answer.status, &*answer.body),
        (400, "skip_exit requires graceful\n")
    );
    assert_eq!(
        post_async(admin, "/drain_listeners?graceful").await.status,
        200
    );
    // The client is told, its request answered and its connection closed.
    let goodbye = busy.receive().await.expect("a goodbye");
    assert_eq!(goodbye.kind, MessageKind::Event(Event::Drain));
    server.hold(false);
    assert_eq!(busy.response().await.map(|frame| frame.id), Some(9));
    assert!(busy.response().await.is_none());
    // For the drain time others may come, and are served.
    let mut late = Client::connect(&running).await;
    assert_eq!(late.call("a").await, "v1");
    let stats = running.handle().stats();
    assert_eq!(stats.gauge("listener_manager.total_listeners_draining"), 1);
    assert!(
        get_async(admin, "/listeners")
            .await
            .body
            .starts_with("in::127.0.0.1:")
    );
    assert_eq!(late.call("a").await, "v1");
}

#[tokio::test]
async fn a_graceful_drain_closes_the_listener_in_time() {
    for skip_exit in [false, true] {
        let server = Server::start("v1").await;
        let builder = proxy(&server).admin(loopback());
        let running = builder.drain_time(Duration::from_millis(50)).start().await;
        let running = running.expect("it starts");
        let admin = running.handle().admin_addr().expect("it has an admin");
        let mut first = Client::connect(&running).await;
        let path = match skip_exit {
            true => "/drain_listeners?graceful&skip_exit",
            false => "/drain_listeners?graceful",
        };
        post_async(admin, path).await;
        assert!(first.response().await.is_none());
        if skip_exit {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(Client::connect(&running).await.call("a").await, "v1");
        } else {
            while can_connect(&running, "in").await {}
        }
        assert_eq!(running.handle().phase(), Phase::Ready);
    }
}

#[tokio::test]
async fn only_inbound_listeners_can_be_meant() {
    let server = Server::start("v1").await;
    let mut inbound = ListenerConfig::new("inbound", "toy", all_to("backend"));
    inbound.traffic_direction = TrafficDirection::Inbound;
    let mut outbound = ListenerConfig::new("outbound", "toy", all_to("backend"));
    outbound.traffic_direction = TrafficDirection::Outbound;
    let running = Proxy::builder(registry())
        .snapshot(Snapshot {
            listeners: vec![inbound, outbound],
            clusters: vec![server.cluster("backend")],
        })
        .listener("inbound", loopback())
        .listener("outbound", loopback())
        .workers(Workers::own(1))
        .admin(loopback())
        .start()
        .await
        .expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    post_async(admin, "/drain_listeners?inboundonly").await;
    while can_connect(&running, "inbound").await {}
    assert!(can_connect(&running, "outbound").await);
    let json = get_async(admin, "/listeners?format=json").await.body;
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let statuses = json["listener_statuses"].as_array().expect("a list");
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0]["name"], "outbound");
    let port = running
        .handle()
        .addr("outbound")
        .and_then(|at| at.socket_addr());
    let port = port.expect("it is known").port();
    assert_eq!(
        statuses[0]["local_address"]["socket_address"]["port_value"],
        port
    );
}
