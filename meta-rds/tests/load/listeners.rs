//! Listeners: what looks at their connections, how they listen, what bounds them.

use std::time::Duration;

use meta_core::Address;
use meta_rds::{ListenerFilterKind, ProxyProtocolVersion, Severity, SocketOption, SourceType};

use crate::support::{THRIFT, errors, good, notes, thrift_with};

/// The thrift bootstrap with more fields in its listener.
fn listener_with(fields: &str) -> String {
    thrift_with(
        "    filterChains:\n",
        &format!("    {fields}\n    filterChains:\n"),
    )
}

/// The thrift bootstrap with more fields in its chain.
fn chain_with(fields: &str) -> String {
    thrift_with(
        "    - filters:\n",
        &format!("    - {fields}\n      filters:\n"),
    )
}

const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.listener";

#[test]
fn listener_filters() {
    let text = listener_with(&format!(
        "listener_filters:
    - name: envoy.filters.listener.original_dst
    - name: proxy
      typed_config:
        '@type': {FILTERS}.proxy_protocol.v3.ProxyProtocol
        allow_requests_without_proxy_protocol: true
        disallowed_versions: [V1]
        stat_prefix: edge
    - name: tls
      typed_config:
        '@type': {FILTERS}.tls_inspector.v3.TlsInspector
        max_client_hello_size: 4096
      filter_disabled:
        or_match:
          rules:
          - destination_port_range: {{ start: 10, end: 20 }}
          - not_match: {{ destination_port_range: {{ start: 1, end: 1000 }} }}
    listener_filters_timeout: 0.5s
    continue_on_listener_filters_timeout: true"
    ));
    let filters = good(&text).listeners.remove(0).filters;
    assert_eq!(filters.timeout, Some(Duration::from_millis(500)));
    assert!(filters.continue_on_timeout && !filters.hand_off);
    let [original, proxy, tls] = &filters.list[..] else {
        panic!("{filters:?}");
    };
    assert_eq!(original.kind, ListenerFilterKind::OriginalDestination);
    let ListenerFilterKind::ProxyProtocol(proxy) = &proxy.kind else {
        panic!("{proxy:?}");
    };
    assert!(proxy.allow_without);
    assert_eq!(proxy.disallowed_versions, [ProxyProtocolVersion::V1]);
    assert_eq!(proxy.stat_prefix, "edge");
    let ListenerFilterKind::TlsInspector(inspector) = &tls.kind else {
        panic!("{tls:?}");
    };
    assert_eq!(inspector.max_hello_bytes, 4096);
    let disabled = tls.disabled.as_ref().expect("a condition");
    let holds = [Some(10), Some(19), Some(20), Some(1000), None].map(|port| disabled.holds(port));
    assert_eq!(holds, [true, true, false, true, true]);
}

#[test]
fn older_forms_of_listener_filters() {
    let listener = good(&listener_with(
        "use_original_dst: true\n    listener_filters_timeout: 0s\n    \
         deprecated_v1: { bind_to_port: false }",
    ))
    .listeners
    .remove(0);
    assert!(listener.filters.hand_off && !listener.bind_to_port);
    assert_eq!(listener.filters.timeout, None);
    let kinds: Vec<_> = listener.filters.list.iter().map(|f| &f.kind).collect();
    assert_eq!(kinds, [&ListenerFilterKind::OriginalDestination]);
    let listener = good(&chain_with("use_proxy_proto: true"))
        .listeners
        .remove(0);
    let kinds: Vec<_> = listener.filters.list.iter().map(|f| &f.kind).collect();
    assert!(matches!(kinds[..], [ListenerFilterKind::ProxyProtocol(_)]));
}

#[test]
fn listener_filters_that_are_not_there() {
    let text = listener_with(&format!(
        "listener_filters:
    - name: http
      typed_config: {{ '@type': {FILTERS}.http_inspector.v3.HttpInspector }}"
    ));
    let bootstrap = good(&text);
    assert_eq!(bootstrap.listeners[0].filters.list, []);
    let warnings = notes(&bootstrap, Severity::Warning);
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("no filter chain is chosen by HTTP")),
        "{warnings:?}"
    );
    let text = listener_with(&format!(
        "listener_filters:
    - name: source
      typed_config: {{ '@type': {FILTERS}.original_src.v3.OriginalSrc }}
    - name: proxy
      typed_config:
        '@type': {FILTERS}.proxy_protocol.v3.ProxyProtocol
        rules: [ {{ tlv_type: 1 }} ]"
    ));
    let unsupported = notes(&good(&text), Severity::Unsupported);
    for part in ["original_src", "[1].typed_config.rules"] {
        assert!(
            unsupported.iter().any(|text| text.contains(part)),
            "{part} in {unsupported:?}"
        );
    }
}

#[test]
fn sockets() {
    let text = listener_with(
        "additional_addresses:
    - address: { pipe: { path: '@name', mode: 432 } }
    - address: { socket_address: { address: '::', port_value: 1, ipv4_compat: true } }
      socket_options:
        socket_options:
        - { level: 1, name: 9, int_value: 1, state: STATE_LISTENING }
    tcp_backlog_size: 7
    freebind: true
    stat_prefix: front
    tcp_keepalive: { keepalive_time: 5, keepalive_probes: 2 }
    socket_options:
    - { description: idle, level: 6, name: 4, int_value: 40 }
    - { level: 41, name: 67, int_value: 8, ip_version: SOCKET_IP_VERSION_IPV6 }",
    );
    let listener = good(&text).listeners.remove(0);
    assert_eq!(listener.stat_prefix.as_deref(), Some("front"));
    assert!(listener.bind_to_port);
    let first = &listener.socket;
    assert_eq!((first.backlog, first.freebind), (Some(7), true));
    let keepalive = first.keepalive.expect("probes");
    assert_eq!(keepalive.time, Some(Duration::from_secs(5)));
    assert_eq!((keepalive.probes, keepalive.interval), (Some(2), None));
    let idle = SocketOption::KeepaliveTime(Duration::from_secs(40));
    // The other is for IPv6, and this is none of it.
    assert_eq!(first.options, [idle]);
    let [(pipe, by_pipe), (_, by_ip)] = &listener.additional_addresses[..] else {
        panic!("{:?}", listener.additional_addresses);
    };
    assert_eq!(pipe, &Address::Unix("@name".into()));
    assert_eq!((by_pipe.mode, by_pipe.backlog), (Some(0o660), Some(7)));
    assert!(by_ip.ipv4_compat && by_ip.freebind);
    assert_eq!(by_ip.options, [SocketOption::Keepalive(true)]);
    assert_eq!(by_ip.keepalive, Some(keepalive));
    let off = good(&listener_with("tcp_keepalive: { keepalive_probes: 0 }"));
    assert_eq!(off.listeners[0].socket.keepalive, None);
}

#[test]
fn what_is_of_listening_sockets_alone() {
    let text = THRIFT.replacen(
        "socket_address: { address: 127.0.0.1, port_value: 0 }",
        "socket_address: { address: 127.0.0.1, port_value: 0, ipv4_compat: true }",
        1,
    );
    let warnings = notes(&good(&text), Severity::Warning);
    let place = "admin.address.socket_address.ipv4_compat: no effect";
    assert!(
        warnings.iter().any(|text| text.contains(place)),
        "{warnings:?}"
    );
}

#[test]
fn socket_options_that_are_not_there() {
    let text = listener_with("socket_options: [ { level: 6, name: 99, int_value: 1 } ]");
    let unsupported = notes(&good(&text), Severity::Unsupported);
    let [only] = &unsupported[..] else {
        panic!("{unsupported:?}");
    };
    assert!(
        only.contains("socket_options[0]: the socket option 99 of level 6"),
        "{only}"
    );
    let found = errors(&listener_with(
        "socket_options: [ { level: 1, name: 7, int_value: -1 } ]",
    ));
    assert!(
        found[0].contains("int_value: -1 is not a value"),
        "{found:?}"
    );
}

#[test]
fn every_criterion_of_a_match() {
    let text = chain_with(
        "filter_chain_match: { server_names: ['*.Shop.example'], source_type: EXTERNAL, \
         source_prefix_ranges: [ { address_prefix: 10.1.2.3, prefix_len: 16 } ], \
         direct_source_prefix_ranges: [ { address_prefix: '::1', prefix_len: 128 } ], \
         source_ports: [1, 2] }",
    );
    let chain = good(&text).listeners.remove(0).filter_chains.remove(0);
    let matches = chain.matches;
    // Names are compared in lower case, and networks have no bits that do not count.
    assert_eq!(matches.server_names, ["*.shop.example"]);
    assert_eq!(matches.source_type, SourceType::External);
    assert_eq!(matches.sources[0].to_string(), "10.1.0.0/16");
    assert_eq!(matches.direct_sources[0].to_string(), "::1/128");
    assert_eq!(matches.source_ports, [1, 2]);
    for name in ["", "*", "*.", "a*.example", "*.*.example"] {
        let text = chain_with(&format!(
            "filter_chain_match: {{ server_names: ['{name}'] }}"
        ));
        let found = errors(&text);
        assert!(found[0].contains("server_names[0]"), "{name}: {found:?}");
    }
}

#[test]
fn bounds_by_the_runtime() {
    let runtime = "layered_runtime:
  layers:
  - name: written
    static_layer:
      envoy.resource_limits.listener.orders.connection_limit: 3
      overload.global_downstream_max_connections: '50'
      re2.max_program_size.error_level: 1000
  - name: nested
    static_layer:
      envoy: { resource_limits: { listener: { orders: { connection_limit: 4 } } } }
  - name: admin
    admin_layer: {}
";
    let text = THRIFT;
    let bootstrap = good(&format!("{runtime}{text}"));
    assert_eq!(bootstrap.listeners[0].max_connections, Some(4));
    assert_eq!(bootstrap.max_connections, Some(50));
    let warnings = notes(&bootstrap, Severity::Warning);
    for part in ["asks the runtime for re2.max", "layers[2].admin_layer"] {
        assert!(
            warnings.iter().any(|text| text.contains(part)),
            "{part} in {warnings:?}"
        );
    }
    let key = "overload.global_downstream_max_connections: many";
    let layer =
        format!("layered_runtime: {{ layers: [ {{ name: a, static_layer: {{ {key} }} }} ] }}");
    let found = errors(&format!("{layer}\n{text}"));
    assert!(
        found[0].contains("expected a number of connections"),
        "{found:?}"
    );
}

#[test]
fn bounds_by_the_overload_manager() {
    let monitors = "type.googleapis.com/envoy.extensions.resource_monitors";
    let manager = format!(
        "overload_manager:
  resource_monitors:
  - name: envoy.resource_monitors.global_downstream_max_connections
    typed_config:
      '@type': {monitors}.downstream_connections.v3.DownstreamConnectionsConfig
      max_active_downstream_connections: 77
"
    );
    let text = listener_with("ignore_global_conn_limit: true");
    let bootstrap = good(&format!("{manager}{text}"));
    assert_eq!(bootstrap.max_connections, Some(77));
    assert!(bootstrap.listeners[0].ignore_global_limit);
    let more = "  - name: envoy.resource_monitors.fixed_heap
  actions:
  - name: envoy.overload_actions.shrink_heap
    triggers: [ { name: a, threshold: { value: 1 } } ]
";
    let bootstrap = good(&format!("{manager}{more}{text}"));
    let unsupported = notes(&bootstrap, Severity::Unsupported);
    for part in ["resource_monitors[1]", "overload_manager.actions"] {
        assert!(
            unsupported.iter().any(|text| text.contains(part)),
            "{part} in {unsupported:?}"
        );
    }
}
