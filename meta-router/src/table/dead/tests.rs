use meta_core::{ConnectionInfo, Metadata, MetadataMatcher, Rule};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::table::tests::{exact, metadata, table};

fn prefix(name: &str, text: &str) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Prefix(text.into()))
}

fn suffix(name: &str, text: &str) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Suffix(text.into()))
}

fn contains(name: &str, text: &str) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Contains(text.into()))
}

fn regex(name: &str, text: &str) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::regex(text).expect("is a regex"))
}

fn range(name: &str, range: std::ops::Range<i64>) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Range(range))
}

fn present(name: &str, present: bool) -> MetadataMatcher {
    MetadataMatcher::new(name, Rule::Present(present))
}

fn not(matcher: MetadataMatcher) -> MetadataMatcher {
    MetadataMatcher {
        invert: !matcher.invert,
        ..matcher
    }
}

fn fold(matcher: MetadataMatcher) -> MetadataMatcher {
    MetadataMatcher {
        ignore_case: true,
        ..matcher
    }
}

fn or_missing(matcher: MetadataMatcher) -> MetadataMatcher {
    MetadataMatcher {
        missing_as_empty: true,
        ..matcher
    }
}

/// What is dead, and why: `(route, route that shadows it)`.
fn shadowed(routes: Vec<Vec<MetadataMatcher>>) -> Vec<(usize, usize)> {
    let dead = table(routes).dead_routes().into_iter();
    let pairs = dead.map(|dead| match dead.why {
        WhyDead::Shadowed { by } => (dead.index, by),
        WhyDead::Contradiction { .. } => panic!("{dead:?}"),
    });
    pairs.collect()
}

fn contradiction(matchers: Vec<MetadataMatcher>) -> Option<Vec<usize>> {
    let dead = table([matchers]).dead_routes().pop()?;
    match dead.why {
        WhyDead::Contradiction { conditions } => Some(conditions),
        WhyDead::Shadowed { .. } => panic!("{dead:?}"),
    }
}

#[test]
fn what_an_earlier_route_takes() {
    let get = || exact("method", "getAll");
    let folded = || fold(exact("method", "GETALL"));
    for (earlier, later) in [
        (vec![], vec![]),
        (vec![], vec![get()]),
        (vec![get()], vec![get()]),
        (vec![get()], vec![exact("user", "x"), get()]),
        (vec![prefix("method", "get")], vec![get()]),
        (
            vec![prefix("method", "get")],
            vec![prefix("method", "getAll")],
        ),
        (vec![suffix("method", "All")], vec![get()]),
        (
            vec![contains("method", "tA")],
            vec![prefix("method", "getA")],
        ),
        (
            vec![contains("method", "A")],
            vec![suffix("method", "tAll")],
        ),
        (vec![regex("method", "get.*")], vec![get()]),
        (
            vec![regex("method", "get.*")],
            vec![regex("method", "get.*")],
        ),
        (vec![range("shard", 0..10)], vec![range("shard", 3..4)]),
        (vec![range("shard", 0..10)], vec![exact("shard", "03")]),
        (vec![present("user", true)], vec![exact("user", "x"), get()]),
        (vec![present("user", false)], vec![present("user", false)]),
        (vec![folded()], vec![get()]),
        (vec![folded()], vec![fold(get())]),
        (vec![fold(prefix("method", "G"))], vec![folded()]),
        (vec![prefix("id", "1")], vec![fold(exact("id", "1a"))]),
        (vec![not(get())], vec![exact("method", "other")]),
        (
            vec![not(get())],
            vec![not(prefix("method", "get")), present("method", true)],
        ),
        (vec![not(prefix("method", "x"))], vec![get()]),
        (vec![or_missing(prefix("user", ""))], vec![get()]),
        (
            vec![or_missing(exact("user", ""))],
            vec![present("user", false)],
        ),
        (
            vec![exact("connection.mtls", "true")],
            vec![exact("Connection.MTLS", "true"), get()],
        ),
    ] {
        let text = format!("{earlier:?} {later:?}");
        let found = shadowed(vec![vec![exact("a", "b")], earlier, later]);
        assert_eq!(found, [(2, 1)], "{text}");
    }
}

#[test]
fn what_an_earlier_route_leaves() {
    let get = || exact("method", "getAll");
    for (earlier, later) in [
        (vec![get()], vec![]),
        (vec![get()], vec![exact("method", "GetAll")]),
        (vec![get()], vec![fold(get())]),
        (vec![get()], vec![exact("Method", "getAll")]),
        (vec![get()], vec![exact("user", "getAll")]),
        (vec![exact("user", "x"), get()], vec![get()]),
        (vec![prefix("method", "get")], vec![prefix("method", "ge")]),
        (
            vec![prefix("method", "get")],
            vec![contains("method", "get")],
        ),
        (
            vec![prefix("method", "g")],
            vec![fold(prefix("method", "get"))],
        ),
        (
            vec![regex("method", "get")],
            vec![fold(exact("method", "get"))],
        ),
        (vec![exact("shard", "3")], vec![range("shard", 3..4)]),
        (vec![range("shard", 0..10)], vec![range("shard", 5..11)]),
        (vec![present("user", true)], vec![present("user", false)]),
        // A missing attribute fulfils neither an inverted condition nor most others.
        (vec![not(get())], vec![or_missing(exact("method", ""))]),
        (
            vec![prefix("user", "")],
            vec![or_missing(prefix("user", ""))],
        ),
        (vec![prefix("user", "")], vec![get()]),
        // Who asks without a connection fulfils no condition on one.
        (vec![or_missing(prefix("connection.mtls", ""))], vec![get()]),
    ] {
        let text = format!("{earlier:?} {later:?}");
        assert_eq!(shadowed(vec![earlier, later]), [], "{text}");
    }
}

#[test]
fn the_first_route_that_lives_is_named() {
    let call = |n| exact("method", format!("m{n}"));
    let routes = vec![
        vec![call(1), exact("user", "x")],
        vec![call(1)],
        vec![call(1)],
        vec![call(2)],
        vec![prefix("method", "m")],
        vec![call(1), exact("user", "x")],
        vec![call(3)],
        vec![],
        vec![call(2)],
    ];
    let expected = [(2, 1), (5, 0), (6, 4), (8, 3)];
    assert_eq!(shadowed(routes), expected);
}

#[test]
fn conditions_that_exclude_each_other() {
    let key = "key";
    for (matchers, expected) in [
        (vec![exact(key, "a"), exact(key, "b")], vec![0, 1]),
        (
            vec![exact("x", "a"), exact(key, "a"), exact(key, "A")],
            vec![1, 2],
        ),
        (
            vec![fold(exact(key, "a")), fold(exact(key, "b"))],
            vec![0, 1],
        ),
        (vec![exact(key, "a"), prefix(key, "b")], vec![0, 1]),
        (vec![regex(key, "[0-9]+"), exact(key, "b")], vec![0, 1]),
        (vec![prefix(key, "ab"), prefix(key, "ac")], vec![0, 1]),
        (vec![suffix(key, "ab"), fold(suffix(key, "CB"))], vec![0, 1]),
        (vec![contains(key, "a"), range(key, 0..9)], vec![0, 1]),
        (vec![range(key, 0..3), range(key, 3..9)], vec![0, 1]),
        (vec![exact(key, "a"), not(exact(key, "a"))], vec![0, 1]),
        (vec![prefix(key, "ab"), not(prefix(key, "a"))], vec![0, 1]),
        (vec![present(key, true), present(key, false)], vec![0, 1]),
        (vec![present(key, false), exact(key, "")], vec![0, 1]),
        (vec![not(prefix(key, ""))], vec![0]),
        (vec![range(key, 3..3)], vec![0]),
        (vec![or_missing(present(key, false))], vec![0]),
        (
            vec![or_missing(exact(key, "")), or_missing(not(exact(key, "")))],
            vec![0, 1],
        ),
        (
            vec![exact("source.port", "1"), exact("Source.Port", "2")],
            vec![0, 1],
        ),
    ] {
        let text = format!("{matchers:?}");
        assert_eq!(contradiction(matchers), Some(expected), "{text}");
    }
}

#[test]
fn conditions_that_do_not_exclude_each_other() {
    let key = "key";
    for matchers in [
        vec![exact(key, "a"), exact("Key", "b")],
        vec![exact(key, "a"), fold(exact(key, "A"))],
        vec![exact(key, "abc"), prefix(key, "ab"), suffix(key, "bc")],
        vec![prefix(key, "ab"), prefix(key, "abc")],
        vec![prefix(key, "ab"), suffix(key, "c")],
        vec![prefix(key, "ab"), fold(prefix(key, "AB"))],
        vec![fold(exact(key, "ab")), regex(key, "AB")],
        vec![prefix(key, "1"), range(key, 0..20)],
        vec![contains(key, "+"), range(key, 0..20)],
        vec![not(prefix(key, "ab")), prefix(key, "a")],
        vec![present(key, false), or_missing(exact(key, ""))],
        vec![or_missing(present(key, true))],
    ] {
        let text = format!("{matchers:?}");
        assert_eq!(contradiction(matchers), None, "{text}");
    }
}

#[test]
fn large_tables_are_gone_through() {
    let exact = |n: usize| vec![exact("application", "a"), exact("method", n.to_string())];
    let routes = (0..20_000).map(|n| exact(n % 10_000));
    let dead = table(routes.chain([vec![]])).dead_routes();
    assert_eq!(dead.len(), 10_000);
    // There is an end of it where nothing is exact.
    let routes = (0..4_000).map(|n| vec![prefix("method", &format!("m{n:04}"))]);
    let dead = table(routes.chain([vec![prefix("method", "m0000")]]));
    assert_eq!(dead.dead_routes(), []);
}

pub(in crate::table) const NAMES: [&str; 5] = ["a", "A", "b", "connection.mtls", "source.port"];
pub(in crate::table) const TEXTS: [&str; 10] =
    ["", "x", "X", "xy", "XY", "yx", "1", "-7", "true", "12"];

/// Conditions of few texts, so that many have something to do with each other.
pub(in crate::table) fn matchers() -> impl Strategy<Value = MetadataMatcher> {
    let text = || select(&TEXTS[..]).prop_map(str::to_owned);
    let rule = prop_oneof![
        3 => text().prop_map(Rule::Exact),
        2 => text().prop_map(Rule::Prefix),
        2 => text().prop_map(Rule::Suffix),
        2 => text().prop_map(Rule::Contains),
        2 => select(&["x.*", "[0-9]+", "", "(?i)xy"][..])
            .prop_map(|text| Rule::regex(text).expect("is a regex")),
        2 => (-8i64..2, -8i64..14).prop_map(|(from, to)| Rule::Range(from..to)),
        2 => any::<bool>().prop_map(Rule::Present),
    ];
    let flag = || prop::bool::weighted(0.25);
    let parts = (select(&NAMES[..]), rule, flag(), flag(), flag());
    parts.prop_map(
        |(name, rule, invert, ignore_case, missing_as_empty)| MetadataMatcher {
            invert,
            ignore_case,
            missing_as_empty,
            ..MetadataMatcher::new(name, rule)
        },
    )
}

/// All texts of up to three of these characters, and some besides.
fn texts() -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut last = texts.clone();
    for _ in 0..3 {
        let longer = last.iter().flat_map(|text| {
            let letters = "xXyY17-+é".chars();
            letters.map(move |letter| format!("{text}{letter}"))
        });
        last = longer.collect();
        texts.extend_from_slice(&last);
    }
    texts.extend(["true", "TRUE", "false", "xyxy"].map(String::from));
    texts
}

fn hold(matchers: &[MetadataMatcher], call: &Metadata, connection: &ConnectionInfo) -> bool {
    matchers.iter().all(
        |matcher| match ConnectionAttribute::of_name(&matcher.name) {
            Some(attribute) => matcher.matches_connection(attribute, connection),
            None => matcher.matches(call),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Of one attribute all values are tried.
    #[test]
    fn what_is_said_of_two_conditions_holds_of_all_values(
        one in vec(matchers(), 1..3),
        other in matchers(),
    ) {
        let own: Vec<_> = one.iter().map(Values).enumerate().collect();
        let implies = imply(&own, Values(&other));
        let excludes = super::contradiction(&own).is_some();
        if implies || excludes {
            let texts = texts();
            let texts = texts.iter().map(|text| Some(text.as_str()));
            for value in texts.chain([None]) {
                let holds = one.iter().all(|matcher| matcher.matches_value(value));
                prop_assert!(!holds || other.matches_value(value) || !implies, "{:?}", value);
                prop_assert!(!holds || !excludes, "{:?}", value);
            }
        }
    }

    #[test]
    fn no_request_takes_a_dead_route(
        routes in vec(vec(matchers(), 0..4), 1..30),
        calls in vec(vec((select(&NAMES[..]), select(&TEXTS[..])), 0..6), 1..40),
        port in select(&[1u16, 12, 7000][..]),
    ) {
        let table = table(routes.clone());
        let dead = table.dead_routes();
        prop_assert!(dead.is_sorted_by(|a, b| a.index < b.index));
        let connection = ConnectionInfo {
            remote: meta_core::Address::Ip(([127, 0, 0, 1], port).into()),
            ..ConnectionInfo::default()
        };
        for call in calls.into_iter().map(metadata) {
            let on = table.find_on(&connection, &call, || 0);
            let without = table.find(&call, || 0);
            for found in [on, without].into_iter().flatten() {
                let index: usize = found.route().name.parse().expect("a position");
                prop_assert!(dead.iter().all(|dead| dead.index != index), "{}", index);
            }
            for dead in &dead {
                let holds = |at: usize| hold(&routes[at], &call, &connection);
                match &dead.why {
                    WhyDead::Shadowed { by } => {
                        prop_assert!(*by < dead.index);
                        prop_assert!(!holds(dead.index) || holds(*by), "{:?}", dead);
                    }
                    WhyDead::Contradiction { conditions } => {
                        let own = conditions.iter().map(|at| routes[dead.index][*at].clone());
                        let own: Vec<_> = own.collect();
                        prop_assert!(!hold(&own, &call, &connection), "{:?}", dead);
                    }
                }
            }
        }
    }
}
