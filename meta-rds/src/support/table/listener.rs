//! The fields of listeners.

use super::{
    Fields, LOGS, STATS,
    Support::{NoEffect, NotYet, Works},
    UNUSED,
};

pub(super) const LISTENER: Fields = &[
    ("name", Works),
    ("stat_prefix", Works),
    ("address", Works),
    ("additional_addresses", Works),
    ("bind_to_port", Works),
    ("deprecated_v1", Works),
    ("filter_chains", Works),
    ("default_filter_chain", Works),
    ("per_connection_buffer_limit_bytes", Works),
    ("listener_filters", Works),
    ("listener_filters_timeout", Works),
    ("continue_on_listener_filters_timeout", Works),
    ("use_original_dst", Works),
    ("transparent", Works),
    ("freebind", Works),
    ("socket_options", Works),
    ("tcp_keepalive", Works),
    ("tcp_backlog_size", Works),
    ("ignore_global_conn_limit", Works),
    ("stats_matcher", STATS),
    ("metadata", UNUSED),
    ("drain_type", UNUSED),
    ("tcp_fast_open_queue_length", UNUSED),
    ("enable_mptcp", UNUSED),
    ("traffic_direction", Works),
    ("connection_balance_config", NoEffect(BALANCE)),
    ("reuse_port", NoEffect(BALANCE)),
    ("enable_reuse_port", NoEffect(BALANCE)),
    ("access_log", LOGS),
    ("max_connections_to_accept_per_socket_event", UNUSED),
    (
        "filter_chain_matcher",
        NotYet("choosing filter chains by a tree of matchers is"),
    ),
    ("fcds_config", NotYet("filter chains by discovery are")),
    (
        "bypass_overload_manager",
        NotYet("passing the overload manager by is"),
    ),
];

const BALANCE: &str = "no effect: each connection goes to the worker with the fewest";

pub(super) const ADDITIONAL_ADDRESS: Fields = &[
    ("address", Works),
    ("socket_options", Works),
    ("tcp_keepalive", Works),
];

pub(super) const DEPRECATED_V1: Fields = &[("bind_to_port", Works)];

pub(super) const FILTER_CHAIN: Fields = &[
    ("name", Works),
    ("filter_chain_match", Works),
    ("filters", Works),
    ("transport_socket", Works),
    ("transport_socket_connect_timeout", Works),
    ("use_proxy_proto", Works),
    ("metadata", UNUSED),
];

pub(super) const FILTER_CHAIN_MATCH: Fields = &[
    ("destination_port", Works),
    ("prefix_ranges", Works),
    ("server_names", Works),
    ("application_protocols", Works),
    ("transport_protocol", Works),
    ("direct_source_prefix_ranges", Works),
    ("source_type", Works),
    ("source_prefix_ranges", Works),
    ("source_ports", Works),
];

pub(super) const LISTENER_FILTER: Fields = &[
    ("name", Works),
    ("typed_config", Works),
    ("filter_disabled", Works),
    (
        "config_discovery",
        NotYet("listener filters by discovery are"),
    ),
];

pub(super) const TLS_INSPECTOR: Fields = &[
    ("close_connection_on_client_hello_parsing_errors", Works),
    ("max_client_hello_size", Works),
    ("enable_ja3_fingerprinting", NoEffect(FINGERPRINTS)),
    ("enable_ja4_fingerprinting", NoEffect(FINGERPRINTS)),
    ("initial_read_buffer_size", UNUSED),
];

const FINGERPRINTS: &str = "no effect: nothing here asks for fingerprints of TLS clients";

pub(super) const PROXY_PROTOCOL: Fields = &[
    ("allow_requests_without_proxy_protocol", Works),
    ("disallowed_versions", Works),
    ("stat_prefix", Works),
    ("rules", NotYet("values from a PROXY header are")),
    (
        "pass_through_tlvs",
        NoEffect("no effect: servers get no PROXY header"),
    ),
    ("tlv_location", UNUSED),
];

pub(super) const SOCKET_OPTION: Fields = &[
    ("description", Works),
    ("level", Works),
    ("name", Works),
    ("int_value", Works),
    ("buf_value", Works),
    // All are set before the socket listens.
    ("state", Works),
    ("type", Works),
    ("ip_version", Works),
];

pub(super) const SOCKET_OPTIONS_OVERRIDE: Fields = &[("socket_options", Works)];

pub(super) const TCP_KEEPALIVE: Fields = &[
    ("keepalive_probes", Works),
    ("keepalive_time", Works),
    ("keepalive_interval", Works),
];
