//! What goes wrong with one request costs no other.

use std::time::{Duration, Instant};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    Proxy, Running, Snapshot, Workers,
    meta_core::{MetadataMatcher, Route, Rule, Sharing},
    meta_router::{RouteEntry, RouteTable},
};

use crate::toy::{Client, Server, eventually, loopback, proxy, registry, snapshot};

const ACTIVE: &str = "meta_protocol.in.request_active";

fn shared_and_not(server: &Server) -> [Snapshot; 2] {
    [Sharing::Exclusive, Sharing::Shared].map(|sharing| {
        let mut snapshot = snapshot(server);
        snapshot.clusters[0].sharing = Some(sharing);
        snapshot
    })
}

async fn start(snapshot: Snapshot) -> Running {
    let builder = Proxy::builder(registry())
        .snapshot(snapshot)
        .listener("in", loopback())
        .workers(Workers::own(1));
    builder.start().await.expect("it starts")
}

fn reason(frame: &Frame) -> &str {
    frame.get("reason").expect("an error reply")
}

#[tokio::test]
async fn calls_whose_server_goes_away_are_answered_and_connections_stay() {
    let replacement = Server::start("v2").await;
    for sharing in 0..2 {
        let server = Server::start("v1").await;
        server.hold(true);
        let mut snapshot = shared_and_not(&server)[sharing].clone();
        let other = RouteEntry::new(
            vec![MetadataMatcher::new("method", Rule::Exact("other".into()))],
            Route::to_cluster("other", "other"),
        );
        let rest = RouteEntry::new(Vec::new(), Route::to_cluster("all", "backend"));
        let routes = RouteTable::new("test", vec![other, rest]);
        snapshot.listeners[0].chains[0].routes = routes.expect("both have destinations").into();
        snapshot.clusters.push(replacement.cluster("other"));
        let running = start(snapshot).await;
        let mut clients = Vec::new();
        for id in 0..3 {
            let mut client = Client::connect(&running).await;
            client.send(&Frame::request(id, "")).await;
            clients.push(client);
        }
        let active = || {
            running
                .handle()
                .stats()
                .gauge("cluster.backend.upstream_rq_active")
        };
        eventually("all in flight", || active() == 3).await;
        // On one connection it sees one request after the other.
        let seen = [3, 1][sharing];
        eventually("it has them", || server.received() == seen).await;
        drop(server);
        for (id, client) in clients.iter_mut().enumerate() {
            let failed = client.response().await.expect("an answer");
            assert_eq!((failed.id, reason(&failed)), (id as u64, "upstream_reset"));
            assert_eq!(client.call("other").await, "v2");
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_its_own_caller_a_timeout() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let (silent, lively) = (Server::start("v1").await, Server::start("v2").await);
    silent.hold(true);
    for mut snapshot in shared_and_not(&silent) {
        let mut lost = Route::to_cluster("lost", "backend");
        lost.timeout = Some(TIMEOUT);
        let found = RouteEntry::new(
            vec![MetadataMatcher::new("method", Rule::Exact("found".into()))],
            Route::to_cluster("found", "lively"),
        );
        let routes = RouteTable::new("test", vec![found, RouteEntry::new(Vec::new(), lost)]);
        snapshot.listeners[0].chains[0].routes = routes.expect("both have destinations").into();
        snapshot.clusters.push(lively.cluster("lively"));
        let running = start(snapshot).await;
        let mut caller = Client::connect(&running).await;
        let began = Instant::now();
        caller.send(&Frame::request(1, "")).await;
        eventually("it waits", || running.handle().stats().gauge(ACTIVE) == 1).await;
        // Its own connection and others' serve on meanwhile.
        assert_eq!(caller.call("found").await, "v2");
        assert_eq!(Client::connect(&running).await.call("found").await, "v2");
        let late = caller.response().await.expect("an answer");
        assert_eq!((late.id, reason(&late)), (1, "response_timeout"));
        assert!(began.elapsed() >= TIMEOUT, "{:?}", began.elapsed());
        assert_eq!(caller.call("found").await, "v2");
        let timeouts = "cluster.backend.upstream_rq_timeout";
        assert_eq!(running.handle().stats().counter(timeouts), 1);
    }
}

#[tokio::test]
async fn a_drain_under_load_answers_all_that_had_arrived() {
    const CLIENTS: usize = 40;
    let server = Server::start("v1").await;
    let running = proxy(&server).start().await.expect("it starts");
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(&running).await;
        assert_eq!(client.call("first").await, "v1");
        callers.spawn(async move {
            let mut open = None;
            for id in 1.. {
                client.send(&Frame::request(id, "")).await;
                open = Some(id);
                match client.response().await {
                    Some(response) => assert_eq!(response.get("server"), Some("v1")),
                    None => break,
                }
            }
            open
        });
    }
    let requests = || running.handle().stats().counter("meta_protocol.in.request");
    let busy = requests() + 10 * CLIENTS as u64;
    eventually("load", || requests() > busy).await;
    let report = running.handle().drain(Duration::from_secs(10)).await;
    assert_eq!((report.closed, report.aborted), (CLIENTS, 0));
    while let Some(ended) = callers.join_next().await {
        assert!(ended.expect("no answer but the server's").is_some());
    }
    // What was read was answered: no more and no less.
    let stats = running.handle().stats();
    let counters = ["request_twoway", "response_success"];
    let [read, answered] = counters.map(|name| stats.counter(&format!("meta_protocol.in.{name}")));
    assert_eq!(read, answered);
    assert_eq!(stats.counter("meta_protocol.in.local_response_error"), 0);
}
