//! Bounds on connections.

use meta_proxy::{
    ListenerConfig, ProxyBuilder, Running,
    meta_rds::{ListenerFilterKind, ProxyProtocolFilter},
};
use tokio::io::AsyncWriteExt;

use super::{
    chain, connect, filtered, is_closed, listener_stat, listener_stat_of, snapshot, stat,
    until_empty,
};
use crate::{
    access_log::prompt,
    toy::{Client, Server, eventually, loopback},
};

#[tokio::test]
async fn connections_that_are_looked_at_count() {
    let filter = ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter::default());
    let (mut snapshot, _servers) = filtered(vec![filter]).await;
    snapshot.listeners[0].max_connections = Some(1);
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let mut first = connect(&running).await;
    let looked_at = || listener_stat(&running, "downstream_pre_cx_active");
    eventually("a look", || looked_at() == 1).await;
    assert!(is_closed(connect(&running).await).await);
    assert_eq!(listener_stat(&running, "downstream_cx_overflow"), 1);
    first
        .write_all(b"PROXY UNKNOWN\r\n")
        .await
        .expect("it reads");
    let mut client = Client::over(first);
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(looked_at(), 0);
    assert!(is_closed(connect(&running).await).await);
    assert_eq!(listener_stat(&running, "downstream_cx_overflow"), 2);
    drop(client);
    until_empty(&running).await;
}

/// Listeners `in`, `other` and `free`, the last of which heeds no bound on all.
async fn three(max: usize) -> (ProxyBuilder, Vec<Server>) {
    let all = || chain("v1", Default::default());
    let (mut snapshot, servers) = snapshot(vec![all()], &["v1"]).await;
    for name in ["other", "free"] {
        let listener = ListenerConfig::with_chains(name, vec![all()]);
        snapshot.listeners.push(listener);
    }
    snapshot.listeners[2].ignore_global_limit = true;
    let mut builder = prompt(snapshot).max_connections(Some(max));
    for name in ["in", "other", "free"] {
        builder = builder.listener(name, loopback());
    }
    (builder, servers)
}

async fn client(running: &Running, listener: &str) -> Client {
    let address = running.handle().addr(listener).expect("it listens");
    let address = address.socket_addr().expect("it has a TCP address");
    let stream = tokio::net::TcpStream::connect(address).await;
    Client::over(stream.expect("it listens"))
}

#[tokio::test]
async fn all_listeners_have_a_bound_together() {
    let (builder, _servers) = three(2).await;
    let running = builder.start().await.expect("it starts");
    let mut first = client(&running, "in").await;
    let mut second = client(&running, "other").await;
    assert_eq!(first.call("a").await, "v1");
    assert_eq!(second.call("a").await, "v1");
    for name in ["in", "other"] {
        assert_eq!(client(&running, name).await.response().await, None);
        let counter = "downstream_global_cx_overflow";
        assert_eq!(listener_stat_of(&running, name, counter), 1);
        assert_eq!(
            listener_stat_of(&running, name, "downstream_cx_overflow"),
            0
        );
    }
    let mut free = client(&running, "free").await;
    assert_eq!(free.call("a").await, "v1");
    drop((first, second));
    eventually("room", || stat(&running, "server.total_connections") == 1).await;
    // That which heeds no bound counts.
    let mut third = client(&running, "in").await;
    assert_eq!(third.call("a").await, "v1");
    assert_eq!(client(&running, "in").await.response().await, None);
    drop((free, third));
    until_empty(&running).await;
}
