//! What is known and not there yet: told, and refused where it would matter.

use meta_rds::Severity;

use crate::support::{DUBBO, THRIFT, errors, good, notes, thrift_with};

/// The thrift bootstrap with more fields in its cluster.
fn cluster_with(fields: &str) -> String {
    thrift_with(
        "    type: STATIC\n",
        &format!("    type: STATIC\n    {fields}\n"),
    )
}

fn unsupported(text: &str) -> Vec<String> {
    notes(&good(text), Severity::Unsupported)
}

#[test]
fn what_would_change_traffic() {
    for (fields, expected) in [
        (
            "lb_policy: RING_HASH",
            "lb_policy: RING_HASH is not implemented yet",
        ),
        (
            "outlier_detection: {}",
            "outlier_detection: outlier detection is not implemented yet",
        ),
        (
            "transport_socket_matches: [ { name: one, match: {} } ]",
            "transport_socket_matches: transport sockets of single endpoints are not implemented yet",
        ),
    ] {
        let found = unsupported(&cluster_with(fields));
        let [only] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(only.ends_with(expected), "{only}");
    }
    let found = unsupported(&THRIFT.replace("type: STATIC", "type: EDS"));
    assert!(found[0].ends_with("type: clusters of type EDS are not implemented yet"));
}

#[test]
fn what_nobody_foresaw_is_an_error() {
    let errors = errors(&cluster_with("filters: [ { name: x } ]"));
    assert_eq!(
        errors,
        [
            "test:39: static_resources.clusters[0].filters: not implemented, \
          and it would change what becomes of traffic"
        ]
    );
}

#[test]
fn what_changes_nothing_is_a_warning() {
    for (text, expected) in [
        (
            cluster_with("lb_policy: LEAST_REQUEST"),
            "each endpoint gets its turn",
        ),
        (
            cluster_with("alt_stat_name: x"),
            "statistics have the standard names",
        ),
        (format!("tracing: {{}}\n{THRIFT}"), "no spans are sent"),
        (
            thrift_with("cluster: outbound|9090", "cluster: elsewhere|1"),
            "there is no cluster \"elsewhere|1||orders.shop\"",
        ),
    ] {
        let bootstrap = good(&text);
        assert_eq!(bootstrap.unsupported().count(), 0, "{expected}");
        let warnings = notes(&bootstrap, Severity::Warning);
        assert!(
            warnings.iter().any(|w| w.contains(expected)),
            "{warnings:?}"
        );
    }
}

#[test]
fn plain_transport_sockets_are_nothing() {
    let socket = "transport_socket: { name: raw, typed_config: { '@type': \
                  type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer } }";
    let bootstrap = good(&cluster_with(socket));
    assert_eq!(bootstrap.unsupported().count(), 0);
    assert_eq!(bootstrap.clusters[0].tls, None);
}

#[test]
fn filters_are_left_to_who_has_them() {
    let bootstrap = good(DUBBO);
    assert_eq!(bootstrap.unsupported().count(), 0);
}

/// What Envoy has and this proxy has not is no misspelling.
#[test]
fn extensions_of_others() {
    let listener = "\
static_resources:
  listeners:
  - name: http
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.TYPE
          stat_prefix: http
";
    let known = "http_connection_manager.v3.HttpConnectionManager";
    let text = format!("{listener}          route_config: {{}}\n");
    let found = unsupported(&text.replace("TYPE", known));
    assert!(
        found[0].ends_with("HttpConnectionManager: no other network filter is implemented"),
        "{found:?}"
    );
    let of_no_interest = "zookeeper_proxy.v3.ZooKeeperProxy";
    let found = unsupported(&listener.replace("TYPE", of_no_interest));
    assert!(
        found[0].ends_with("ZooKeeperProxy is not implemented"),
        "{found:?}"
    );
    let misspelled = errors(&listener.replace("TYPE", "zookeeper_proxy.v3.ZooKeeper"));
    assert!(misspelled[0].contains("unknown type"), "{misspelled:?}");
}
