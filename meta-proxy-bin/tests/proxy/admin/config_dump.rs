//! `/config_dump`.

use meta_proxy::meta_core::Address;
use serde_json::Value;

use super::start;
use crate::{
    http::{get, get_async},
    program::Program,
    thrift,
    toy::{Server, all_to, snapshot},
};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The dump of that type.
fn dump<'a>(dumps: &'a Value, name: &str) -> &'a Value {
    let configs = dumps["configs"].as_array().expect("a list");
    let is_meant = |config: &&Value| {
        config["@type"]
            .as_str()
            .is_some_and(|own| own.ends_with(name))
    };
    configs
        .iter()
        .find(is_meant)
        .unwrap_or_else(|| panic!("{name} in {dumps}"))
}

const BOOTSTRAP: &str = "
node: { id: n1, cluster: c1, locality: { zone: z1 }, metadata: { token: t0ken, app: greeter } }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: greeter
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: greetings
          protocol: { name: thrift, codec: { name: aeraki.meta_protocol.codec.thrift } }
          route_config:
            name: greetings
            routes:
            - name: one
              match: { metadata: [ { name: method, string_match: { prefix: greet } } ] }
              route: { cluster: one }
            - name: two
              route: { weighted_clusters: { clusters: [ { name: one, weight: 1 }, { name: two, weight: 3 } ] } }
              request_mutation: { key: k, value: v }
  clusters:
  - { name: one, connect_timeout: 0.25s, load_assignment: { cluster_name: one, endpoints: [ { locality: { zone: near }, lb_endpoints: [ { endpoint: { hostname: h1, address: { socket_address: { address: ONE, port_value: PORT } } } } ] } ] } }
  - { name: two, type: STATIC }
";

#[test]
fn a_file_is_shown_as_it_is_in_force() {
    let server = thrift::server("v1");
    let text = BOOTSTRAP
        .replace("ONE", &server.ip().to_string())
        .replace("PORT", &server.port().to_string());
    let program = Program::start(&["run", "--config-yaml", &text, "--concurrency", "1"]);
    program.address("listening on ");
    let admin = program.address("admin on http://");
    let answer = get(admin, "/config_dump");
    assert!(
        answer.head.contains("content-type: application/json"),
        "{}",
        answer.head
    );
    assert!(!answer.body.contains("t0ken"), "{}", answer.body);
    let dumps = parse(&answer.body);
    let bootstrap = &dump(&dumps, "BootstrapConfigDump")["bootstrap"];
    assert_eq!(bootstrap["node"]["metadata"]["app"], "greeter");
    assert_eq!(bootstrap["node"]["metadata"]["token"], "[redacted]");
    let clusters = &dump(&dumps, "ClustersConfigDump")["static_clusters"];
    let first = &clusters[0];
    let expected = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    assert_eq!(first["cluster"]["@type"], expected);
    assert_eq!(first["cluster"]["connect_timeout"], "0.250s");
    let updated = first["last_updated"].as_str().expect("it is text");
    assert!(
        updated.starts_with("20") && updated.ends_with('Z'),
        "{updated}"
    );
    assert_eq!(clusters[1]["cluster"]["name"], "two");
    let listeners = &dump(&dumps, "ListenersConfigDump")["static_listeners"];
    let filter = &listeners[0]["listener"]["filter_chains"][0]["filters"][0];
    assert_eq!(filter["typed_config"]["stat_prefix"], "greetings");
    let routes = &dump(
        &dumps,
        "aeraki.meta_protocol_proxy.admin.v1alpha.RoutesConfigDump",
    );
    let table = &routes["static_route_configs"][0]["route_config"];
    assert_eq!(table["name"], "greetings");
    let first = &table["routes"][0];
    assert_eq!(
        first["match"]["metadata"][0]["string_match"]["prefix"],
        "greet"
    );
    let second = &table["routes"][1];
    assert_eq!(
        second["route"]["weighted_clusters"]["clusters"][1]["weight"],
        3
    );
    assert_eq!(second["request_mutation"][0]["value"], "v");

    let info = parse(&get(admin, "/server_info").body);
    assert_eq!(info["node"]["id"], "n1");
    assert_eq!(info["node"]["locality"]["zone"], "z1");
    assert_eq!(info["node"]["metadata"]["token"], "[redacted]");
    let yaml = &info["command_line_options"]["config_yaml"];
    assert_eq!(yaml, &Value::from(format!("[{} bytes]", text.len())));
    let clusters = get(admin, "/clusters").body;
    for line in ["hostname::h1", "zone::near", "region::"] {
        let line = format!("one::{server}::{line}");
        assert!(
            clusters.lines().any(|own| own == line),
            "{line} in {clusters}"
        );
    }
}

#[tokio::test]
async fn it_can_be_narrowed() {
    let (_server, _running, admin) = start().await;
    let of = async |query: &str| {
        let answer = get_async(admin, &format!("/config_dump?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        parse(&answer.body)
    };
    let one = of("resource=static_clusters").await;
    let expected = "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster";
    assert_eq!(one["configs"][0]["@type"], expected);
    assert_eq!(one["configs"][0]["cluster"]["name"], "backend");
    let masked = of("resource=static_clusters&mask=cluster.name").await;
    let cluster = &masked["configs"][0]["cluster"];
    assert_eq!(cluster["name"], "backend");
    assert_eq!(cluster["type"], Value::Null);
    assert_eq!(masked["configs"][0]["last_updated"], Value::Null);
    let masked = of("mask=bootstrap.static_resources.listeners.name").await;
    assert_eq!(masked["configs"].as_array().map(Vec::len), Some(1));
    let listeners = &masked["configs"][0]["bootstrap"]["static_resources"]["listeners"];
    assert_eq!(listeners.to_string(), r#"[{"name":"in"}]"#);

    let count = |dumps: &Value, name: &str, list: &str| {
        dump(dumps, name)[list].as_array().map_or(0, Vec::len)
    };
    let named = of("name_regex=back.*").await;
    assert_eq!(count(&named, "ClustersConfigDump", "static_clusters"), 1);
    assert_eq!(count(&named, "ListenersConfigDump", "static_listeners"), 0);
    // A part of a name is none.
    let named = of("name_regex=back").await;
    assert_eq!(count(&named, "ClustersConfigDump", "static_clusters"), 0);
    let with = of("include_eds").await;
    let endpoints = &dump(&with, "EndpointsConfigDump")["static_endpoint_configs"];
    assert_eq!(endpoints[0]["endpoint_config"]["cluster_name"], "backend");

    let missing = get_async(admin, "/config_dump?resource=dynamic_things").await;
    assert_eq!(missing.status, 404);
    for bad in ["mask=a..b", "mask=nothing", "name_regex=("] {
        let answer = get_async(admin, &format!("/config_dump?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_applied_is_shown() {
    let (server, running, admin) = start().await;
    let table = async || {
        let answer = get_async(admin, "/config_dump?resource=static_route_configs").await;
        parse(&answer.body)["configs"][0].clone()
    };
    let cluster = async || {
        let answer = get_async(admin, "/config_dump?resource=static_clusters").await;
        parse(&answer.body)["configs"][0].clone()
    };
    let (first_table, first_cluster) = (table().await, cluster().await);
    assert_eq!(
        first_table["route_config"]["routes"][0]["route"]["cluster"],
        "backend"
    );
    // The same once more is no update.
    let mut same = snapshot(&server);
    let mut next = snapshot(&server);
    same.listeners.clear();
    running
        .handle()
        .apply(same)
        .expect_err("a listener is missing");
    let other = Server::start("v2").await;
    next.listeners[0].chains[0].routes = all_to("elsewhere").into();
    next.clusters[0].endpoints = [Address::Ip(other.address)].into();
    running.handle().apply(next).expect("routes and endpoints");
    let (second_table, second_cluster) = (table().await, cluster().await);
    assert_eq!(
        second_table["route_config"]["routes"][0]["route"]["cluster"],
        "elsewhere"
    );
    assert_ne!(first_table["last_updated"], second_table["last_updated"]);
    let endpoint = &second_cluster["cluster"]["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
    let port = &endpoint["endpoint"]["address"]["socket_address"]["port_value"];
    assert_eq!(*port, other.address.port());
    assert_ne!(
        first_cluster["last_updated"],
        second_cluster["last_updated"]
    );
}

#[test]
fn a_command_line_becomes_a_file() {
    let upstream = thrift::server("v1").to_string();
    let arguments = [
        "quick",
        "--protocol",
        "thrift",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        &upstream,
        "--print-bootstrap",
        "--exclusive",
        "--concurrency",
        "1",
    ];
    let program = Program::start(&arguments);
    let text = program.lines().join("\n");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("warning: a bootstrap cannot say --exclusive"),
        "{log}"
    );
    assert!(
        log.contains("note: `run` has to be told --concurrency, too"),
        "{log}"
    );
    let program = Program::start(&["run", "--config-yaml", &text, "--concurrency", "1"]);
    let address = program.address("listening on ");
    let admin = program.address("admin on http://");
    let reply = thrift::Client::connect(address)
        .call(1, "hello")
        .expect("a reply");
    assert_eq!(reply.string(0), Some("hello from v1"));
    let shown = parse(&get(admin, "/config_dump").body);
    let expected = parse(&text);
    let shown = &dump(&shown, "BootstrapConfigDump")["bootstrap"];
    assert_eq!(shown["static_resources"]["clusters"][0]["name"], "quick");
    let routes = |bootstrap: &Value| {
        let listener = &bootstrap["static_resources"]["listeners"][0];
        listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"].clone()
    };
    assert_eq!(routes(shown), routes(&expected));
}
