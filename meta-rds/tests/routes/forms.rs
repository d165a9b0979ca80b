//! The forms that a file may have.

use crate::support::{ECHO, errors, read, route, table};

const OWN: &str = "
name: shop
routes:
- name: gold
  match: { metadata: [ { name: method, exact_match: greet } ] }
  route:
    weighted_clusters: { clusters: [ { name: a, weight: 1 }, { name: b, weight: 3 } ] }
    hash_policy: [ user ]
  request_mutation: [ { key: lane, value: gold } ]
- route: { cluster: c }
";

#[test]
fn our_own_form() {
    let routes = table(OWN);
    assert_eq!(&**routes.table.name(), "shop");
    let found = route(&routes.table, &[("method", "greet")]);
    assert_eq!(found.map(|(name, _)| name), Some("gold".to_owned()));
    let found = route(&routes.table, &[]);
    assert_eq!(found.map(|(_, to)| to), Some("c".to_owned()));
    let (_, gold) = routes.table.routes().next().expect("a route");
    assert_eq!(gold.request_mutation.last("lane"), Some(Some("gold")));
}

#[test]
fn types_may_be_named() {
    let own = "\"@type\": type.googleapis.com/aeraki.meta_protocol_proxy.config.route.v1alpha.RouteConfiguration";
    assert_eq!(table(&format!("{own}\n{OWN}")).table.len(), 2);
    let other = "\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\nname: x\n";
    assert_eq!(
        errors(other),
        ["test:1: type.googleapis.com/envoy.config.cluster.v3.Cluster holds no routes"]
    );
}

#[test]
fn a_discovery_response() {
    let file = read(ECHO).expect("it is good");
    assert_eq!(file.version, "1790000000");
    let wrapped = "resources:
- '@type': type.googleapis.com/envoy.service.discovery.v3.Resource
  name: t
  resource:
    '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: t
    virtual_hosts: [ { name: d, domains: ['*'] } ]
";
    assert_eq!(&**table(wrapped).table.name(), "t");
    let nothing = read("{ version_info: '3' }").expect("nothing is fine");
    assert!(nothing.routes.is_empty());
}

#[test]
fn several_documents() {
    let file = read("{ name: a, routes: [] }\n---\n---\n{ name: b, routes: [] }\n");
    let names: Vec<_> = file.expect("it is good").routes;
    let names: Vec<_> = names.iter().map(|routes| &**routes.table.name()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(read("").expect("nothing is fine").routes.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, expected) in [
        ("x: 1", "test:1: not a table of routes"),
        ("a: [", "not YAML"),
        (
            "name: t\nroutes:\n- route: { cluster: c }\n  mtch: {}\n",
            "test:4: routes[0].mtch: unknown field",
        ),
        (
            "name: t\nroutes:\n- route:\n    weighted_clusters: { clusters: [ { name: a, weight: 0 } ] }\n",
            "test:3: routes[0].route: the weights of its destinations are all 0",
        ),
        ("routes: []", "test:1: name: must not be empty"),
        (
            "{ name: a, routes: [] }\n---\n{ name: a, routes: [] }\n",
            "test:3: there is a table \"a\" already, on line 1",
        ),
    ] {
        let found = errors(text);
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "{text}: {found:?}"
        );
    }
    let text = ECHO.replace("fetch.*", "fetch(");
    let found = errors(&text);
    let place =
        "test:40: resources[0].virtual_hosts[0].routes[2].match.headers[0].safe_regex_match";
    assert!(found[0].starts_with(place), "{found:?}");
}
