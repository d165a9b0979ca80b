//! PROXY headers, as load balancers send them.

use std::net::SocketAddr;

use meta_codec_test::toy::Frame;
use meta_proxy::{
    Running, memory,
    meta_rds::{
        ChainMatch, ListenerFilterKind, Network, ProxyProtocolFilter, ProxyProtocolVersion,
    },
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    SHORT, call, chain, connect, filtered, is_closed, listener_stat, matching, snapshot, stat,
    until_empty,
};
use crate::{
    access_log::{LogFile, prompt},
    toy::{Client, eventually, loopback},
};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 203.0.113.9 56324 443\r\n";

fn filter(fill: impl FnOnce(&mut ProxyProtocolFilter)) -> ListenerFilterKind {
    let mut filter = ProxyProtocolFilter::default();
    fill(&mut filter);
    ListenerFilterKind::ProxyProtocol(filter)
}

/// A header of version 2.
fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([0x20 | command, family]);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The payload that says so, with an extension behind it.
fn addresses(source: &str, destination: &str) -> Vec<u8> {
    let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let (source, destination) = (parse(source), parse(destination));
    let mut payload = Vec::new();
    for address in [source, destination] {
        match address.ip() {
            std::net::IpAddr::V4(ip) => payload.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => payload.extend(ip.octets()),
        }
    }
    for address in [source, destination] {
        payload.extend(address.port().to_be_bytes());
    }
    payload.extend([4, 0, 3, 1, 2, 3]);
    payload
}

async fn start(filter: ListenerFilterKind) -> (Running, Vec<crate::toy::Server>) {
    let (mut snapshot, servers) = filtered(vec![filter]).await;
    snapshot.listeners[0].filters.timeout = Some(crate::toy::PATIENCE);
    let builder = prompt(snapshot).listener("in", loopback());
    (builder.start().await.expect("it starts"), servers)
}

/// Who answers a call that comes after these bytes.
async fn answer(mut stream: TcpStream, before: &[u8]) -> Option<String> {
    stream.write_all(before).await.expect("it reads");
    stream.write_all(&call()).await.expect("it reads");
    let response = Client::over(stream).response().await?;
    response.get("server").map(str::to_owned)
}

#[tokio::test]
async fn the_addresses_of_a_header_are_those_of_the_connection() {
    let log = LogFile::new("proxy-protocol");
    let (mut snapshot, _servers) = filtered(vec![filter(|_| {})]).await;
    let format = "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%";
    snapshot.listeners[0].chains[0].access_log = vec![log.config(format)];
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let mut expected = Vec::new();
    for (header, addresses) in [
        (V1.to_vec(), Some("192.0.2.1:56324 203.0.113.9:443")),
        (
            b"PROXY TCP6 2001:db8::1 2001:db8::2 5 6\r\n".to_vec(),
            Some("[2001:db8::1]:5 [2001:db8::2]:6"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (
            v2(1, 0x11, &addresses("192.0.2.7:1", "203.0.113.8:2")),
            Some("192.0.2.7:1 203.0.113.8:2"),
        ),
        (
            v2(1, 0x21, &addresses("[2001:db8::7]:1", "[2001:db8::8]:2")),
            Some("[2001:db8::7]:1 [2001:db8::8]:2"),
        ),
        (v2(0, 0, &[]), None),
        (
            v2(0, 0x11, &addresses("192.0.2.7:1", "203.0.113.8:2")),
            None,
        ),
    ] {
        let stream = connect(&running).await;
        let own = stream.local_addr().expect("it is connected");
        let peer = stream.peer_addr().expect("it is connected");
        let answer = answer(stream, &header).await;
        assert_eq!(answer.as_deref(), Some("v1"), "{header:?}");
        let own = format!("{own} {peer}");
        expected.push(addresses.map_or(own, str::to_owned));
    }
    log.has(&expected).await;
    assert_eq!(stat(&running, "proxy_proto.versions.v1.found"), 3);
    assert_eq!(stat(&running, "proxy_proto.versions.v2.found"), 4);
    until_empty(&running).await;
}

#[tokio::test]
async fn headers_come_in_pieces() {
    let (running, _servers) = start(filter(|f| f.stat_prefix = "edge".to_owned())).await;
    let v2 = v2(1, 0x11, &addresses("192.0.2.7:1", "203.0.113.8:2"));
    let mut count = 0;
    for header in [V1, &v2] {
        for split in 1..header.len() {
            let mut stream = connect(&running).await;
            let (before, after) = header.split_at(split);
            stream.write_all(before).await.expect("it reads");
            // The filter looks at the first piece alone.
            let active = || listener_stat(&running, "downstream_pre_cx_active");
            eventually("a look", || active() == 1).await;
            let answer = answer(stream, after).await;
            assert_eq!(answer.as_deref(), Some("v1"), "{split} of {header:?}");
            count += 1;
        }
    }
    let found =
        ["v1", "v2"].map(|v| stat(&running, &format!("proxy_proto.edge.versions.{v}.found")));
    assert_eq!(found.iter().sum::<u64>(), count);
    until_empty(&running).await;
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let (running, _servers) = start(filter(|_| {})).await;
    let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
    for (bytes, counter) in [
        (call(), "not_found_disallowed"),
        (long, "versions.v1.error"),
        (b"PROXY TCP4 nonsense\r\n".to_vec(), "versions.v1.error"),
        (v2(1, 0x11, &[0; 5]), "versions.v2.error"),
        (v2(1, 0x31, &[0; 216]), "versions.v2.error"),
        (v2(1, 0x11, &[0; 5000]), "versions.v2.error"),
        (v2(9, 0x11, &[0; 12]), "versions.v2.error"),
    ] {
        let name = format!("proxy_proto.{counter}");
        let before = stat(&running, &name);
        let mut stream = connect(&running).await;
        let _ = stream.write_all(&bytes).await;
        assert!(is_closed(stream).await, "{bytes:?}");
        assert_eq!(stat(&running, &name), before + 1, "{bytes:?}");
    }
    let errors = listener_stat(&running, "downstream_cx_proxy_proto_error");
    assert_eq!(errors, 7);
    // Who goes away has done nothing wrong.
    drop(connect(&running).await);
    let mut half = connect(&running).await;
    half.write_all(&V1[..20]).await.expect("it reads");
    drop(half);
    until_empty(&running).await;
    let errors = listener_stat(&running, "downstream_cx_proxy_proto_error");
    assert_eq!(errors, 7);
    assert_eq!(listener_stat(&running, "downstream_cx_total"), 0);
}

#[tokio::test]
async fn connections_without_a_header_are_let_in_where_they_may() {
    let (running, _servers) = start(filter(|f| f.allow_without = true)).await;
    for before in [&b""[..], V1] {
        let answer = answer(connect(&running).await, before).await;
        assert_eq!(answer.as_deref(), Some("v1"));
    }
    assert_eq!(stat(&running, "proxy_proto.not_found_allowed"), 1);
    assert_eq!(stat(&running, "proxy_proto.versions.v1.found"), 1);
    // What begins as one is one.
    let mut stream = connect(&running).await;
    stream.write_all(b"PROXY what\r\n").await.expect("it reads");
    assert!(is_closed(stream).await);
}

#[tokio::test]
async fn versions_are_disallowed() {
    let only_v2 = filter(|f| f.disallowed_versions = vec![ProxyProtocolVersion::V1]);
    let (running, _servers) = start(only_v2).await;
    let mut stream = connect(&running).await;
    stream.write_all(V1).await.expect("it reads");
    assert!(is_closed(stream).await);
    assert_eq!(stat(&running, "proxy_proto.versions.v1.disallowed"), 1);
    let header = v2(0, 0, &[]);
    let answer = answer(connect(&running).await, &header).await;
    assert_eq!(answer.as_deref(), Some("v1"));
}

#[tokio::test]
async fn half_a_header_ends_at_the_timeout() {
    for goes_on in [false, true] {
        let (mut snapshot, _servers) = filtered(vec![filter(|_| {})]).await;
        let filters = &mut snapshot.listeners[0].filters;
        filters.timeout = Some(SHORT);
        filters.continue_on_timeout = goes_on;
        let builder = prompt(snapshot).listener("in", loopback());
        let running = builder.start().await.expect("it starts");
        let mut silent = connect(&running).await;
        let mut half = connect(&running).await;
        half.write_all(&V1[..20]).await.expect("it reads");
        let timeouts = || listener_stat(&running, "downstream_pre_cx_timeout");
        eventually("two timeouts", || timeouts() == 2).await;
        // What goes on does so with all its bytes, which are none of the protocol.
        assert!(is_closed(half).await);
        let errors = || stat(&running, "meta_protocol.in.request_decoding_error");
        eventually("the codec's word", || errors() == u64::from(goes_on)).await;
        if goes_on {
            silent.write_all(&call()).await.expect("it reads");
            let response = Client::over(silent).response().await;
            assert!(response.is_some(), "nothing was lost of it");
        } else {
            assert!(is_closed(silent).await);
        }
        until_empty(&running).await;
    }
}

#[tokio::test]
async fn chains_are_chosen_by_the_addresses_of_the_header() {
    let from = |ip: [u8; 4], bits| Network::new(ip.into(), bits).expect("a network");
    let chains = vec![
        chain("port", matching(|m| m.destination_port = Some(443))),
        chain(
            "source",
            matching(|m| m.sources = vec![from([192, 0, 2, 0], 24)]),
        ),
        chain(
            "peer",
            matching(|m| {
                m.direct_sources = vec![from([127, 0, 0, 0], 8)];
                m.sources = vec![from([198, 51, 100, 0], 24)];
            }),
        ),
        chain("rest", ChainMatch::default()),
    ];
    let (mut snapshot, _servers) = snapshot(chains, &["port", "source", "peer", "rest"]).await;
    snapshot.listeners[0].filters.list = vec![filter(|_| {}).into()];
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    for (source, destination, expected) in [
        ("192.0.2.1:1", "203.0.113.9:443", "port"),
        // The peer's network is asked first, and there is no way back.
        ("198.51.100.1:1", "203.0.113.9:80", "peer"),
    ] {
        let header = v2(1, 0x11, &addresses(source, destination));
        let answer = answer(connect(&running).await, &header).await;
        assert_eq!(answer.as_deref(), Some(expected), "{source} {destination}");
    }
    let header = v2(1, 0x11, &addresses("192.0.2.1:1", "203.0.113.9:80"));
    let mut stream = connect(&running).await;
    stream.write_all(&header).await.expect("it reads");
    assert!(is_closed(stream).await);
    assert_eq!(listener_stat(&running, "no_filter_chain_match"), 1);
}

#[tokio::test]
async fn connections_within_the_process_have_headers_too() {
    let (snapshot, _servers) = filtered(vec![filter(|_| {})]).await;
    let (connector, listener) = memory(4096);
    let builder = prompt(snapshot).listener("in", listener);
    let running = builder.start().await.expect("it starts");
    let mut stream = connector.connect().await.expect("it listens");
    for byte in V1 {
        stream.write_all(&[*byte]).await.expect("it reads");
    }
    let mut client = Client::over(stream);
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(client.call("a").await, "v1");
    let mut none = connector.connect().await.expect("it listens");
    none.write_all(&Frame::request(1, "").encode())
        .await
        .expect("it reads");
    assert!(is_closed(none).await);
    drop(client);
    until_empty(&running).await;
}
