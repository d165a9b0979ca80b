//! Requests are routed and answered, over whatever they come by.

use std::{net::SocketAddr, time::Duration};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    ApplyError, ListenSocket, Proxy, Running, Snapshot, Workers, memory,
    meta_core::{Address, MetadataMatcher, Route, Rule},
    meta_router::{RouteEntry, RouteTable},
};
use tokio::net::{TcpStream, UnixStream};

use crate::toy::{Client, Server, all_to, eventually, loopback, proxy, registry, snapshot};

async fn started(server: &Server, socket: impl Into<ListenSocket>) -> Running {
    let builder = Proxy::builder(registry())
        .snapshot(snapshot(server))
        .listener("in", socket)
        .workers(Workers::own(1));
    builder.start().await.expect("it starts")
}

#[tokio::test]
async fn requests_follow_their_routes() {
    let (v1, v2) = (Server::start("v1").await, Server::start("v2").await);
    let hello = MetadataMatcher::new("method", Rule::Exact("hello".into()));
    let nowhere = MetadataMatcher::new("method", Rule::Exact("nowhere".into()));
    let table = RouteTable::new(
        "test",
        vec![
            RouteEntry::new(vec![hello], Route::to_cluster("hello", "two")),
            RouteEntry::new(vec![nowhere], Route::to_cluster("nowhere", "three")),
            RouteEntry::new(vec![], Route::to_cluster("rest", "one")),
        ],
    );
    let mut snapshot = snapshot(&v1);
    snapshot.listeners[0].chains[0].routes = table.expect("all have destinations").into();
    snapshot.clusters = vec![v1.cluster("one"), v2.cluster("two")];
    let builder = proxy(&v1).snapshot(snapshot);
    let running = builder.start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "v2");
    assert_eq!(client.call("other").await, "v1");
    assert_eq!(client.call("nowhere").await, "the proxy");
    assert_eq!(client.call("hello").await, "v2");
}

#[tokio::test]
async fn every_kind_of_socket_serves() {
    let server = Server::start("v1").await;

    let bound = std::net::TcpListener::bind(loopback()).expect("a free port");
    let address = bound.local_addr().expect("it is bound");
    let running = started(&server, bound).await;
    assert_eq!(running.handle().addr("in"), Some(Address::Ip(address)));
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");

    let path = std::env::temp_dir().join(format!("meta-proxy-serve-{}", std::process::id()));
    let running = started(&server, path.clone()).await;
    assert_eq!(
        running.handle().addr("in"),
        Some(Address::Unix(path.clone()))
    );
    let stream = UnixStream::connect(&path).await.expect("it listens");
    assert_eq!(Client::over(stream).call("a").await, "v1");
    running.handle().drain(Duration::from_secs(5)).await;
    assert!(!path.exists(), "its file is removed");

    let (connector, listener) = memory(4096);
    let running = started(&server, listener).await;
    assert_eq!(running.handle().addr("in"), Some(Address::Memory));
    let stream = connector.connect().await.expect("it listens");
    assert_eq!(Client::over(stream).call("a").await, "v1");
    running.handle().drain(Duration::from_secs(5)).await;
    connector.connect().await.expect_err("it has stopped");
}

#[tokio::test]
async fn ipv6_serves() {
    let any = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0));
    if std::net::TcpListener::bind(any).is_err() {
        eprintln!("skipped: there is no IPv6 here");
        return;
    }
    let server = Server::start("v1").await;
    let running = started(&server, any).await;
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
}

#[tokio::test]
async fn connections_go_to_the_least_loaded_worker() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).workers(Workers::own(2));
    let running = builder.start().await.expect("it starts");
    let address = running.handle().addr("in").expect("it listens").to_string();
    let listener = format!("listener.{}", address.replace(':', "_"));
    let loads = || {
        let stats = running.handle().stats();
        [0, 1].map(|n| stats.gauge(&format!("{listener}.worker_{n}.downstream_cx_active")))
    };
    let connect = async || {
        let mut client = Client::connect(&running).await;
        client.call("a").await;
        client
    };
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(connect().await);
    }
    assert_eq!(loads(), [3, 3]);
    // Every other one is on the same worker.
    let mut on_one = 0..;
    clients.retain(|_| on_one.next().is_some_and(|n| n % 2 == 1));
    eventually("their end", || loads().iter().sum::<i64>() == 3).await;
    assert_eq!(loads(), [0, 3]);
    for _ in 0..3 {
        clients.push(connect().await);
    }
    assert_eq!(loads(), [3, 3]);
}

#[tokio::test]
async fn connections_over_the_limit_are_closed() {
    let server = Server::start("v1").await;
    let mut snapshot = snapshot(&server);
    snapshot.listeners[0].max_connections = Some(2);
    let builder = proxy(&server).snapshot(snapshot);
    let running = builder.start().await.expect("it starts");
    let mut first = Client::connect(&running).await;
    let mut second = Client::connect(&running).await;
    assert_eq!(
        [first.call("a").await, second.call("a").await],
        ["v1", "v1"]
    );
    let mut third = Client::connect(&running).await;
    third.send(&Frame::request(1, "")).await;
    assert_eq!(third.response().await, None);
    assert_eq!(first.call("a").await, "v1");
    let address = running.handle().addr("in").expect("it listens").to_string();
    let listener = format!("listener.{}", address.replace(':', "_"));
    let overflow = format!("{listener}.downstream_cx_overflow");
    assert_eq!(running.handle().stats().counter(&overflow), 1);

    drop(second);
    let active = format!("{listener}.downstream_cx_active");
    eventually("room", || running.handle().stats().gauge(&active) == 1).await;
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_runs_on_the_callers_runtime() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).workers(Workers::Current);
    let running = builder.start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    let drained = running.handle().drain(Duration::from_secs(5));
    let (report, end) = tokio::join!(drained, client.response());
    assert_eq!((report.closed, report.aborted, end), (1, 0, None));
}

#[tokio::test]
async fn dropping_it_ends_it() {
    let server = Server::start("v1").await;
    let running = proxy(&server).start().await.expect("it starts");
    let Some(Address::Ip(address)) = running.handle().addr("in") else {
        panic!("the listener has a TCP address");
    };
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    let handle = running.handle().clone();
    drop(running);
    assert_eq!(client.response().await, None);
    assert_eq!(handle.stopped().await.aborted, 1);
    TcpStream::connect(address)
        .await
        .expect_err("nobody listens");
}

#[tokio::test]
async fn a_snapshot_changes_the_routes_of_open_connections() {
    let (v1, v2) = (Server::start("v1").await, Server::start("v2").await);
    let both = |cluster: &str| {
        let mut both = snapshot(&v1);
        both.listeners[0].chains[0].routes = all_to(cluster).into();
        both.clusters = vec![v1.cluster("one"), v2.cluster("two")];
        both
    };
    let builder = proxy(&v1).snapshot(both("one"));
    let running = builder.start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    running
        .handle()
        .apply(both("two"))
        .expect("routes alone differ");
    assert_eq!(client.call("a").await, "v2");

    let mut other_codec = both("one");
    other_codec.listeners[0].chains[0].codec = "example.codec.toy".into();
    let mut other_match = both("one");
    other_match.listeners[0].chains[0].matches.destination_port = Some(1);
    let mut other_filters = both("one");
    other_filters.listeners[0].filters.hand_off = true;
    let mut other_bound = both("one");
    other_bound.listeners[0].ignore_global_limit = true;
    let mut other_name = both("one");
    other_name.listeners[0].stat_prefix = Some("other".into());
    let mut other_tls = both("one");
    let tls = meta_tls::TlsConfig::default();
    other_tls.listeners[0].chains[0].tls = Some(meta_tls::ServerTlsConfig::new(tls));
    let restart = |what| format!("listener \"in\" would have to be restarted: its {what} differ");
    for (snapshot, what) in [
        (other_match, "filter chains"),
        (other_filters, "listener filters"),
        (other_bound, "bounds on connections"),
        (other_name, "stat prefixes"),
        (other_tls, "TLS settings"),
    ] {
        let error = running.handle().apply(snapshot).expect_err(what);
        assert_eq!(error.to_string(), restart(what));
    }
    let mut more_listeners = both("one");
    more_listeners
        .listeners
        .push(more_listeners.listeners[0].clone());
    more_listeners.listeners[1].name = "more".into();
    let mut other_clusters = both("one");
    other_clusters.clusters.pop();
    let refused = [
        (
            other_codec,
            "listener \"in\" would have to be restarted: its codecs differ",
        ),
        (more_listeners, "listener \"more\" would have to be added"),
        (
            other_clusters,
            "cluster \"two\" would have to be removed, which takes a restart",
        ),
    ];
    for (snapshot, expected) in refused {
        let error = running.handle().apply(snapshot).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
    let none = Snapshot {
        listeners: Vec::new(),
        ..both("one")
    };
    let missing = ApplyError::Listeners {
        listener: "in".into(),
        added: false,
    };
    assert_eq!(running.handle().apply(none), Err(missing));
    assert_eq!(client.call("a").await, "v2");
}
