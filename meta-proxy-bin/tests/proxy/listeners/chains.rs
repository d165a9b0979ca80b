//! Filter chains are chosen by addresses.

use std::net::TcpListener;

use meta_proxy::{
    ListenSocket, ListenerConfig, Proxy, StartError, Workers,
    meta_rds::{ChainMatch, Network, SourceType},
};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::{chain, is_closed, listener_stat, matching, snapshot, until_empty};
use crate::toy::{Client, registry};

fn bound(ip: [u8; 4]) -> TcpListener {
    TcpListener::bind((std::net::Ipv4Addr::from(ip), 0)).expect("loopback has it")
}

fn network(ip: [u8; 4], bits: u8) -> Network {
    Network::new(ip.into(), bits).expect("a network")
}

#[tokio::test]
async fn ports_and_networks_tell_chains_apart() {
    let first = bound([127, 0, 0, 1]);
    let second = bound([127, 0, 0, 1]);
    let third = bound([127, 0, 1, 7]);
    let port = |socket: &TcpListener| socket.local_addr().expect("it is bound").port();
    let addresses = [&first, &second, &third].map(|s| s.local_addr().expect("it is bound"));
    let chains = vec![
        chain(
            "port",
            matching(|m| m.destination_port = Some(port(&second))),
        ),
        chain(
            "network",
            matching(|m| m.destinations = vec![network([127, 0, 1, 0], 24)]),
        ),
        chain("rest", ChainMatch::default()),
    ];
    let (snapshot, _servers) = snapshot(chains, &["port", "network", "rest"]).await;
    let builder = Proxy::builder(registry())
        .snapshot(snapshot)
        .listener("in", ListenSocket::from(first).and(second).and(third))
        .workers(Workers::own(2));
    let running = builder.start().await.expect("it starts");
    let listening: Vec<_> = running.handle().listeners().collect();
    assert_eq!(listening.len(), 3, "{listening:?}");
    for (address, expected) in addresses.iter().zip(["rest", "port", "network"]) {
        let stream = TcpStream::connect(address).await.expect("it listens");
        assert_eq!(Client::over(stream).call("a").await, expected);
    }
    until_empty(&running).await;
}

#[tokio::test]
async fn where_connections_come_from_tells_chains_apart() {
    let chains = vec![
        chain(
            "near",
            matching(|m| {
                m.source_type = SourceType::SameIpOrLoopback;
                m.sources = vec![network([127, 0, 0, 0], 8)];
            }),
        ),
        chain(
            "nearer",
            matching(|m| {
                m.source_type = SourceType::SameIpOrLoopback;
                m.sources = vec![network([127, 0, 2, 0], 24)];
            }),
        ),
        chain("far", matching(|m| m.source_type = SourceType::External)),
    ];
    let (snapshot, _servers) = snapshot(chains, &["near", "nearer", "far"]).await;
    let socket = bound([127, 0, 0, 1]);
    let address = socket.local_addr().expect("it is bound");
    let builder = Proxy::builder(registry())
        .snapshot(snapshot)
        .listener("in", socket)
        .workers(Workers::own(1));
    let _running = builder.start().await.expect("it starts");
    for (ip, expected) in [([127, 0, 0, 1], "near"), ([127, 0, 2, 9], "nearer")] {
        let socket = TcpSocket::new_v4().expect("a socket");
        let own = std::net::SocketAddr::from((ip, 0));
        socket.bind(own).expect("loopback has it");
        let stream = socket.connect(address).await.expect("it listens");
        assert_eq!(Client::over(stream).call("a").await, expected);
    }
}

#[tokio::test]
async fn what_matches_no_chain_is_closed_or_goes_through_the_default() {
    let nowhere = || {
        let never = matching(|m| m.destinations = vec![network([192, 0, 2, 0], 24)]);
        chain("v1", never)
    };
    let (mut snapshot, _servers) = snapshot(vec![nowhere()], &["v1", "other"]).await;
    let start = |snapshot| {
        let builder = Proxy::builder(registry())
            .snapshot(snapshot)
            .listener("in", bound([127, 0, 0, 1]))
            .workers(Workers::own(1));
        builder.start()
    };
    let running = start(snapshot.clone()).await.expect("it starts");
    assert!(is_closed(super::connect(&running).await).await);
    assert_eq!(listener_stat(&running, "no_filter_chain_match"), 1);
    assert_eq!(listener_stat(&running, "downstream_cx_total"), 0);
    until_empty(&running).await;

    snapshot.listeners[0].default_chain = Some(chain("other", ChainMatch::default()));
    let running = start(snapshot).await.expect("it starts");
    let mut client = Client::over(super::connect(&running).await);
    assert_eq!(client.call("a").await, "other");
    assert_eq!(listener_stat(&running, "no_filter_chain_match"), 0);
}

#[tokio::test]
async fn unix_sockets_match_what_asks_for_no_address() {
    let chains = vec![
        chain("port", matching(|m| m.destination_port = Some(1))),
        chain(
            "near",
            matching(|m| m.source_type = SourceType::SameIpOrLoopback),
        ),
    ];
    let (snapshot, _servers) = snapshot(chains, &["port", "near"]).await;
    let name = format!("meta-proxy-chains-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let builder = Proxy::builder(registry())
        .snapshot(snapshot)
        .listener("in", path.clone())
        .workers(Workers::own(1));
    let _running = builder.start().await.expect("it starts");
    let stream = UnixStream::connect(&path).await.expect("it listens");
    assert_eq!(Client::over(stream).call("a").await, "near");
}

#[tokio::test]
async fn two_chains_for_the_same_connections_do_not_start() {
    let named = |name: &str, servers: &[&str]| {
        chain(
            name,
            matching(|m| m.server_names = servers.iter().map(|&s| s.to_owned()).collect()),
        )
    };
    let chains = vec![
        named("one", &["a.example", "b.example"]),
        named("", &["c.example"]),
        named("", &["b.example"]),
    ];
    let config = ListenerConfig::with_chains("in", chains);
    let builder = Proxy::builder(registry())
        .snapshot(meta_proxy::Snapshot {
            listeners: vec![config],
            clusters: Vec::new(),
        })
        .listener("in", bound([127, 0, 0, 1]));
    let error = builder.start().await.expect_err("both have b.example");
    assert!(matches!(error, StartError::Chains { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "listener \"in\": the filter chains \"one\" and 2 are for the same connections"
    );
}
