use std::{collections::BTreeSet, net::SocketAddr};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use super::*;

/// A connection to be.
#[derive(Clone, Debug)]
struct Connection {
    local: Address,
    remote: Address,
    peer: Address,
    is_tls: bool,
    server_name: Option<&'static str>,
    protocols: Vec<Box<str>>,
}

impl Connection {
    fn new(local: &str, remote: &str) -> Self {
        let address = |text: &str| Address::Ip(text.parse().expect("an address"));
        Self {
            local: address(local),
            remote: address(remote),
            peer: address(remote),
            is_tls: false,
            server_name: None,
            protocols: Vec::new(),
        }
    }

    fn tls(mut self, name: &'static str, protocols: &[&str]) -> Self {
        self.is_tls = true;
        self.server_name = Some(name);
        self.protocols = protocols.iter().map(|&protocol| protocol.into()).collect();
        self
    }

    fn traits(&self) -> Traits<'_> {
        Traits {
            local: &self.local,
            remote: &self.remote,
            peer: &self.peer,
            is_tls: self.is_tls,
            server_name: self.server_name,
            protocols: &self.protocols,
        }
    }
}

/// A match that a closure fills.
fn chain(fill: impl FnOnce(&mut ChainMatch)) -> ChainMatch {
    let mut chain = ChainMatch::default();
    fill(&mut chain);
    chain
}

fn network(text: &str) -> Network {
    let (ip, bits) = text.split_once('/').expect("bits");
    let (ip, bits) = (ip.parse().expect("an IP"), bits.parse().expect("a number"));
    Network::new(ip, bits).expect("a network")
}

fn found(chains: &[ChainMatch], connection: &Connection) -> Option<usize> {
    let index = ChainIndex::new(chains).expect("they do not overlap");
    index.find(&connection.traits())
}

#[test]
fn no_criterion_holds_of_all() {
    let chains = [ChainMatch::default()];
    let plain = Connection::new("10.0.0.1:80", "10.0.0.2:9");
    assert_eq!(found(&chains, &plain), Some(0));
    assert_eq!(found(&chains, &plain.clone().tls("a", &["h2"])), Some(0));
    let mut unix = plain;
    unix.local = Address::Unix("/run/a".into());
    unix.remote = Address::Memory;
    assert_eq!(found(&chains, &unix), Some(0));
    assert_eq!(found(&[], &unix), None);
}

#[test]
fn names_are_exact_then_the_longest_wildcard() {
    let named = |name: &str| chain(|c| c.server_names = vec![name.to_owned()]);
    let chains = [
        named("*.com"),
        named("*.shop.com"),
        named("www.shop.com"),
        ChainMatch::default(),
    ];
    for (name, expected) in [
        ("www.shop.com", 2),
        ("api.shop.com", 1),
        ("a.b.shop.com", 1),
        ("shop.com", 0),
        ("com", 3),
        (".com", 3),
        ("shop.org", 3),
        ("", 3),
    ] {
        let connection = Connection::new("10.0.0.1:80", "10.0.0.2:9").tls(name, &[]);
        assert_eq!(found(&chains, &connection), Some(expected), "{name}");
    }
    let plain = Connection::new("10.0.0.1:80", "10.0.0.2:9");
    assert_eq!(found(&chains, &plain), Some(3));
}

#[test]
fn the_smallest_network_counts() {
    let to = |text: &str| chain(|c| c.destinations = vec![network(text)]);
    let chains = [
        to("10.0.0.0/8"),
        to("10.1.0.0/16"),
        to("10.1.2.3/32"),
        to("::/0"),
    ];
    for (local, expected) in [
        ("10.9.9.9:1", Some(0)),
        ("10.1.9.9:1", Some(1)),
        ("10.1.2.3:1", Some(2)),
        ("[2001:db8::1]:1", Some(3)),
        ("11.0.0.1:1", None),
    ] {
        let connection = Connection::new(local, "192.0.2.1:9");
        assert_eq!(found(&chains, &connection), expected, "{local}");
    }
}

#[test]
fn there_is_no_way_back() {
    // As with Envoy: the port decides, though only the other chain has the name.
    let chains = [
        chain(|c| {
            c.destination_port = Some(443);
            c.server_names = vec!["a".to_owned()];
        }),
        chain(|c| c.server_names = vec!["b".to_owned()]),
    ];
    let to = |port: u16, name| {
        let local = format!("10.0.0.1:{port}");
        found(
            &chains,
            &Connection::new(&local, "10.0.0.2:9").tls(name, &[]),
        )
    };
    assert_eq!(to(443, "a"), Some(0));
    assert_eq!(to(443, "b"), None);
    assert_eq!(to(80, "b"), Some(1));
}

#[test]
fn the_clients_favourite_protocol_counts() {
    let speaks = |name: &str| chain(|c| c.application_protocols = vec![name.to_owned()]);
    let chains = [speaks("h2"), speaks("thrift"), ChainMatch::default()];
    let offers = |protocols: &[&str]| {
        let connection = Connection::new("10.0.0.1:80", "10.0.0.2:9").tls("a", protocols);
        found(&chains, &connection)
    };
    assert_eq!(offers(&["thrift", "h2"]), Some(1));
    assert_eq!(offers(&["other", "h2"]), Some(0));
    assert_eq!(offers(&["other"]), Some(2));
    assert_eq!(offers(&[]), Some(2));
}

#[test]
fn where_it_comes_from() {
    let chains = [
        chain(|c| c.source_type = SourceType::SameIpOrLoopback),
        chain(|c| c.source_type = SourceType::External),
        chain(|c| c.direct_sources = vec![network("10.9.0.0/16")]),
        chain(|c| {
            c.direct_sources = vec![network("10.9.0.0/16")];
            c.source_ports = vec![7, 8];
        }),
        chain(|c| {
            c.direct_sources = vec![network("10.9.0.0/16")];
            c.sources = vec![network("203.0.113.0/24")];
        }),
    ];
    let from = |remote: &str, peer: &str| {
        let mut connection = Connection::new("10.0.0.1:80", remote);
        connection.peer = Address::Ip(peer.parse().expect("an address"));
        found(&chains, &connection)
    };
    assert_eq!(from("127.0.0.1:1", "127.0.0.1:1"), Some(0));
    assert_eq!(from("10.0.0.1:1", "10.0.0.1:1"), Some(0));
    assert_eq!(from("10.0.0.2:1", "10.0.0.2:1"), Some(1));
    assert_eq!(from("192.0.2.1:1", "10.9.0.1:1"), Some(2));
    assert_eq!(from("192.0.2.1:8", "10.9.0.1:1"), Some(3));
    assert_eq!(from("203.0.113.1:8", "10.9.0.1:1"), Some(4));
    let mut unix = Connection::new("10.0.0.1:80", "10.0.0.2:9");
    unix.local = Address::Unix("/run/a".into());
    unix.remote = Address::Unix("".into());
    unix.peer = unix.remote.clone();
    assert_eq!(found(&chains, &unix), Some(0));
}

#[test]
fn chains_for_the_same_connections_are_refused() {
    let chains = [
        chain(|c| c.server_names = vec!["a".to_owned(), "b".to_owned()]),
        chain(|c| c.server_names = vec!["c".to_owned()]),
        chain(|c| c.server_names = vec!["d".to_owned(), "b".to_owned()]),
    ];
    let overlap = Overlap {
        first: 0,
        second: 2,
    };
    assert_eq!(ChainIndex::new(&chains).expect_err("both have b"), overlap);
    // The same twice in one chain is no harm.
    let twice = chain(|c| c.server_names = vec!["a".to_owned(), "a".to_owned()]);
    ChainIndex::new([&twice]).expect("one chain");
}

#[test]
fn who_needs_the_first_bytes() {
    let needs = |fill: fn(&mut ChainMatch)| {
        let index = ChainIndex::new([&chain(fill)]).expect("one chain");
        index.needs_tls_inspector()
    };
    assert!(!needs(|_| {}));
    assert!(!needs(|c| c.destination_port = Some(1)));
    assert!(!needs(|c| c.transport_protocol = Some("raw_buffer".into())));
    assert!(needs(|c| c.transport_protocol = Some("tls".into())));
    assert!(needs(|c| c.server_names = vec!["a".into()]));
    assert!(needs(|c| c.application_protocols = vec!["h2".into()]));
}

#[test]
fn a_thousand_chains() {
    let chains: Vec<_> = (0..1_000)
        .map(|n| {
            chain(|c| {
                c.destination_port = Some(443);
                c.server_names = vec![format!("{n}.shop.com"), format!("*.{n}.shop.com")];
            })
        })
        .collect();
    let index = ChainIndex::new(&chains).expect("they do not overlap");
    for n in 0..1_000 {
        let mut connection = Connection::new("10.0.0.1:443", "10.0.0.2:9").tls("", &[]);
        for name in [format!("{n}.shop.com"), format!("a.b.{n}.shop.com")] {
            connection.server_name = Some(name.leak());
            assert_eq!(index.find(&connection.traits()), Some(n));
        }
    }
}

const NAMES: [&str; 6] = ["a", "x.a", "y.x.a", "*.a", "*.x.a", "b"];
const NETWORKS: [&str; 7] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.1/32",
    "127.0.0.0/8",
    "::/0",
    "2001:db8::/32",
];
const IPS: [&str; 6] = [
    "10.1.1.1",
    "10.1.2.2",
    "10.9.9.9",
    "127.0.0.1",
    "[2001:db8::1]",
    "[::1]",
];
const PROTOCOLS: [&str; 3] = ["h2", "thrift", "dubbo"];

fn networks() -> impl Strategy<Value = Vec<Network>> {
    let some = subsequence(&NETWORKS[..], 0..3);
    some.prop_map(|list| list.into_iter().map(network).collect())
}

fn texts(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let some = subsequence(all, 0..3);
    some.prop_map(|list| list.into_iter().map(str::to_owned).collect())
}

prop_compose! {
    fn any_match()(
        port in option::of(1_u16..3),
        destinations in networks(),
        names in texts(&NAMES),
        transport in select(vec![None, Some("tls"), Some("raw_buffer")]),
        protocols in texts(&PROTOCOLS),
        direct in networks(),
        kind in select(vec![
            SourceType::Any,
            SourceType::SameIpOrLoopback,
            SourceType::External,
        ]),
        sources in networks(),
        ports in subsequence(vec![1_u16, 2], 0..2),
    ) -> ChainMatch {
        chain(|c| {
            c.destination_port = port;
            c.destinations = destinations;
            c.server_names = names;
            c.transport_protocol = transport.map(str::to_owned);
            c.application_protocols = protocols;
            c.direct_sources = direct;
            c.source_type = kind;
            c.sources = sources;
            c.source_ports = ports;
        })
    }
}

fn address() -> impl Strategy<Value = Address> {
    let ip = (select(&IPS[..]), 1_u16..4).prop_map(|(ip, port)| {
        let address: SocketAddr = format!("{ip}:{port}").parse().expect("an address");
        Address::Ip(address)
    });
    prop_oneof![9 => ip, 1 => Just(Address::Unix("".into()))]
}

prop_compose! {
    fn any_connection()(
        local in address(),
        remote in address(),
        peer in address(),
        is_tls in any::<bool>(),
        name in option::of(select(vec!["a", "x.a", "y.x.a", "z.y.x.a", "q.a", "b", "q.b"])),
        protocols in subsequence(&PROTOCOLS[..], 0..3).prop_shuffle(),
    ) -> Connection {
        Connection {
            local,
            remote,
            peer,
            is_tls,
            server_name: name.filter(|_| is_tls),
            protocols: protocols.into_iter().filter(|_| is_tls).map(Into::into).collect(),
        }
    }
}

/// The chains of `from` for which a criterion says the most; none where it says
/// `None` of all.
fn best<S: Ord>(
    from: Vec<(usize, &ChainMatch)>,
    specificity: impl Fn(&ChainMatch) -> BTreeSet<S>,
) -> Vec<(usize, &ChainMatch)> {
    let best = from.iter().flat_map(|(_, c)| specificity(c)).max();
    let of_best = |c: &ChainMatch| best.as_ref().is_some_and(|b| specificity(c).contains(b));
    from.into_iter().filter(|(_, c)| of_best(c)).collect()
}

/// How specifically each of a list that holds does; 0 for an empty one.
fn degrees<T>(list: &[T], degree: impl Fn(&T) -> Option<usize>) -> BTreeSet<usize> {
    match list.is_empty() {
        true => BTreeSet::from([0]),
        false => list.iter().filter_map(degree).collect(),
    }
}

fn in_network(ip: Option<IpAddr>) -> impl Fn(&Network) -> Option<usize> {
    move |network| {
        let holds = ip.is_some_and(|ip| network.contains(ip));
        holds.then(|| usize::from(network.bits()) + 1)
    }
}

/// What the index finds, one criterion after the other over the list of chains.
fn naive(chains: &[ChainMatch], of: &Connection) -> Option<usize> {
    let traits = of.traits();
    let (local, remote) = (of.local.socket_addr(), of.remote.socket_addr());
    let equals = |is: bool| is.then_some(1);
    let left = chains.iter().enumerate().collect();
    let left = best(left, |c| {
        degrees(c.destination_port.as_slice(), |port| {
            equals(local.is_some_and(|local| local.port() == *port))
        })
    });
    let left = best(left, |c| {
        degrees(&c.destinations, in_network(ip(&of.local)))
    });
    let left = best(left, |c| {
        degrees(&c.server_names, |name| {
            let asked = of.server_name?;
            match name.strip_prefix('*') {
                Some(suffix) => {
                    (asked.ends_with(suffix) && asked.len() > suffix.len()).then_some(suffix.len())
                }
                None => (asked == name).then_some(1_000),
            }
        })
    });
    let transport = if of.is_tls { "tls" } else { "raw_buffer" };
    let left = best(left, |c| {
        degrees(c.transport_protocol.as_slice(), |own| {
            equals(own == transport)
        })
    });
    let left = best(left, |c| {
        degrees(&c.application_protocols, |own| {
            let place = of.protocols.iter().position(|offered| **offered == **own);
            place.map(|place| 10 - place)
        })
    });
    let left = best(left, |c| {
        degrees(&c.direct_sources, in_network(ip(&of.peer)))
    });
    let left = best(left, |c| match (c.source_type, is_same_host(&traits)) {
        (SourceType::Any, _) => BTreeSet::from([0]),
        (SourceType::SameIpOrLoopback, true) | (SourceType::External, false) => BTreeSet::from([1]),
        _ => BTreeSet::new(),
    });
    let left = best(left, |c| degrees(&c.sources, in_network(ip(&of.remote))));
    let left = best(left, |c| {
        degrees(&c.source_ports, |port| {
            equals(remote.is_some_and(|remote| remote.port() == *port))
        })
    });
    assert!(left.len() <= 1, "{left:?} overlap");
    left.first().map(|(number, _)| *number)
}

proptest! {
    #[test]
    fn the_index_finds_what_a_walk_finds(
        wanted in vec(any_match(), 1..12),
        connections in vec(any_connection(), 1..40),
    ) {
        let mut chains: Vec<ChainMatch> = Vec::new();
        for chain in wanted {
            chains.push(chain);
            if ChainIndex::new(&chains).is_err() {
                chains.pop();
            }
        }
        let index = ChainIndex::new(&chains).expect("they do not overlap");
        for connection in &connections {
            let found = index.find(&connection.traits());
            prop_assert_eq!(found, naive(&chains, connection), "{:?}", connection);
        }
    }
}
