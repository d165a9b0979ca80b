//! Endpoints found by name, with a real name server.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Address, ReplyKind};
use meta_router::{
    ClusterConfig, Discovery, DnsConfig, DnsHost, DnsResolver, Endpoints, LookupFamily,
};
use tokio::time::sleep;

use crate::{
    client::{ok, text},
    name_server::NameServer,
    network::Network,
    peer::{patiently, until},
    server::Echo,
    setup::{Proxy, backend},
};

const NAME: &str = "greeter.test";
const PORT: u16 = 7000;

fn ip(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, n).into()
}

fn echo(network: &Network, ip: IpAddr) -> Echo {
    network.server_at(&SocketAddr::new(ip, PORT).into()).echo()
}

/// Asks that server for IPv4 addresses alone, all the time.
fn asking(server: &NameServer) -> DnsConfig {
    let mut dns = DnsConfig::default();
    dns.refresh_rate = Duration::from_millis(5);
    dns.family = LookupFamily::V4Only;
    dns.resolvers = vec![server.address];
    dns
}

fn strict(dns: DnsConfig) -> ClusterConfig {
    let mut config = backend([]);
    let hosts = vec![DnsHost::new(NAME, PORT)];
    config.endpoints = Endpoints::StrictDns { hosts, dns };
    config
}

fn logical(dns: DnsConfig) -> ClusterConfig {
    let mut config = backend([]);
    let host = DnsHost::new(NAME, PORT);
    config.endpoints = Endpoints::LogicalDns { host, dns };
    config
}

/// A proxy that has had its first answers.
async fn start(toy: Toy, network: &Arc<Network>, config: ClusterConfig) -> (Proxy, Discovery) {
    let proxy = Proxy::new(toy, network.clone(), config);
    let resolver = DnsResolver::new().with_timeout(Duration::from_secs(1));
    let mut discovery = Discovery::start(proxy.clusters(), Arc::new(resolver));
    let late = discovery.warm(Duration::from_secs(20)).await;
    assert!(late.is_empty(), "{late:?}");
    (proxy, discovery)
}

fn ips(proxy: &Proxy) -> Vec<IpAddr> {
    let addresses = proxy.membership().addresses();
    let ip = |address: Address| match address {
        Address::Ip(address) => address.ip(),
        other => panic!("not an IP address: {other}"),
    };
    addresses.into_iter().map(ip).collect()
}

#[tokio::test]
async fn answers_change_under_load_and_no_request_is_lost() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let (network, server) = (Network::new(), NameServer::start().await);
        let echos = [1, 2, 3, 4].map(|n| echo(&network, ip(n)));
        server.set(NAME, 0, &[ip(1)]);
        let (proxy, _discovery) = start(toy, &network, strict(asking(&server))).await;
        let over = Arc::<AtomicBool>::default();
        let clients: Vec<_> = (0..8)
            .map(|n| {
                let (mut client, over) = (proxy.client(), over.clone());
                tokio::spawn(async move {
                    for call in 0.. {
                        if over.load(Relaxed) {
                            break;
                        }
                        let body = format!("{n}/{call}");
                        let answer = client.ask(&Frame::request(call, body.clone())).await;
                        assert_eq!((answer.get("status"), text(&answer)), (None, body));
                        if call % 4 == 0 {
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                })
            })
            .collect();
        for mask in [1, 3, 12, 15, 8, 4, 6, 1, 2, 9] {
            let listed: Vec<_> = (0..4_u8)
                .filter(|n| mask & (1 << n) != 0)
                .map(|n| ip(n + 1))
                .collect();
            server.set(NAME, 0, &listed);
            until(|| ips(&proxy) == listed).await;
            let last = usize::from(listed.len() as u8 - 1);
            let last = &echos[listed_index(&listed, last)];
            let before = last.calls();
            until(|| last.calls() > before + 20).await;
        }
        over.store(true, Relaxed);
        for client in clients {
            patiently(client).await.expect("every answer");
        }
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 0);
        assert_eq!(proxy.membership().stats().membership_change.value(), 10);
    }
}

/// Which echo server has that address.
fn listed_index(listed: &[IpAddr], at: usize) -> usize {
    (1..=4)
        .position(|n| ip(n) == listed[at])
        .expect("one of four")
}

#[tokio::test]
async fn what_goes_wrong_changes_nothing() {
    let (network, server) = (Network::new(), NameServer::start().await);
    let echo = echo(&network, ip(1));
    server.set(NAME, 0, &[ip(1)]);
    let (proxy, _discovery) = start(Toy::by_id(), &network, strict(asking(&server))).await;
    let caller = proxy.caller();
    let stats = proxy.membership().stats();
    let counts = || (stats.update_failure.value(), stats.update_empty.value());
    assert_eq!(caller.ask("a").await, ok("a"));
    // There are no addresses.
    server.set(NAME, 0, &[]);
    until(|| counts().1 > 2).await;
    // There is no such name.
    server.remove(NAME);
    let empty = counts().1;
    until(|| counts().1 > empty + 2).await;
    assert_eq!(counts().0, 0);
    // The server is at a loss.
    server.break_down(true);
    until(|| counts().0 > 2).await;
    assert_eq!(ips(&proxy), [ip(1)]);
    assert_eq!(caller.ask("b").await, ok("b"));
    server.break_down(false);
    server.set(NAME, 0, &[ip(1), ip(2)]);
    until(|| ips(&proxy).len() == 2).await;
    assert_eq!(stats.membership_change.value(), 2);
    assert_eq!(echo.connections(), 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_asked_until_it_is_back() {
    let (network, server) = (Network::new(), NameServer::start().await);
    let echos = [1, 2].map(|n| echo(&network, ip(n)));
    server.set(NAME, 0, &[ip(1)]);
    let (proxy, _discovery) = start(Toy::by_id(), &network, strict(asking(&server))).await;
    let stats = proxy.membership().stats();
    let address = server.address;
    server.stop().await;
    until(|| stats.update_failure.value() > 0).await;
    assert_eq!(proxy.caller().ask("a").await, ok("a"));
    let server = NameServer::start_at(address).await;
    server.set(NAME, 0, &[ip(2)]);
    until(|| ips(&proxy) == [ip(2)]).await;
    assert_eq!(proxy.caller().ask("b").await, ok("b"));
    assert_eq!(echos.map(|echo| echo.calls()), [1, 1]);
}

#[tokio::test]
async fn a_name_that_comes_later() {
    let (network, server) = (Network::new(), NameServer::start().await);
    let _echo = echo(&network, ip(1));
    let (proxy, _discovery) = start(Toy::by_id(), &network, strict(asking(&server))).await;
    let refused = proxy.caller().ask("early").await;
    assert_eq!(refused, Err(ReplyKind::NoHealthyUpstream));
    server.set(NAME, 0, &[ip(1)]);
    until(|| !ips(&proxy).is_empty()).await;
    assert_eq!(proxy.caller().ask("late").await, ok("late"));
}

/// More than fits in an answer over UDP.
#[tokio::test]
async fn many_addresses_come_over_tcp() {
    let (network, server) = (Network::new(), NameServer::start().await);
    let many: Vec<_> = (0..250).map(ip).collect();
    let _echos: Vec<_> = many.iter().map(|ip| echo(&network, *ip)).collect();
    server.set(NAME, 0, &many);
    let (proxy, _discovery) = start(Toy::by_id(), &network, strict(asking(&server))).await;
    assert_eq!(ips(&proxy), many);
    assert!(server.queries_over_tcp() > 0);
    for _ in 0..250 {
        assert_eq!(proxy.caller().ask("a").await, ok("a"));
    }
    assert_eq!(proxy.open(), 250);
}

#[tokio::test]
async fn the_time_to_live_counts_if_told_so() {
    let (network, server) = (Network::new(), NameServer::start().await);
    server.set(NAME, 3600, &[ip(1)]);
    let mut dns = asking(&server);
    dns.respect_ttl = true;
    let (proxy, _discovery) = start(Toy::by_id(), &network, strict(dns.clone())).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!((ips(&proxy), server.queries()), (vec![ip(1)], 1));
    // One of 0 says nothing.
    server.set(NAME, 0, &[ip(1)]);
    let (_proxy, _discovery) = start(Toy::by_id(), &network, strict(dns)).await;
    until(|| server.queries() > 5).await;
}

#[tokio::test]
async fn both_families() {
    let (network, server) = (Network::new(), NameServer::start().await);
    let v6: IpAddr = "2001:db8::7".parse().expect("an address");
    server.set(NAME, 0, &[ip(1), v6]);
    let _echos = [ip(1), v6].map(|ip| echo(&network, ip));
    for (family, expected) in [
        (LookupFamily::Auto, vec![v6]),
        (LookupFamily::V4Preferred, vec![ip(1)]),
        (LookupFamily::V6Only, vec![v6]),
        (LookupFamily::All, vec![ip(1), v6]),
    ] {
        let mut dns = asking(&server);
        dns.family = family;
        let (proxy, _discovery) = start(Toy::by_id(), &network, strict(dns)).await;
        assert_eq!(ips(&proxy), expected, "{family:?}");
        assert_eq!(proxy.caller().ask("a").await, ok("a"));
    }
}

#[tokio::test]
async fn connections_of_a_logical_cluster_stay() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let (network, server) = (Network::new(), NameServer::start().await);
        let [one, other] = [1, 2].map(|n| echo(&network, ip(n)));
        server.set(NAME, 0, &[ip(1), ip(2)]);
        let (proxy, _discovery) = start(toy, &network, logical(asking(&server))).await;
        assert_eq!(proxy.caller().ask("a").await, ok("a"));
        server.set(NAME, 0, &[ip(2), ip(1)]);
        until(|| ips(&proxy) == [ip(2)]).await;
        assert_eq!(proxy.caller().ask("b").await, ok("b"));
        assert_eq!((one.calls(), other.calls()), (2, 0));
        // When it closes, the next goes where the name leads.
        drop(one);
        until(|| proxy.open() == 0).await;
        assert_eq!(proxy.caller().ask("c").await, ok("c"));
        assert_eq!((other.calls(), proxy.open()), (1, 1));
    }
}

/// Names of the system's own need no name server.
#[tokio::test]
async fn the_hosts_file_counts() {
    let network = Network::new();
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let _echo = echo(&network, local);
    let (server, mut config) = (NameServer::start().await, backend([]));
    let mut dns = asking(&server);
    dns.family = LookupFamily::V4Preferred;
    let hosts = vec![DnsHost::new("localhost", PORT)];
    config.endpoints = Endpoints::StrictDns { hosts, dns };
    let (proxy, _discovery) = start(Toy::by_id(), &network, config).await;
    assert_eq!((ips(&proxy), server.queries()), (vec![local], 0));
    assert_eq!(proxy.caller().ask("a").await, ok("a"));
}
