//! Connections that belong to another listener, by their original destination.
//!
//! A redirection by the system takes rights that tests do not have; a PROXY header tells
//! of a destination just so.

use meta_proxy::{
    ListenSocket, ListenerConfig, Running,
    meta_core::Address,
    meta_rds::{ListenerFilterKind, ProxyProtocolFilter, SocketSettings},
};
use tokio::io::AsyncWriteExt;

use super::{chain, connect, is_closed, listener_stat, snapshot, stat, until_empty};
use crate::{
    access_log::{LogFile, prompt},
    toy::{Client, Server, eventually, loopback},
};

fn address(text: &str) -> Address {
    Address::Ip(text.parse().expect("an address"))
}

/// The listener `in`, which hands over, and two without sockets.
async fn start(log: &LogFile) -> (Running, Vec<Server>) {
    let names = ["stays", "exact", "port"];
    let own = chain("stays", Default::default());
    let (mut snapshot, servers) = snapshot(vec![own], &names).await;
    let filters = &mut snapshot.listeners[0].filters;
    let header = ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter::default());
    filters.list = vec![
        ListenerFilterKind::OriginalDestination.into(),
        header.into(),
    ];
    filters.hand_off = true;
    for name in ["exact", "port"] {
        let mut to = chain(name, Default::default());
        to.stat_prefix = name.into();
        to.access_log = vec![log.config("%DOWNSTREAM_LOCAL_ADDRESS%")];
        let mut listener = ListenerConfig::with_chains(name, vec![to]);
        listener.stat_prefix = Some(name.into());
        listener.max_connections = Some(1);
        snapshot.listeners.push(listener);
    }
    let builder = prompt(snapshot)
        .listener("in", loopback())
        .listener(
            "exact",
            ListenSocket::handed_over(address("203.0.113.9:80"))
                .with_settings(&SocketSettings::default()),
        )
        .listener("port", ListenSocket::handed_over(address("0.0.0.0:80")));
    (builder.start().await.expect("it starts"), servers)
}

async fn made_to(running: &Running, destination: &str) -> Client {
    let mut stream = connect(running).await;
    let (ip, port) = destination.split_once(':').expect("a port");
    let header = format!("PROXY TCP4 192.0.2.1 {ip} 5 {port}\r\n");
    stream.write_all(header.as_bytes()).await.expect("it reads");
    Client::over(stream)
}

#[tokio::test]
async fn connections_go_to_the_listener_they_were_made_to() {
    let log = LogFile::new("hand-off");
    let (running, _servers) = start(&log).await;
    let listening: Vec<_> = running.handle().listeners().map(|(name, _)| name).collect();
    assert_eq!(listening.len(), 1, "{listening:?}");
    for (destination, expected) in [
        ("203.0.113.9:80", "exact"),
        ("203.0.113.8:80", "port"),
        ("203.0.113.9:81", "stays"),
    ] {
        let mut client = made_to(&running, destination).await;
        assert_eq!(client.call("a").await, expected);
        drop(client);
        eventually("its end", || {
            stat(&running, "server.total_connections") == 0
        })
        .await;
    }
    let lines = ["203.0.113.9:80", "203.0.113.8:80"].map(str::to_owned);
    log.has(&lines).await;
    assert_eq!(listener_stat(&running, "downstream_cx_handed_off"), 2);
    assert_eq!(stat(&running, "listener.exact.downstream_cx_total"), 1);
    assert_eq!(stat(&running, "listener.port.downstream_cx_total"), 1);
    assert_eq!(listener_stat(&running, "downstream_cx_total"), 1);
    until_empty(&running).await;
}

#[tokio::test]
async fn the_bound_of_the_other_listener_holds() {
    let log = LogFile::new("hand-off-bound");
    let (running, _servers) = start(&log).await;
    let mut first = made_to(&running, "203.0.113.9:80").await;
    assert_eq!(first.call("a").await, "exact");
    let second = made_to(&running, "203.0.113.9:80").await;
    assert_eq!({ second }.response().await, None);
    assert_eq!(stat(&running, "listener.exact.downstream_cx_overflow"), 1);
    // It was the other's bound; of its own there is none.
    let mut third = made_to(&running, "203.0.113.9:81").await;
    assert_eq!(third.call("a").await, "stays");
    drop(first);
    let active = || stat(&running, "listener.exact.downstream_cx_active");
    eventually("room", || active() == 0).await;
    eventually("room", || stat(&running, "server.total_connections") == 1).await;
    let mut fourth = made_to(&running, "203.0.113.9:80").await;
    assert_eq!(fourth.call("a").await, "exact");
    drop((third, fourth));
    until_empty(&running).await;
    let mut bad = connect(&running).await;
    bad.write_all(b"PROXY nothing\r\n").await.expect("it reads");
    assert!(is_closed(bad).await);
}
