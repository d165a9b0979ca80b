//! What is made of `MetaRouter` documents.

use std::{env, fs};

use meta_rds::{
    DecodedRoutes, RouteFile, Source,
    server::{RouteDirectory, RouteSnapshot},
};
use serde_json::Value;

use crate::support::Folder;

const MESH: &str = include_str!("../data/mesh.yaml");
const ECHO: &str = include_str!("../data/echo_routes.yaml");

fn snapshot(text: &str) -> Result<RouteSnapshot, String> {
    let folder = Folder::new();
    folder.write("mesh.yaml", text);
    let opened = RouteDirectory::open(folder.path());
    opened
        .map(|(_, snapshot)| snapshot)
        .map_err(|error| error.reason())
}

fn read(text: &str) -> DecodedRoutes {
    let file = RouteFile::read(&Source::new("test", text)).expect("it is good");
    file.routes.into_iter().next().expect("a table")
}

fn assert_same(snapshot: &RouteSnapshot, expected: &DecodedRoutes) {
    let name = expected.table.name();
    let body = snapshot.resource(name).expect("it is served");
    let made = DecodedRoutes::decode(body).expect("it is good");
    assert_eq!(made.canonical, expected.canonical, "{:?}", made.table);
}

#[test]
fn routes_are_what_aeraki_makes_of_them() {
    let snapshot = snapshot(MESH).expect("it is good");
    let names: Vec<_> = snapshot.names().collect();
    let orders = "orders.shop.svc.cluster.local_20880";
    assert_eq!(names, ["greeter.shop.svc.cluster.local_9090", orders]);
    assert_same(&snapshot, &read(ECHO));
    // Nobody says how to route it.
    let default = "
name: orders.shop.svc.cluster.local_20880
virtual_hosts:
- name: dummy
  domains: ['*']
  routes:
  - name: default
    match: { prefix: / }
    route:
      cluster: outbound|20880||orders.shop.svc.cluster.local
      hash_policy: [ { header: { header_name: method } } ]
";
    assert_same(&snapshot, &read(default));
}

#[test]
fn what_belongs_together_may_stand_apart() {
    let folder = Folder::new();
    for (index, document) in MESH.split("\n---\n").enumerate() {
        folder.write(&format!("{index}.yaml"), document);
    }
    let (mut directory, snapshot) = RouteDirectory::open(folder.path()).expect("it is good");
    assert_same(&snapshot, &read(ECHO));
    // Without the router, the default.
    fs::remove_file(folder.join("4.yaml")).expect("removed");
    let (snapshot, error) = directory.poll();
    assert!(error.is_none());
    let body = snapshot.expect("another");
    let body = body.resource("greeter.shop.svc.cluster.local_9090");
    let routes = DecodedRoutes::decode(body.expect("a table")).expect("it is good");
    assert_eq!(routes.table.len(), 1);
}

#[test]
fn a_mirror_is_for_all_unless_it_says() {
    let of = |percentage: &str| {
        let text = MESH.replace("    mirrorPercentage: { value: 12.5 }\n", percentage);
        let snapshot = snapshot(&text).expect("it is good");
        let body = snapshot.resource("greeter.shop.svc.cluster.local_9090");
        let routes = DecodedRoutes::decode(body.expect("a table")).expect("it is good");
        let (_, split) = routes.table.routes().nth(1).expect("a route");
        let fraction = split.mirrors.first().map(|mirror| mirror.fraction);
        fraction.map(|fraction| (fraction.numerator, fraction.per))
    };
    assert_eq!(of(""), Some((1_000_000, 1_000_000)));
    assert_eq!(of("    mirrorPercentage: { value: 0 }\n"), None);
}

#[test]
fn what_is_wrong_is_told() {
    for (part, by, expected) in [
        (
            "kind: MetaRouter",
            "kind: MetaRooter",
            ":33: the kind \"MetaRooter\" is none of",
        ),
        (
            "    mirrorPercentage",
            "    mirorPercentage",
            ":33: MetaRouter shop/greeter: unknown field `mirorPercentage`",
        ),
        (
            "  hosts: [greeter.shop.svc.cluster.local]\n  routes",
            "  hosts: [elsewhere]\n  routes",
            ":33: no ServiceEntry tells the ports of \"elsewhere\"",
        ),
        (
            "    route:\n    - destination: { host: greeter.shop.svc.cluster.local }\n",
            "    route: []\n",
            "routes[3].route: no destination",
        ),
        (
            "regex: \"fetch.*\"",
            "regex: \"fetch(\"",
            "safe_regex_match.regex: invalid regex",
        ),
    ] {
        assert!(MESH.contains(part), "{part}");
        let error = snapshot(&MESH.replacen(part, by, 1)).expect_err("it is wrong");
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("mesh.yaml"), "{error}");
    }
}

#[test]
#[ignore = "needs a record of a control plane and what it was fed: META_RDS_CAPTURE, META_RDS_FED"]
fn what_a_captured_control_plane_made_is_what_we_make() {
    let file = |name: &str| {
        let path = env::var(name).unwrap_or_else(|_| panic!("{name} names a file"));
        fs::read_to_string(path).expect("the file")
    };
    let record: Value = serde_json::from_str(&file("META_RDS_CAPTURE")).expect("it is JSON");
    let snapshot = snapshot(&file("META_RDS_FED")).expect("it is good");
    assert_same(&snapshot, &read(&record["discovery_response"].to_string()));
    let steps = record["conversation"]["steps"].as_array().expect("steps");
    let deltas = steps
        .iter()
        .filter_map(|step| step["response"]["resources"][0].get("resource"));
    let deltas: Vec<_> = deltas.collect();
    assert!(!deltas.is_empty());
    for resource in deltas {
        assert_same(&snapshot, &read(&resource.to_string()));
    }
}
