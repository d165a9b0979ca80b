//! TLS with clients: which chain is theirs, and what they are refused for.

use std::{sync::Arc, time::Duration};

use meta_proxy::{
    FilterChainConfig, ProxyBuilder, Running, memory,
    meta_core::Address,
    meta_rds::ChainMatch,
    meta_tls::{
        CertificateConfig, CertificateSource, ClientTls, ClientTlsConfig, DataSource,
        ServerTlsConfig, TlsConfig, TlsContexts, ValidationConfig,
    },
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, duplex},
    net::TcpStream,
};

use super::{
    SHORT, call, chain, connect, is_closed, listener_stat, matching, snapshot, until_empty,
};
use crate::{
    access_log::{LogFile, prompt},
    toy::{Client, PATIENCE, Server, eventually, loopback},
};

/// An authority, whom both sides trust.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn certificate(&self, name: &str) -> CertificateSource {
        let (chain, key) = self.pems(name);
        let inline = |text: String| DataSource::Inline(text.into_bytes());
        CertificateSource::from(CertificateConfig {
            chain: inline(chain),
            key: inline(key),
        })
    }

    /// A certificate for this name, and its key.
    fn pems(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    fn validation(&self) -> ValidationConfig {
        let mut validation = ValidationConfig::default();
        validation.trusted_ca = Some(DataSource::Inline(self.pem.clone().into_bytes()));
        validation
    }

    fn server(&self, name: &str) -> ServerTlsConfig {
        let mut tls = TlsConfig::default();
        tls.certificates = vec![self.certificate(name)];
        ServerTlsConfig::new(tls)
    }

    /// A client that asks for this name, and wants the certificate to be for it.
    fn client(&self, name: &str, protocols: &[&str]) -> Arc<ClientTls> {
        let mut tls = TlsConfig::default();
        tls.validation = Some(self.validation().into());
        tls.alpn = protocols.iter().map(|&p| p.to_owned()).collect();
        let mut config = ClientTlsConfig::new(tls);
        config.sni = Some(name.to_owned());
        config.verify_sni = true;
        TlsContexts::new().client(config).expect("it is good")
    }

    /// A chain for these names, with a certificate of its own.
    fn chain(&self, name: &str, fill: impl FnOnce(&mut ChainMatch)) -> FilterChainConfig {
        let mut chain = chain(name, matching(fill));
        chain.tls = Some(self.server(&format!("{name}.example")));
        chain
    }
}

/// A proxy of these chains.
async fn builder(
    chains: Vec<FilterChainConfig>,
    servers: &[&'static str],
) -> (ProxyBuilder, Vec<Server>) {
    let (snapshot, servers) = snapshot(chains, servers).await;
    (prompt(snapshot).listener("in", loopback()), servers)
}

async fn started(
    chains: Vec<FilterChainConfig>,
    servers: &[&'static str],
) -> (Running, Vec<Server>) {
    let (builder, servers) = builder(chains, servers).await;
    (builder.start().await.expect("it starts"), servers)
}

/// Who answers a client of TLS; `None` where there is no handshake.
async fn ask(running: &Running, tls: &ClientTls) -> Option<String> {
    let stream = connect(running).await;
    let (stream, _) = tls.handshake(stream, &Address::Memory).await.ok()?;
    Some(Client::over(stream).call("a").await)
}

#[tokio::test]
async fn chains_are_chosen_by_name_and_protocol() {
    let ca = Ca::new();
    let log = LogFile::new("sni");
    let named = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
    let mut logged = ca.chain("one", |m| m.server_names = named(&["one.example"]));
    logged.access_log = vec![log.config("%REQUESTED_SERVER_NAME%")];
    let mut by_protocol = ca.chain("thrift", |m| {
        m.server_names = named(&["*.example"]);
        m.application_protocols = named(&["thrift"]);
    });
    // What both the exact name and the wildcard's protocol ask for goes by the name.
    by_protocol.tls = Some(ca.server("two.example"));
    let mut others = ca.chain("others", |m| m.server_names = named(&["*.example"]));
    others.tls = Some(ca.server("two.example"));
    let plain = chain(
        "plain",
        matching(|m| m.transport_protocol = Some("raw_buffer".into())),
    );
    let chains = vec![logged, by_protocol, others, plain];
    let servers = ["one", "thrift", "others", "plain"];
    let (running, _servers) = started(chains, &servers).await;
    for (name, protocols, expected) in [
        ("one.example", &[][..], Some("one")),
        ("one.example", &["thrift"], Some("one")),
        ("two.example", &["thrift"], Some("thrift")),
        ("two.example", &["h2", "thrift"], Some("thrift")),
        ("two.example", &["h2"], Some("others")),
        ("TWO.example", &[], Some("others")),
        ("elsewhere.test", &[], None),
    ] {
        let answer = ask(&running, &ca.client(name, protocols)).await;
        assert_eq!(answer.as_deref(), expected, "{name} {protocols:?}");
    }
    let mut client = Client::over(connect(&running).await);
    assert_eq!(client.call("a").await, "plain");
    drop(client);
    let lines = ["one.example", "one.example"].map(str::to_owned);
    log.has(&lines).await;
    assert_eq!(listener_stat(&running, "ssl.handshake"), 6);
    assert_eq!(listener_stat(&running, "ssl.no_certificate"), 6);
    assert_eq!(listener_stat(&running, "no_filter_chain_match"), 1);
    until_empty(&running).await;
}

#[tokio::test]
async fn a_hello_may_come_byte_by_byte() {
    let ca = Ca::new();
    let chains = vec![
        ca.chain("one", |m| m.server_names = vec!["one.example".into()]),
        ca.chain("two", |m| m.server_names = vec!["two.example".into()]),
    ];
    let (running, _servers) = started(chains, &["one", "two"]).await;
    let stream = connect(&running).await;
    let (mut to_client, mut from_client) = stream.into_split();
    let (ours, theirs) = duplex(1 << 16);
    let (mut reader, mut writer) = tokio::io::split(theirs);
    let upwards = tokio::spawn(async move {
        while let Ok(byte) = reader.read_u8().await {
            if from_client.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let downwards = tokio::spawn(async move { copy(&mut to_client, &mut writer).await });
    let tls = ca.client("two.example", &[]);
    let shaken = tls.handshake(ours, &Address::Memory).await;
    let (stream, _) = shaken.expect("nothing is lost");
    let mut client = Client::over(stream);
    assert_eq!(client.call("a").await, "two");
    assert_eq!(client.call("a").await, "two");
    drop(client);
    until_empty(&running).await;
    upwards.await.expect("no panic");
    downwards.abort();
}

#[tokio::test]
async fn clients_have_to_show_who_they_are() {
    let ca = Ca::new();
    let mut mutual = ca.chain("one", |_| {});
    let tls = mutual.tls.as_mut().expect("it has TLS");
    tls.require_client_certificate = true;
    tls.tls.validation = Some(ca.validation().into());
    let (running, _servers) = started(vec![mutual], &["one"]).await;
    // In TLS 1.3 a client learns of its refusal after its own handshake.
    let tls = ca.client("one.example", &[]);
    let stream = connect(&running).await;
    if let Ok((stream, _)) = tls.handshake(stream, &Address::Memory).await {
        assert!(is_closed(stream).await);
    }
    let refused = || listener_stat(&running, "ssl.fail_verify_no_cert");
    eventually("its refusal", || refused() == 1).await;
    assert_eq!(listener_stat(&running, "downstream_cx_total"), 0);
    let mut with = tls.config().clone();
    with.tls.certificates = vec![ca.certificate("client.example")];
    let with = TlsContexts::new().client(with).expect("it is good");
    assert_eq!(ask(&running, &with).await.as_deref(), Some("one"));
    assert_eq!(listener_stat(&running, "ssl.handshake"), 1);
    assert_eq!(listener_stat(&running, "ssl.no_certificate"), 0);
    until_empty(&running).await;
}

#[tokio::test]
async fn plain_text_to_tls_is_refused() {
    let ca = Ca::new();
    let (running, _servers) = started(vec![ca.chain("one", |_| {})], &["one"]).await;
    let mut stream = connect(&running).await;
    stream.write_all(&call()).await.expect("it reads");
    assert!(is_closed(stream).await);
    let errors = || listener_stat(&running, "ssl.not_tls");
    eventually("its refusal", || errors() == 1).await;
    assert_eq!(listener_stat(&running, "ssl.connection_error"), 1);
    until_empty(&running).await;
}

#[tokio::test]
async fn tls_to_plain_text_is_refused() {
    let ca = Ca::new();
    let plain = chain("one", ChainMatch::default());
    let (running, _servers) = started(vec![plain], &["one"]).await;
    assert_eq!(ask(&running, &ca.client("one.example", &[])).await, None);
    let errors = || listener_stat(&running, "downstream_cx_total");
    assert_eq!(errors(), 1);
    let name = "meta_protocol.in.request_decoding_error";
    eventually("the codec's word", || super::stat(&running, name) == 1).await;
    until_empty(&running).await;
}

/// Thrift would take the first bytes for a message too long, and skip it for ever.
#[tokio::test]
async fn tls_to_plain_thrift_is_refused_at_once() {
    let ca = Ca::new();
    let log = LogFile::new("tls-to-plain");
    let mut plain = chain("one", ChainMatch::default());
    plain.codec = "aeraki.meta_protocol.codec.thrift".into();
    plain.access_log = vec![log.config("%RESPONSE_CODE_DETAILS%")];
    let (snapshot, _servers) = snapshot(vec![plain], &["one"]).await;
    let mut registry = meta_proxy::Registry::new();
    registry.codec(codec_thrift::Thrift).expect("it is empty");
    let builder = meta_proxy::Proxy::builder(registry)
        .snapshot(snapshot)
        .workers(meta_proxy::Workers::own(1));
    let builder = builder.listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    assert_eq!(ask(&running, &ca.client("one.example", &[])).await, None);
    let name = "meta_protocol.in.request_decoding_error";
    assert_eq!(super::stat(&running, name), 1);
    until_empty(&running).await;
    running.handle().drain(PATIENCE).await;
    log.has(&["bad_request".to_owned()]).await;
}

#[tokio::test]
async fn half_a_handshake_ends_at_the_timeout() {
    let ca = Ca::new();
    let mut slow = ca.chain("one", |_| {});
    slow.tls.as_mut().expect("it has TLS").handshake_timeout = SHORT;
    let (running, _servers) = started(vec![slow], &["one"]).await;
    let silent = connect(&running).await;
    let mut half = connect(&running).await;
    half.write_all(&[22, 3, 1, 2, 0, 1, 0])
        .await
        .expect("it reads");
    assert!(is_closed(silent).await);
    assert!(is_closed(half).await);
    let name = "downstream_cx_transport_socket_connect_timeout";
    eventually("two timeouts", || listener_stat(&running, name) == 2).await;
    until_empty(&running).await;
    assert_eq!(
        ask(&running, &ca.client("one.example", &[]))
            .await
            .as_deref(),
        Some("one")
    );
}

#[tokio::test]
async fn handshakes_under_way_are_bounded() {
    let ca = Ca::new();
    let (mut snapshot, _servers) = snapshot(vec![ca.chain("one", |_| {})], &["one"]).await;
    snapshot.listeners[0].handshakes.max_under_way = 1;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let hanging = connect(&running).await;
    let total = || super::stat(&running, "server.total_connections");
    eventually("the first", || total() == 1).await;
    assert!(is_closed(connect(&running).await).await);
    let refused = || listener_stat(&running, "ssl.handshake_overflow");
    eventually("its refusal", || refused() == 1).await;
    drop(hanging);
    eventually("room", || total() == 0).await;
    let tls = ca.client("one.example", &[]);
    assert_eq!(ask(&running, &tls).await.as_deref(), Some("one"));
}

#[tokio::test]
async fn a_drain_does_not_wait_for_handshakes() {
    let ca = Ca::new();
    let (running, _servers) = started(vec![ca.chain("one", |_| {})], &["one"]).await;
    let hanging = connect(&running).await;
    let tls = ca.client("one.example", &[]);
    let stream = connect(&running).await;
    let shaken = tls.handshake(stream, &Address::Memory).await;
    let mut client = Client::over(shaken.expect("it is good").0);
    assert_eq!(client.call("a").await, "one");
    let total = || super::stat(&running, "server.total_connections");
    eventually("both", || total() == 2).await;
    let drained = running.handle().drain(PATIENCE);
    let seen = async {
        assert!(is_closed(hanging).await);
        assert_eq!(client.response().await, None);
        drop(client);
    };
    let (report, ()) = tokio::join!(drained, seen);
    assert_eq!((report.closed, report.aborted), (2, 0));
    assert_eq!(total(), 0);
}

#[tokio::test]
async fn streams_of_other_kinds_are_secured_too() {
    let ca = Ca::new();
    let chains = vec![
        ca.chain("one", |m| m.server_names = vec!["one.example".into()]),
        ca.chain("two", |_| {}),
    ];
    let (snapshot, _servers) = snapshot(chains, &["one", "two"]).await;
    let (connector, listener) = memory(4096);
    let builder = prompt(snapshot).listener("in", listener);
    let running = builder.start().await.expect("it starts");
    for name in ["one", "two"] {
        let stream = connector.connect().await.expect("it listens");
        let tls = ca.client(&format!("{name}.example"), &[]);
        let shaken = tls.handshake(stream, &Address::Memory).await;
        let mut client = Client::over(shaken.expect("it is good").0);
        assert_eq!(client.call("a").await, name);
        assert_eq!(client.call("a").await, name);
    }
    until_empty(&running).await;
}

/// A chain of a bootstrap: for this name, with a certificate for it.
fn chain_by_file(ca: &Ca, name: &str) -> serde_json::Value {
    let (chain, key) = ca.pems(&format!("{name}.example"));
    let text = |text: String| serde_json::json!({ "inline_string": text });
    serde_json::json!({
        "name": name,
        "filter_chain_match": { "server_names": [format!("{name}.example")] },
        "transport_socket_connect_timeout": "0.2s",
        "transport_socket": { "name": "tls", "typed_config": {
            "@type": "type.googleapis.com/\
                envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": { "tls_certificates": [
                { "certificate_chain": text(chain), "private_key": text(key) }
            ] }
        } },
        "filters": [ { "name": "proxy", "typed_config": {
            "@type": "type.googleapis.com/\
                aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy",
            "stat_prefix": name,
            "protocol": { "name": "toy", "codec": { "name": "example.codec.toy" } },
            "route_config": { "name": name, "routes": [
                { "name": "all", "route": { "cluster": name } }
            ] }
        } } ]
    })
}

#[tokio::test]
async fn a_file_says_it_all() {
    let ca = Ca::new();
    let servers = [Server::start("one").await, Server::start("two").await];
    let clusters: Vec<_> = ["one", "two"]
        .iter()
        .zip(&servers)
        .map(|(name, server)| {
            let (ip, port) = (server.address.ip(), server.address.port());
            let address = serde_json::json!({ "socket_address": {
                "address": ip.to_string(), "port_value": port
            } });
            serde_json::json!({ "name": name, "type": "STATIC", "load_assignment": {
                "cluster_name": name,
                "endpoints": [ { "lb_endpoints": [ { "endpoint": { "address": address } } ] } ]
            } })
        })
        .collect();
    let text = serde_json::json!({ "static_resources": {
        "listeners": [ {
            "name": "in",
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [chain_by_file(&ca, "one"), chain_by_file(&ca, "two")]
        } ],
        "clusters": clusters
    } });
    let load = |text: &serde_json::Value| {
        let source = meta_rds::Source::new("test.json", text.to_string());
        let bootstrap = meta_rds::Loader::new().load(&[source]);
        bootstrap.unwrap_or_else(|error| panic!("{error}"))
    };
    let builder = || meta_proxy::Proxy::builder(crate::toy::registry());
    let started = builder().bootstrap(&load(&text)).expect("it can be run");
    let started = started.workers(meta_proxy::Workers::own(1));
    let running = started.start().await.expect("it starts");
    for name in ["one", "two"] {
        let tls = ca.client(&format!("{name}.example"), &[]);
        assert_eq!(ask(&running, &tls).await.as_deref(), Some(name));
    }
    // The time for a handshake is the file's.
    let tls = ca.client("one.example", &[]);
    let mut half = connect(&running).await;
    let (ours, mut theirs) = duplex(1 << 16);
    let shaking = tokio::spawn(async move {
        let shaken = tls.handshake(ours, &Address::Memory).await;
        shaken.map(drop)
    });
    let mut hello = vec![0; 1 << 14];
    let length = theirs.read(&mut hello).await.expect("a hello");
    half.write_all(&hello[..length]).await.expect("it reads");
    let name = "downstream_cx_transport_socket_connect_timeout";
    eventually("the timeout", || listener_stat(&running, name) == 1).await;
    drop(theirs);
    let shaken = shaking.await.expect("no panic");
    shaken.expect_err("it was cut short");
    until_empty(&running).await;

    let mut twice = text;
    let chains = &mut twice["static_resources"]["listeners"][0]["filter_chains"];
    chains[1]["filter_chain_match"] = chains[0]["filter_chain_match"].clone();
    let error = builder()
        .bootstrap(&load(&twice))
        .expect_err("they overlap");
    let expected = "test.json: static_resources.listeners[0].filter_chains[1]: it is for \
                    connections that static_resources.listeners[0].filter_chains[0] is for already";
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_said_at_the_start() {
    let ca = Ca::new();
    let mut bad = ca.chain("one", |_| {});
    let tls = bad.tls.as_mut().expect("it has TLS");
    tls.tls.certificates.clear();
    let (builder, _servers) = builder(vec![bad], &["one"]).await;
    let error = builder.start().await.expect_err("there is no certificate");
    assert_eq!(
        error.to_string(),
        "listener \"in\": TLS of the filter chain \"one\""
    );
    let source = std::error::Error::source(&error).expect("the reason");
    assert_eq!(source.to_string(), "a server needs a certificate");
}

/// Many clients at once, some of which break off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_come_and_go() {
    let ca = Ca::new();
    let chains = vec![
        ca.chain("one", |m| m.server_names = vec!["one.example".into()]),
        ca.chain("two", |m| m.server_names = vec!["two.example".into()]),
    ];
    let (builder, _servers) = builder(chains, &["one", "two"]).await;
    let builder = builder.workers(meta_proxy::Workers::own(2));
    let running = builder.start().await.expect("it starts");
    let address = running.handle().addr("in").expect("it listens");
    let address = address.socket_addr().expect("it has a TCP address");
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..60 {
        let name = ["one", "two"][number % 2];
        let tls = ca.client(&format!("{name}.example"), &[]);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            if number % 5 == 0 {
                let _ = stream.write_all(&[22, 3, 1, 0]).await;
                tokio::time::sleep(Duration::from_millis(number as u64)).await;
                return;
            }
            let shaken = tls.handshake(stream, &Address::Memory).await;
            let mut client = Client::over(shaken.expect("it is good").0);
            for _ in 0..3 {
                assert_eq!(client.call("a").await, name);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("no panic");
    }
    until_empty(&running).await;
    assert_eq!(listener_stat(&running, "ssl.handshake"), 48);
}
