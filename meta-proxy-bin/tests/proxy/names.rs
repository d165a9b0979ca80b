//! Servers found by name.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use meta_proxy::{
    Phase, Proxy, ProxyBuilder, Snapshot, Workers,
    meta_core::BoxFuture,
    meta_router::{
        ClusterConfig, DnsAnswer, DnsConfig, DnsError, DnsHost, DnsQuery, Endpoints, IpFamily,
        Resolve,
    },
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    http::get,
    program::Program,
    thrift,
    toy::{Client, Server, eventually, loopback, registry, snapshot},
};

/// Knows the loopback address of every name, once it is told to answer.
struct Local(watch::Sender<bool>);

impl Local {
    fn new(answers: bool) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(answers)))
    }
}

impl Resolve for Local {
    fn resolve<'a>(&'a self, query: DnsQuery<'a>) -> BoxFuture<'a, Result<DnsAnswer, DnsError>> {
        Box::pin(async move {
            let mut answers = self.0.subscribe();
            let waited = answers.wait_for(|answers| *answers).await;
            waited.map_err(|error| DnsError::new(error.to_string()))?;
            Ok(match query.family {
                IpFamily::V4 => DnsAnswer {
                    addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
                    ttl: Duration::ZERO,
                },
                IpFamily::V6 => DnsAnswer::default(),
            })
        })
    }
}

/// What sends all requests to the port of `server`, under a name.
fn by_name(server: &Server) -> Snapshot {
    let mut dns = DnsConfig::default();
    dns.refresh_rate = Duration::from_millis(10);
    let mut cluster = ClusterConfig::new("backend", Vec::new());
    cluster.endpoints = Endpoints::StrictDns {
        hosts: vec![DnsHost::new("greeter.test", server.address.port())],
        dns,
    };
    Snapshot {
        clusters: vec![cluster],
        ..snapshot(server)
    }
}

fn proxy(server: &Server, resolver: Arc<Local>) -> ProxyBuilder {
    Proxy::builder(registry())
        .snapshot(by_name(server))
        .listener("in", loopback())
        .workers(Workers::own(1))
        .resolver(resolver)
}

#[tokio::test]
async fn a_proxy_that_has_started_has_its_endpoints() {
    let server = Server::start("v1").await;
    let running = proxy(&server, Local::new(true)).start().await;
    let running = running.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "v1");
    let handle = running.handle();
    let updates = || handle.stats().counter("cluster.backend.update_no_rebuild");
    eventually("a refresh", || updates() > 0).await;
    let stats = handle.stats();
    for (name, value) in [
        ("membership_change", 1),
        ("update_failure", 0),
        ("update_empty", 0),
    ] {
        let name = format!("cluster.backend.{name}");
        assert!(stats.get(&name).is_some(), "{name}");
        assert_eq!(stats.counter(&name), value, "{name}");
    }
    assert!(stats.counter("cluster.backend.update_success") > 1);
    for name in ["membership_total", "membership_healthy"] {
        assert_eq!(stats.gauge(&format!("cluster.backend.{name}")), 1);
    }
    // What was found is no difference between the snapshots.
    handle.apply(by_name(&server)).expect("the same clusters");
}

#[tokio::test]
async fn the_start_does_not_wait_for_ever() {
    let server = Server::start("v1").await;
    let (resolver, bound) = (Local::new(false), Duration::from_millis(200));
    let began = Instant::now();
    let started = proxy(&server, resolver.clone()).warm_up(bound).start();
    let running = started.await.expect("it starts");
    assert!(began.elapsed() >= bound);
    assert_eq!(running.handle().phase(), Phase::Ready);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "the proxy");
    resolver.0.send_replace(true);
    let total = || {
        running
            .handle()
            .stats()
            .gauge("cluster.backend.membership_total")
    };
    eventually("an answer", || total() == 1).await;
    assert_eq!(client.call("hello").await, "v1");
}

#[tokio::test]
async fn nobody_can_connect_before_the_first_answer() {
    let server = Server::start("v1").await;
    let resolver = Local::new(false);
    let socket = std::net::TcpListener::bind(loopback()).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    drop(socket);
    let builder = Proxy::builder(registry())
        .snapshot(by_name(&server))
        .listener("in", address)
        .resolver(resolver.clone());
    let starting = tokio::spawn(builder.start());
    sleep(Duration::from_millis(100)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    resolver.0.send_replace(true);
    let running = starting.await.expect("no panic").expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "v1");
}

#[tokio::test]
async fn listed_endpoints_can_be_replaced() {
    let [one, other] = [Server::start("v1").await, Server::start("v2").await];
    let running = crate::toy::proxy(&one).start().await.expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "v1");
    let handle = running.handle();
    handle.apply(snapshot(&other)).expect("other endpoints");
    assert_eq!(client.call("hello").await, "v2");
    let mut none = snapshot(&other);
    none.clusters[0].endpoints = Vec::new().into();
    handle.apply(none).expect("no endpoints");
    assert_eq!(client.call("hello").await, "the proxy");
    handle.apply(snapshot(&one)).expect("the first again");
    assert_eq!(client.call("hello").await, "v1");
    let membership = handle.membership("backend").expect("it is there");
    assert!(membership.replace(&[other.address.into()]));
    assert_eq!(client.call("hello").await, "v2");
    assert!(handle.membership("none").is_none());
    // How endpoints are found does not change.
    handle.apply(by_name(&one)).expect_err("it takes a restart");
}

#[test]
fn quick_takes_names() {
    let server = thrift::server("v1");
    let upstream = format!("localhost:{},127.0.0.1:{}", server.port(), server.port());
    let program = Program::start(&[
        "quick",
        "--protocol",
        "thrift",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &upstream,
    ]);
    let mut client = thrift::Client::connect(program.address("listening on "));
    let reply = client.call(1, "hello").expect("a reply");
    assert_eq!(reply.string(0), Some("hello from v1"));
    let admin = program.address("admin on http://");
    let stats = get(admin, "/stats?filter=quick.(membership|update)").body;
    for line in [
        "cluster.quick.membership_total: 1",
        "cluster.quick.update_attempt: 1",
        "cluster.quick.update_success: 1",
    ] {
        assert!(stats.lines().any(|own| own == line), "{line} in {stats}");
    }
}
