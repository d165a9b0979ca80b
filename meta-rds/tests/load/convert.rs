//! What the plain types say is what the file says.

use std::time::Duration;

use meta_core::{Address, Fraction, MessageKind, Metadata, Rule, WireId};
use meta_rds::RouteSource;
use meta_router::{Endpoints, LookupFamily};

use crate::support::{DUBBO, THRIFT, good, thrift_with};

#[test]
fn a_listener_and_its_proxy() {
    let bootstrap = good(DUBBO);
    let listener = &bootstrap.listeners[0];
    assert_eq!(&*listener.name, "shop");
    assert_eq!(listener.address.to_string(), "[::1]:20880");
    assert_eq!(listener.write_buffer_bytes, Some(65536));
    let chain = &listener.filter_chains[0];
    assert_eq!(chain.name, "all");
    let proxy = &chain.proxy;
    assert_eq!(&*proxy.stat_prefix, "shop");
    assert_eq!(proxy.protocol, "dubbo");
    assert!(proxy.multiplexing);
    assert_eq!(proxy.idle_timeout, Some(Duration::from_millis(90_500)));
    assert_eq!(proxy.access_log.len(), 1);
    // What a type of the user's own is told comes as it is, whole numbers as such.
    assert_eq!(proxy.codec.type_url, "type.example.com/shop.Dubbo");
    assert_eq!(
        proxy.codec.config,
        serde_json::json!({ "max_payload_bytes": 1048576, "on_mismatch": "attachments" })
    );
    // The router is no filter; a known type in a TypedStruct is as if it stood there.
    let [limit] = &proxy.filters[..] else {
        panic!("{:?}", proxy.filters);
    };
    assert_eq!(limit.name, "aeraki.meta_protocol.filters.local_ratelimit");
    assert_eq!(
        limit.config,
        serde_json::json!({
            "stat_prefix": "shop",
            "token_bucket": { "max_tokens": 10, "fill_interval": "1s" },
        })
    );
    assert_eq!(limit.place.line, Some(36));
}

#[test]
fn the_deprecated_form() {
    let bootstrap = good(THRIFT);
    let proxy = &bootstrap.listeners[0].filter_chains[0].proxy;
    assert_eq!(proxy.protocol, "thrift");
    assert_eq!(proxy.codec.name, "aeraki.meta_protocol.codec.thrift");
    assert!(!proxy.multiplexing);
    assert_eq!(proxy.idle_timeout, None);
    assert!(bootstrap.admin.is_some());
}

#[test]
fn routes_match_as_the_file_says() {
    let bootstrap = good(DUBBO);
    let proxy = &bootstrap.listeners[0].filter_chains[0].proxy;
    let RouteSource::Static(table) = &proxy.routes else {
        panic!("routes of the file");
    };
    let route = |pairs: &[(&str, &str)]| {
        let mut call = Metadata::new(MessageKind::Request, WireId(1));
        for (key, value) in pairs {
            call.attributes
                .insert((*key).to_owned(), (*value).to_owned());
        }
        let found = table.find(&call, || 0).expect("the last route takes all");
        found.route().name.to_string()
    };
    let good = [
        ("interface", "ORG.shop"),
        ("tag", "canary-12"),
        ("user", "7"),
    ];
    assert_eq!(route(&good), "canary");
    assert_eq!(route(&good[..2]), "rest", "an empty user is no number");
    let mut debug = good.to_vec();
    debug.push(("debug", "1"));
    assert_eq!(route(&debug), "rest", "debug must not be there");
    let (_, canary) = table.routes().next().expect("two routes");
    let weights: Vec<_> = canary.destinations.iter().map(|to| to.weight).collect();
    assert_eq!(weights, [9, 1]);
    assert_eq!(
        canary.response_mutation.last("served-by"),
        Some(Some("canary"))
    );
}

#[test]
fn every_specifier() {
    for (specifier, expected) in [
        ("exact_match: a", "Exact(\"a\")"),
        ("prefix_match: a", "Prefix(\"a\")"),
        ("suffix_match: a", "Suffix(\"a\")"),
        ("contains_match: a", "Contains(\"a\")"),
        ("safe_regex_match: { regex: a }", "Regex("),
        ("range_match: { start: -1, end: 5 }", "Range(-1..5)"),
        ("present_match: false", "Present(false)"),
        ("string_match: { exact: a }", "Exact(\"a\")"),
        ("string_match: { prefix: a }", "Prefix(\"a\")"),
        ("string_match: { suffix: a }", "Suffix(\"a\")"),
        ("string_match: { contains: a }", "Contains(\"a\")"),
        ("string_match: { safe_regex: { regex: a } }", "Regex("),
        ("invert_match: true", "Present(true)"),
    ] {
        let bootstrap = good(&thrift_with("exact_match: place", specifier));
        let proxy = &bootstrap.listeners[0].filter_chains[0].proxy;
        let RouteSource::Static(table) = &proxy.routes else {
            panic!("routes of the file");
        };
        let (matchers, _) = table.routes().next().expect("one route");
        let rule: &Rule = &matchers[0].rule;
        assert!(
            format!("{rule:?}").starts_with(expected),
            "{specifier}: {rule:?}"
        );
        assert_eq!(matchers[0].invert, specifier == "invert_match: true");
    }
}

#[test]
fn clusters() {
    let bootstrap = good(DUBBO);
    let [first, second] = &bootstrap.clusters[..] else {
        panic!("two clusters");
    };
    assert_eq!(first.config.connect_timeout, Duration::from_millis(250));
    let limits = first.config.limits;
    assert_eq!(
        (
            limits.max_connections,
            limits.max_pending,
            limits.max_requests
        ),
        (10, 20, 30)
    );
    let Endpoints::Static(addresses) = &first.config.endpoints else {
        panic!("addresses");
    };
    assert_eq!(addresses[0].to_string(), "10.0.0.2:20880");
    assert_eq!(addresses[1], Address::Unix("/run/shop.sock".into()));
    let Endpoints::StrictDns { hosts, dns } = &second.config.endpoints else {
        panic!("names");
    };
    assert_eq!(hosts[0].to_string(), "shop-v2.shop:20880");
    assert_eq!(dns.refresh_rate, Duration::from_secs(30));
    assert!(dns.respect_ttl);
    assert_eq!(dns.family, LookupFamily::V4Only);
}

#[test]
fn the_node() {
    let node = good(DUBBO).node;
    assert_eq!(node.cluster, "shop.shop");
    assert_eq!(
        node.metadata["LABELS"],
        serde_json::json!({ "app": "shop", "replicas": 3 })
    );
    assert_eq!(node.locality, ["north", "a", ""]);
}

#[test]
fn a_chain_and_its_match() {
    let text = thrift_with(
        "    - filters:\n",
        "    - filter_chain_match: { destination_port: 9090, server_names: ['*.shop'], \
         prefix_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ], \
         application_protocols: [h2], transport_protocol: tls }\n      filters:\n",
    );
    let bootstrap = good(&text);
    let matches = &bootstrap.listeners[0].filter_chains[0].matches;
    assert_eq!(matches.destination_port, Some(9090));
    assert_eq!(matches.server_names, ["*.shop"]);
    assert_eq!(matches.destinations[0].to_string(), "10.0.0.0/8");
    assert_eq!(matches.application_protocols, ["h2"]);
    assert_eq!(matches.transport_protocol.as_deref(), Some("tls"));
}

/// The newer form of a cluster whose endpoints are found by name.
#[test]
fn dns_clusters() {
    let custom = "cluster_type: { name: envoy.clusters.dns, typed_config: { '@type': \
        type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, SETTINGS } }";
    let cluster = |settings: &str| {
        let custom = custom.replace("SETTINGS", settings);
        let text = THRIFT.replace("type: STATIC", &custom);
        let (listeners, clusters) = text.split_once("  clusters:").expect("it has some");
        let clusters = clusters.replace("127.0.0.1", "orders.example");
        good(&format!("{listeners}  clusters:{clusters}"))
    };
    let strict = cluster(
        "dns_refresh_rate: 7s, respect_dns_ttl: true, dns_min_refresh_rate: 2s, \
         dns_lookup_family: V4_PREFERRED, dns_failure_refresh_rate: { base_interval: 1s }",
    );
    let Endpoints::StrictDns { hosts, dns } = &strict.clusters[0].config.endpoints else {
        panic!("{:?}", strict.clusters[0].config.endpoints);
    };
    assert_eq!(&*hosts[0].name, "orders.example");
    assert_eq!(dns.refresh_rate, Duration::from_secs(7));
    assert_eq!(dns.min_ttl, Duration::from_secs(2));
    assert_eq!(dns.family, LookupFamily::V4Preferred);
    assert_eq!(
        dns.failure_refresh.expect("it is given").max,
        Duration::from_secs(10)
    );
    let logical = cluster("all_addresses_in_single_endpoint: true");
    let Endpoints::LogicalDns { dns, .. } = &logical.clusters[0].config.endpoints else {
        panic!("{:?}", logical.clusters[0].config.endpoints);
    };
    assert_eq!(dns.family, LookupFamily::Auto);
    let of_others = custom.replace("dns.v3.DnsCluster, SETTINGS", "redis.v3.RedisClusterConfig");
    let text = THRIFT.replace("type: STATIC", &of_others);
    let notes = crate::support::notes(&good(&text), meta_rds::Severity::Unsupported);
    assert!(
        notes[0].ends_with("RedisClusterConfig is not implemented"),
        "{notes:?}"
    );
}

#[test]
fn mirrors() {
    let text = thrift_with(
        "                cluster:",
        "                request_mirror_policies:
                - { cluster: all }
                - cluster: some
                  runtime_fraction: { default_value: { numerator: 25, denominator: TEN_THOUSAND } }
                cluster:",
    );
    let bootstrap = good(&text);
    let proxy = &bootstrap.listeners[0].filter_chains[0].proxy;
    let RouteSource::Static(table) = &proxy.routes else {
        panic!("routes of the file");
    };
    let (_, route) = table.routes().next().expect("one route");
    let found: Vec<_> = route
        .mirrors
        .iter()
        .map(|mirror| (&*mirror.cluster, mirror.fraction))
        .collect();
    let some = Fraction {
        numerator: 25,
        per: 10_000,
    };
    assert_eq!(found, [("all", Fraction::ALL), ("some", some)]);
    let rendered = meta_rds::render_routes(table);
    assert_eq!(
        rendered["routes"][0]["route"]["request_mirror_policies"][1]["runtime_fraction"],
        serde_json::json!({ "default_value": { "numerator": 25, "denominator": "TEN_THOUSAND" } })
    );
}
