use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use bytes::Bytes;
use meta_core::{
    Address, ConnectionInfo, Destination, Message, MessageKind, Metadata, MetadataMatcher, Request,
    ResolveRoute, Route, Rule, Session, WireId,
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;

pub(super) fn exact(name: &str, value: impl Into<String>) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Exact(value.into()))
}

/// A table of routes that are named by their position.
pub(super) fn table(matchers: impl IntoIterator<Item = Vec<MetadataMatcher>>) -> RouteTable {
    let entries = matchers
        .into_iter()
        .enumerate()
        .map(|(position, matchers)| {
            let route = Route::to_cluster(position.to_string(), "cluster");
            RouteEntry::new(matchers, route)
        });
    RouteTable::new("test", entries.collect()).expect("all have a destination")
}

pub(super) fn metadata<T: Into<String>>(attributes: impl IntoIterator<Item = (T, T)>) -> Metadata {
    let mut metadata = Metadata::new(MessageKind::Request, WireId(1));
    for (name, value) in attributes {
        metadata.attributes.insert(name.into(), value.into());
    }
    metadata
}

/// The position of the route found.
pub(super) fn found(table: &RouteTable, metadata: &Metadata) -> Option<usize> {
    let route = table.find(metadata, || panic!("there is no choice"))?;
    route.route().name.parse().ok()
}

fn weighted(name: &str, weights: &[u32]) -> RouteEntry {
    let mut route = Route::to_cluster(name, "unused");
    let destination = |(at, weight): (usize, &u32)| Destination {
        cluster: at.to_string().into(),
        weight: *weight,
    };
    route.destinations = weights.iter().enumerate().map(destination).collect();
    RouteEntry::new(vec![], route)
}

/// How often each of the destinations is chosen.
fn spread(weights: &[u32], draws: usize) -> Vec<usize> {
    let table = RouteTable::new("test", vec![weighted("spread", weights)]).expect("has weights");
    let mut generator = SmallRng::seed_from_u64(32);
    let mut chosen = vec![0; weights.len()];
    for _ in 0..draws {
        let route = table.find(&metadata::<&str>([]), || generator.next_u64());
        let cluster = route.expect("a catch-all").cluster().parse::<usize>();
        chosen[cluster.expect("a position")] += 1;
    }
    chosen
}

fn request(routes: &Arc<Routes>) -> Request {
    let session = Session::new(ConnectionInfo {
        id: 1,
        listener: "test".into(),
        remote: Address::Memory,
        local: Address::Memory,
        server_name: None,
        tls: None,
        routes: Some(routes.clone()),
    });
    let message = Message::new(metadata([("method", "hello")]), Bytes::new());
    Request::new(message, session, Instant::now())
}

fn cluster(request: &mut Request) -> Option<Arc<str>> {
    request.route().map(|route| route.cluster().clone())
}

/// A table whose routes all carry the given number.
fn version(number: usize) -> RouteTable {
    let number = number.to_string();
    let to = || Route::to_cluster(&*number, &*number);
    let hello = exact("method", "hello");
    let entries = vec![
        RouteEntry::new(vec![exact("method", "other")], to()),
        RouteEntry::new(vec![hello], to()),
    ];
    RouteTable::new(&*number, entries).expect("all have a destination")
}

#[test]
fn every_kind_of_matcher_finds_its_route() {
    let flags = |matcher: MetadataMatcher, invert, ignore_case, missing_as_empty| MetadataMatcher {
        invert,
        ignore_case,
        missing_as_empty,
        ..matcher
    };
    let rule = |rule| MetadataMatcher::new("key", rule);
    let regex = Rule::regex("r[0-9]+").expect("is a regex");
    let table = table([
        vec![exact("key", "exact")],
        vec![rule(Rule::Prefix("pre".into()))],
        vec![rule(Rule::Suffix("suf".into()))],
        vec![rule(Rule::Contains("mid".into()))],
        vec![rule(regex)],
        vec![rule(Rule::Range(10..20))],
        vec![flags(exact("key", "folded"), false, true, false)],
        vec![flags(exact("other", "usual"), true, false, false)],
        vec![flags(exact("key", ""), false, false, true), exact("a", "1")],
        vec![rule(Rule::Present(false)), exact("a", "2")],
        vec![exact("key", "")],
        vec![rule(Rule::Present(true))],
    ]);
    for (attributes, expected) in [
        (vec![("key", "exact")], Some(0)),
        (vec![("KEY", "exact")], Some(0)),
        (vec![("key", "prefix")], Some(1)),
        (vec![("key", "a suf")], Some(2)),
        (vec![("key", "amidst")], Some(3)),
        (vec![("key", "r17")], Some(4)),
        (vec![("key", "19")], Some(5)),
        (vec![("key", "20")], Some(11)),
        (vec![("key", "FOLDED")], Some(6)),
        (vec![("key", "EXACT")], Some(11)),
        (vec![("other", "strange")], Some(7)),
        (vec![("other", "usual")], None),
        (vec![("a", "1")], Some(8)),
        (vec![("a", "2")], Some(9)),
        (vec![("a", "3")], None),
        (vec![("key", "")], Some(10)),
        (vec![("key", "first"), ("key", "exact")], Some(0)),
        (vec![("key", "exact"), ("key", "last")], Some(11)),
        (vec![("key", "exact"), ("Key", "other case")], Some(0)),
        (vec![], None),
    ] {
        let metadata = metadata(attributes);
        assert_eq!(found(&table, &metadata), expected, "{metadata:?}");
    }
}

#[test]
fn all_matchers_of_a_route_must_hold() {
    let table = table([
        vec![exact("a", "1"), exact("b", "1")],
        vec![exact("a", "1"), exact("a", "2")],
        vec![exact("b", "1"), exact("c", "1")],
    ]);
    assert_eq!(found(&table, &metadata([("a", "1")])), None);
    assert_eq!(found(&table, &metadata([("a", "1"), ("b", "1")])), Some(0));
    assert_eq!(found(&table, &metadata([("b", "1"), ("c", "1")])), Some(2));
}

#[test]
fn the_first_match_wins_wherever_it_stands() {
    let indexed = || exact("a", "1");
    let scanned = || MetadataMatcher::new("a", Rule::Prefix("1".into()));
    let call = metadata([("a", "1")]);
    // More routes than are asked one by one, so that the index is used.
    let others = (2..20).map(|value| vec![exact("a", value.to_string())]);
    for first in [vec![indexed()], vec![scanned()], vec![]] {
        for second in [vec![indexed()], vec![scanned()], vec![]] {
            let routes = others.clone().chain([first.clone(), second.clone()]);
            let table = table(routes.chain([vec![]]));
            assert_eq!(found(&table, &call), Some(18));
            assert_eq!(found(&table, &metadata([("a", "19")])), Some(17));
        }
    }
}

#[test]
fn an_empty_table_matches_nothing() {
    let nothing = metadata::<&str>([]);
    assert_eq!(found(&RouteTable::empty("test"), &nothing), None);
    assert_eq!(found(&table([]), &nothing), None);
    assert_eq!(found(&table([vec![]]), &nothing), Some(0));
}

#[test]
fn all_problems_are_reported_at_once() {
    let errors = RouteTable::new(
        "bad",
        vec![
            weighted("good", &[0, 1]),
            weighted("nowhere", &[]),
            weighted("weightless", &[0, 0]),
            weighted("full", &[u32::MAX, 0]),
            weighted("over", &[u32::MAX, 1]),
            weighted("", &[0]),
        ],
    );
    let errors = errors.expect_err("four of the routes are bad");
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "route 1 \"nowhere\": no destination",
            "route 2 \"weightless\": the weights of its destinations are all 0",
            "route 4 \"over\": the weights of its destinations add up to more than 4294967295",
            "route 5 \"\": the weights of its destinations are all 0",
        ]
    );
    assert_eq!(errors[0].index, 1);
    assert_eq!(errors[2].problem, RouteProblem::WeightOverflow);
}

#[test]
fn weights_are_shares_of_their_sum() {
    // Three standard deviations of 100,000 draws are below 500.
    for weights in [&[1, 3, 0, 6][..], &[90, 10], &[u32::MAX / 2, u32::MAX / 2]] {
        let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let chosen = spread(weights, 100_000);
        for (weight, count) in weights.iter().zip(&chosen) {
            let expected = 100_000.0 * f64::from(*weight) / sum;
            let off = (*count as f64 - expected).abs();
            assert!(off < 500.0, "{weights:?} {chosen:?}");
            assert!(*weight > 0 || *count == 0, "{weights:?} {chosen:?}");
        }
    }
}

#[test]
fn the_ends_of_the_random_range_choose_the_ends_of_the_list() {
    let table = |weights| RouteTable::new("test", vec![weighted("ends", weights)]);
    for weights in [&[0, 1, 1, 0][..], &[0, 5, u32::MAX - 5, 0]] {
        let table = table(weights).expect("has weights");
        for (random, cluster) in [(0, "1"), (u64::MAX, "2")] {
            let route = table.find(&metadata::<&str>([]), || random);
            assert_eq!(&**route.expect("a catch-all").cluster(), cluster);
        }
    }
}

#[test]
fn every_thread_draws_numbers_of_its_own() {
    let draw = || [random::next_u64(), random::next_u64()];
    let other = thread::spawn(draw).join().expect("does not panic");
    let here = draw();
    assert_ne!(here[0], here[1]);
    assert_ne!(here, other);
}

#[test]
fn a_request_keeps_its_route() {
    let routes = Arc::new(Routes::new(version(1)));
    let mut before = request(&routes);
    assert_eq!(cluster(&mut before).as_deref(), Some("1"));

    let old = routes.replace(version(2));
    assert_eq!(&**old.name(), "1");
    assert_eq!(&**routes.current().name(), "2");
    assert_eq!(cluster(&mut before).as_deref(), Some("1"));
    assert_eq!(cluster(&mut request(&routes)).as_deref(), Some("2"));

    let left = Arc::into_inner(old);
    assert!(left.is_some(), "a request holds its route, not the table");
    before.clear_route();
    assert_eq!(cluster(&mut before).as_deref(), Some("2"));
    routes.replace(RouteTable::empty("3"));
    assert_eq!(cluster(&mut request(&routes)), None);
}

#[test]
fn readers_see_whole_tables_in_order_while_they_are_swapped() {
    const VERSIONS: usize = 500;
    let routes = Routes::new(version(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let read = || {
            let holder = Arc::new(Routes::new(RouteTable::empty("unused")));
            let request = request(&holder);
            let mut last = 0;
            while last < VERSIONS {
                let finished = done.load(Ordering::Acquire);
                let route = routes.resolve(&request).expect("each table has a match");
                assert_eq!(route.route().name, *route.cluster());
                let number = route.cluster().parse().expect("a number");
                assert!(number >= last, "{number} after {last}");
                last = number;
                assert!(!finished || last == VERSIONS, "{last} is not the last");
            }
        };
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(read)).collect();
        for number in 1..=VERSIONS {
            let old = routes.replace(version(number));
            assert_eq!(*old.name(), (number - 1).to_string().into());
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().expect("does not panic");
        }
    });
}

#[test]
fn tables_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<RouteTable>();
    shared::<Routes>();
    shared::<TableError>();
}

#[test]
fn connections_say_who_is_there_and_messages_do_not() {
    let caller = |name: &str| {
        let peer = vec![exact("connection.uri_san_peer_certificate", name)];
        RouteEntry::new(peer, Route::to_cluster(name, name))
    };
    // More than a few, so that there is an index.
    let mut entries: Vec<_> = (0..20).map(|n| caller(&format!("spiffe://{n}"))).collect();
    let no_one = MetadataMatcher::new("Connection.Mtls", Rule::Exact("false".into()));
    let hello = exact("method", "hello");
    entries.push(RouteEntry::new(
        vec![hello, no_one],
        Route::to_cluster("unknown", "unknown"),
    ));
    let table = RouteTable::new("test", entries).expect("all have a destination");
    let find = |claim: &str, identity: Option<&str>| {
        let mut peer = meta_core::PeerCertificate::default();
        peer.is_verified = true;
        peer.uri_sans.extend(identity.map(Into::into));
        let mut tls = meta_core::TlsInfo::default();
        tls.peer = identity.map(|_| peer);
        let connection = ConnectionInfo {
            tls: Some(Arc::new(tls)),
            ..ConnectionInfo::default()
        };
        let call = metadata([
            ("method", "hello"),
            ("connection.uri_san_peer_certificate", claim),
            ("connection.mtls", "false"),
        ]);
        let found = table.find_on(&connection, &call, || 0);
        found.map(|route| route.cluster().to_string())
    };
    assert_eq!(
        find("spiffe://3", Some("spiffe://7")).as_deref(),
        Some("spiffe://7")
    );
    assert_eq!(find("spiffe://3", Some("spiffe://other")), None);
    assert_eq!(find("spiffe://3", None).as_deref(), Some("unknown"));
    // Without a connection there is nobody.
    let call = metadata([("connection.uri_san_peer_certificate", "spiffe://3")]);
    assert!(table.find(&call, || 0).is_none());
}
