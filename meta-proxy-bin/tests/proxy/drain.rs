//! A proxy ends in order.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    ListenerConfig, Phase, Proxy, Registry, Running, Snapshot, Workers,
    meta_core::{Address, Event, MessageKind},
    meta_router::ClusterConfig,
};
use tokio::net::TcpStream;

use crate::{
    thrift,
    toy::{Client, Server, all_to, eventually, loopback, proxy},
};

const ACTIVE: &str = "meta_protocol.in.request_active";

async fn wait_for(running: &Running, phase: Phase) {
    let mut phases = running.handle().phases();
    let reached = phases.wait_for(|now| *now == phase).await;
    reached.expect("it is not gone");
}

#[tokio::test]
async fn requests_that_have_arrived_are_answered() {
    let server = Server::start("v1").await;
    server.hold(true);
    let builder = proxy(&server).workers(Workers::own(2));
    let running = builder.start().await.expect("it starts");
    let mut clients = Vec::new();
    for id in 0..20 {
        let mut client = Client::connect(&running).await;
        client.send(&Frame::request(id, "")).await;
        clients.push(client);
    }
    let stats = || running.handle().stats();
    eventually("all in flight", || stats().gauge(ACTIVE) == 20).await;
    let Some(Address::Ip(address)) = running.handle().addr("in") else {
        panic!("the listener has a TCP address");
    };
    // Nobody accepts these before the drain begins: this thread would have to.
    for id in 20..60 {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        let request = Frame::request(id, "").encode();
        stream.write_all(&request).expect("there is room");
        stream.set_nonblocking(true).expect("it is a socket");
        let stream = TcpStream::from_std(stream).expect("it can be watched");
        clients.push(Client::over(stream));
    }
    let handle = running.handle().clone();
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(10)).await });
    eventually("no more are accepted", || {
        running.handle().phase() == Phase::Draining && stats().gauge(ACTIVE) == 60
    })
    .await;
    TcpStream::connect(address)
        .await
        .expect_err("nobody listens");
    assert!(!drained.is_finished(), "requests are in flight");

    server.hold(false);
    for (id, client) in clients.iter_mut().enumerate() {
        let response = client.response().await.expect("an answer");
        assert_eq!(response.id, id as u64);
        assert_eq!(response.get("server"), Some("v1"));
    }
    drop(clients);
    let report = drained.await.expect("no panic");
    assert_eq!((report.closed, report.aborted), (60, 0));
    assert_eq!(running.handle().phase(), Phase::Stopped);
    let stats = stats();
    assert_eq!(stats.counter("meta_protocol.in.response_success"), 60);
    for gauge in [ACTIVE, "meta_protocol.in.downstream_cx_active"] {
        assert_eq!(stats.gauge(gauge), 0, "{gauge}");
    }
}

/// Thrift has no goodbye: its connections are closed as soon as they are idle.
#[tokio::test]
async fn requests_that_have_arrived_are_answered_without_a_goodbye() {
    let mut registry = Registry::new();
    registry
        .codec(codec_thrift::Thrift)
        .expect("the registry is empty");
    let backend = ClusterConfig::new("backend", vec![thrift::server("v1").into()]);
    let snapshot = Snapshot {
        listeners: vec![ListenerConfig::new("in", "thrift", all_to("backend"))],
        clusters: vec![backend],
    };
    let builder = Proxy::builder(registry)
        .snapshot(snapshot)
        .listener("in", loopback())
        .workers(Workers::Current);
    let running = builder.start().await.expect("it starts");
    let Some(Address::Ip(address)) = running.handle().addr("in") else {
        panic!("the listener has a TCP address");
    };
    let clients: Vec<_> = (0..20)
        .map(|id| {
            let mut client = thrift::Client::connect(address);
            client.send(id, "hello");
            client
        })
        .collect();
    let replies = tokio::task::spawn_blocking(move || {
        let replies = clients
            .into_iter()
            .map(|mut client| client.reply().is_some());
        replies.filter(|answered| *answered).count()
    });
    let report = running.handle().drain(Duration::from_secs(10)).await;
    assert_eq!(replies.await.expect("no panic"), 20);
    assert_eq!((report.closed, report.aborted), (20, 0));
}

#[tokio::test]
async fn clients_are_told_and_idle_connections_end() {
    let server = Server::start("v1").await;
    let running = proxy(&server).start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    let drained = running.handle().drain(Duration::from_secs(10));
    let told = async {
        let goodbye = client.receive().await.expect("a goodbye");
        assert_eq!(client.receive().await, None);
        drop(client);
        goodbye.kind
    };
    let (report, goodbye) = tokio::join!(drained, told);
    let drain = Event::Drain;
    assert_eq!(goodbye, MessageKind::Event(drain));
    assert_eq!((report.closed, report.aborted), (1, 0));
}

#[tokio::test]
async fn what_is_left_at_the_deadline_is_aborted() {
    let server = Server::start("v1").await;
    server.hold(true);
    let running = proxy(&server).start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    client.send(&Frame::request(1, "")).await;
    let mut idle = Client::connect(&running).await;
    let stats = || running.handle().stats();
    eventually("it is in flight", || stats().gauge(ACTIVE) == 1).await;
    let began = Instant::now();
    let drained = running.handle().drain(Duration::from_secs(1));
    let idle_ends = async {
        assert_eq!(idle.response().await, None);
        drop(idle);
    };
    let (report, ()) = tokio::join!(drained, idle_ends);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!((report.closed, report.aborted), (1, 1));
    assert_eq!(client.response().await, None);
    let stats = stats();
    assert_eq!(stats.gauge(ACTIVE), 0);
    assert_eq!(stats.gauge("cluster.backend.upstream_rq_active"), 0);
    assert_eq!(
        stats.counter("meta_protocol.in.cx_destroy_local_with_active_rq"),
        1
    );
}

#[tokio::test]
async fn a_lame_duck_still_serves() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).lame_duck(Duration::from_millis(400));
    let running = builder.start().await.expect("it starts");
    assert_eq!(running.handle().phase(), Phase::Ready);
    let handle = running.handle().clone();
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(10)).await });
    wait_for(&running, Phase::LameDuck).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(client.response().await, None);
    drop(client);
    assert_eq!(drained.await.expect("no panic").closed, 1);
}

#[tokio::test]
async fn an_abort_cuts_a_drain_short() {
    let server = Server::start("v1").await;
    server.hold(true);
    let running = proxy(&server).start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    client.send(&Frame::request(1, "")).await;
    let stats = || running.handle().stats();
    eventually("it is in flight", || stats().gauge(ACTIVE) == 1).await;
    let handle = running.handle().clone();
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(600)).await });
    wait_for(&running, Phase::Draining).await;
    running.handle().abort();
    assert_eq!(drained.await.expect("no panic").aborted, 1);
    assert_eq!(client.response().await, None);
}
