//! What becomes of the fields of Envoy's routes.

use std::time::Duration;

use meta_core::Change;
use meta_rds::{DecodedRoutes, HashKeys, Severity};

use crate::support::{ECHO, read, route, table, with_route};

#[test]
fn routes_match_and_lead_where_they_should() {
    let routes = table(ECHO);
    let table = &routes.table;
    assert_eq!(&**table.name(), "greeter.shop.svc.cluster.local_9090");
    let greeter = |port, subset| {
        let cluster = format!("outbound|{port}|{subset}|greeter.shop.svc.cluster.local");
        Some(cluster)
    };
    for (attributes, name, cluster) in [
        (
            &[("method", "greet"), ("tenant", "red")][..],
            "exact",
            greeter(9090, "v1"),
        ),
        (&[("method", "greet")], "split", greeter(9090, "v1")),
        (
            &[("method", "fetchOne"), ("tenant", "x")],
            "pattern",
            greeter(9092, "v2"),
        ),
        (&[("method", "fetchOne")], "rest", greeter(9090, "")),
        (&[], "rest", greeter(9090, "")),
    ] {
        let found = route(table, attributes);
        let (found, to) = found.expect("a route");
        assert_eq!((&*found, Some(to)), (name, cluster), "{attributes:?}");
    }
}

#[test]
fn policies_and_mutations_come_along() {
    let routes = table(ECHO);
    let list: Vec<_> = routes.table.routes().map(|(_, route)| route).collect();
    let keys = list[0].extensions.get::<HashKeys>().expect("keys to hash");
    assert_eq!(keys.0, ["tenant"]);
    let weights: Vec<_> = list[1].destinations.iter().map(|to| to.weight).collect();
    assert_eq!(weights, [25, 75]);
    let [mirror] = &list[1].mirrors[..] else {
        panic!("one mirror");
    };
    assert_eq!(
        &*mirror.cluster,
        "outbound|9091|v2|greeter.shop.svc.cluster.local"
    );
    let fraction = mirror.fraction;
    assert_eq!((fraction.numerator, fraction.per), (125_000, 1_000_000));
    assert_eq!(list[1].request_mutation.last("lane"), Some(Some("split")));
    assert_eq!(list[1].response_mutation.last("seen"), Some(Some("yes")));
    assert!(list[3].request_mutation.is_empty());
}

#[test]
fn a_timeout_is_the_routes() {
    let of = |timeout: &str| {
        let fields = format!("match: {{ prefix: / }}, route: {{ cluster: c, {timeout} }}");
        let routes = table(&with_route(&fields));
        let (_, route) = routes.table.routes().next().expect("a route");
        route.timeout
    };
    assert_eq!(of("timeout: 1.5s"), Some(Duration::from_millis(1500)));
    assert_eq!(of("timeout: 0s"), Some(Duration::ZERO));
    assert_eq!(of(""), None);
}

#[test]
fn headers_are_removed_before_they_are_set_and_outer_levels_come_last() {
    let text = "{ name: t,
        request_headers_to_add: [ { header: { key: level, value: table } } ],
        virtual_hosts: [ { name: d, domains: ['*'],
          request_headers_to_add: [ { header: { key: level, value: host } } ],
          routes: [ { match: { prefix: / }, route: { cluster: c },
            request_headers_to_add: [ { header: { key: level, value: route } } ],
            request_headers_to_remove: [ level ],
            response_headers_to_remove: [ debug ] } ] } ] }";
    let routes = table(text);
    let (_, route) = routes.table.routes().next().expect("a route");
    let changes: Vec<_> = route.request_mutation.iter().cloned().collect();
    let set = |value: &str| Change::Set {
        key: "level".into(),
        value: value.into(),
    };
    let remove = Change::Remove {
        key: "level".into(),
    };
    assert_eq!(changes, [remove, set("route"), set("host"), set("table")]);
    assert_eq!(route.response_mutation.last("debug"), Some(None));
}

#[test]
fn every_condition_counts() {
    let text = with_route(
        "match: { prefix: /, headers: [
            { name: a, string_match: { suffix: x, ignore_case: true } },
            { name: b, range_match: { start: 1, end: 3 } },
            { name: c, exact_match: no, invert_match: true },
            { name: d } ] }, route: { cluster: c }",
    );
    let routes = table(&text);
    let base = [("a", "yX"), ("b", "2"), ("c", "yes"), ("d", "")];
    assert!(route(&routes.table, &base).is_some());
    for (index, bad) in [(0, "y"), (1, "3"), (2, "no")] {
        let mut attributes = base;
        attributes[index].1 = bad;
        assert_eq!(route(&routes.table, &attributes), None, "{bad}");
    }
    assert_eq!(route(&routes.table, &base[..3]), None);
}

#[test]
fn the_order_of_conditions_means_nothing() {
    let of = |conditions: &str| {
        table(&with_route(&format!(
            "match: {{ prefix: /, headers: [ {conditions} ] }}, route: {{ cluster: c }}"
        )))
    };
    let (a, b) = ("{ name: a, exact_match: x }", "{ name: b, exact_match: y }");
    let one = of(&format!("{a}, {b}"));
    let two = of(&format!("{b}, {a}"));
    assert_eq!(one.canonical, two.canonical);
    assert_ne!(one.canonical, of(a).canonical);
    // What is told on is what was read.
    let again = DecodedRoutes::decode(&one.canonical).expect("it is a resource");
    assert_eq!(again.canonical, one.canonical);
}

#[test]
fn what_has_no_effect_is_told() {
    let text = with_route(
        "match: { prefix: / }, decorator: { operation: x },
         route: { cluster: c, prefix_rewrite: /x, retry_policy: { retry_on: '5xx' },
                  hash_policy: [ { connection_properties: { source_ip: true } } ] }",
    );
    let file = read(&text).expect("it is good");
    let notes: Vec<_> = file
        .notes
        .iter()
        .map(|note| (note.severity, note.place.path.as_str()))
        .collect();
    let route = "virtual_hosts[0].routes[0]";
    for (severity, field) in [
        (Severity::Warning, ".decorator"),
        (Severity::Warning, ".route.prefix_rewrite"),
        (Severity::Unsupported, ".route.retry_policy"),
        (Severity::Unsupported, ".route.hash_policy[0]"),
    ] {
        let expected = format!("{route}{field}");
        assert!(
            notes.contains(&(severity, expected.as_str())),
            "{expected}: {notes:?}"
        );
    }
    assert_eq!(file.routes[0].notes.len(), notes.len());
}
