//! Plain types as resources: read again, they say the same.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use meta_core::{Address, Destination, MetadataMatcher, Route, Rule};
use meta_rds::{
    Bootstrap, Loader, RouteSource, Severity, Source, render_cluster, render_duration,
    render_load_assignment, render_routes,
};
use meta_router::{
    ClusterConfig, DnsBackoff, DnsConfig, DnsHost, Endpoints, LookupFamily, RouteEntry, RouteTable,
};
use serde_json::{Value, json};

fn load(bootstrap: &Value) -> Bootstrap {
    let text = bootstrap.to_string();
    let loaded = Loader::new().load(&[Source::new("test", text.as_str())]);
    loaded.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn clusters() {
    let plain = ClusterConfig::new("plain", vec![Address::Unix("/a.sock".into())]);
    let at: SocketAddr = "[::1]:80".parse().expect("an address");
    let mut bounds = ClusterConfig::new("bounds", vec![at.into()]);
    bounds.connect_timeout = Duration::from_micros(1_500_001);
    bounds.limits.max_connections = 1;
    bounds.limits.max_pending = 0;
    bounds.limits.max_requests = 3;
    bounds.upstream.write_buffer_bytes = 4096;
    bounds.max_requests_per_connection = NonZeroU32::new(7);
    let mut dns = DnsConfig::default();
    dns.refresh_rate = Duration::from_millis(1500);
    dns.respect_ttl = true;
    dns.jitter = Duration::from_secs(1);
    dns.failure_refresh = Some(DnsBackoff {
        base: Duration::from_secs(2),
        max: Duration::from_secs(9),
    });
    dns.family = LookupFamily::V4Preferred;
    dns.resolvers = vec!["127.0.0.1:53".parse().expect("an address")];
    let host = DnsHost::new("greeter.test", 80);
    let mut strict = ClusterConfig::new("strict", Vec::new());
    strict.endpoints = Endpoints::StrictDns {
        hosts: vec![host.clone(), DnsHost::new("10.0.0.1", 81)],
        dns: dns.clone(),
    };
    let mut logical = ClusterConfig::new("logical", Vec::new());
    logical.endpoints = Endpoints::LogicalDns {
        host,
        dns: DnsConfig::default(),
    };
    let configs = [plain, bounds, strict, logical];
    let rendered: Vec<_> = configs.iter().map(render_cluster).collect();
    let loaded = load(&json!({ "static_resources": { "clusters": rendered } }));
    let shown = |config: &ClusterConfig| format!("{config:?}");
    let loaded: Vec<_> = loaded
        .clusters
        .iter()
        .map(|own| shown(&own.config))
        .collect();
    let expected: Vec<_> = configs.iter().map(shown).collect();
    assert_eq!(loaded, expected);
}

#[test]
fn routes() {
    let matchers = [
        Rule::Exact("a".into()),
        Rule::Prefix("b".into()),
        Rule::Suffix("c".into()),
        Rule::Contains("d".into()),
        Rule::regex("e|f").expect("it can be compiled"),
        Rule::Range(-1..i64::MAX),
        Rule::Present(true),
        Rule::Present(false),
    ];
    let mut matchers: Vec<_> = matchers
        .into_iter()
        .enumerate()
        // Of one key they would contradict each other.
        .map(|(number, rule)| MetadataMatcher::new(format!("key{number}"), rule))
        .collect();
    matchers[1].invert = true;
    matchers[2].ignore_case = true;
    matchers[3].missing_as_empty = true;
    let mut weighted = Route::default();
    weighted.name = "weighted".into();
    let to = |cluster: &str, weight| Destination {
        cluster: cluster.into(),
        weight,
    };
    weighted.destinations = vec![to("one", 1), to("two", 0), to("three", 5)];
    weighted.request_mutation.set("k", "v");
    weighted.response_mutation.set("l", "w");
    let entries = vec![
        RouteEntry::new(matchers, weighted),
        RouteEntry::new(Vec::new(), Route::to_cluster("rest", "one")),
    ];
    let table = RouteTable::new("table", entries).expect("it is good");
    let rendered = render_routes(&table);
    let proxy = json!({
        "@type": "type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy",
        "stat_prefix": "p",
        "protocol": { "name": "p", "codec": { "name": "c" } },
        "route_config": rendered,
    });
    let socket = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let clusters = ["one", "two", "three"].map(|name| json!({ "name": name }));
    let loaded = load(&json!({ "static_resources": {
        "listeners": [ { "name": "l", "address": socket, "filter_chains": [
            { "filters": [ { "name": "p", "typed_config": proxy } ] }
        ] } ],
        "clusters": clusters,
    } }));
    assert!(
        loaded
            .notes
            .iter()
            .all(|note| note.severity != Severity::Warning),
        "{:?}",
        loaded.notes
    );
    let RouteSource::Static(again) = &loaded.listeners[0].filter_chains[0].proxy.routes else {
        panic!("they stand in the file");
    };
    assert_eq!(format!("{again:?}"), format!("{table:?}"));
    assert_eq!(render_routes(again), render_routes(&table));
}

#[test]
fn small_things() {
    let durations = [
        (0, "0s"),
        (1_000, "1s"),
        (250, "0.250s"),
        (61_001, "61.001s"),
    ];
    for (ms, text) in durations {
        assert_eq!(render_duration(Duration::from_millis(ms)), text);
    }
    assert_eq!(render_duration(Duration::from_nanos(5)), "0.000000005s");
    let none = render_load_assignment("c", &[]);
    assert_eq!(none["cluster_name"], "c");
    assert_eq!(none["endpoints"][0]["lb_endpoints"], json!([]));
}
