//! The fields of clusters.

use super::{
    Fields, HTTP, STATS,
    Support::{NoEffect, NotYet, Works},
    UNUSED,
};

pub(super) const CLUSTER: Fields = &[
    ("name", Works),
    ("type", Works),
    ("cluster_type", Works),
    ("connect_timeout", Works),
    ("per_connection_buffer_limit_bytes", Works),
    ("lb_policy", Works),
    ("load_assignment", Works),
    ("circuit_breakers", Works),
    ("max_requests_per_connection", Works),
    ("http2_protocol_options", Works),
    ("typed_extension_protocol_options", Works),
    ("transport_socket", Works),
    ("dns_refresh_rate", Works),
    ("dns_jitter", Works),
    ("dns_failure_refresh_rate", Works),
    ("respect_dns_ttl", Works),
    ("dns_lookup_family", Works),
    ("eds_cluster_config", NotYet("endpoints by EDS are")),
    ("health_checks", NotYet("health checks are")),
    ("outlier_detection", NotYet("outlier detection is")),
    ("dns_resolvers", Works),
    (
        "dns_resolution_config",
        NotYet("resolvers of one's own choice are"),
    ),
    (
        "typed_dns_resolver_config",
        NotYet("resolvers of one's own choice are"),
    ),
    ("use_tcp_for_dns_lookups", NotYet("DNS over TCP is")),
    ("upstream_bind_config", NotYet("source addresses are")),
    ("lb_subset_config", NotYet("subsets are")),
    ("common_lb_config", NotYet("settings of load balancing are")),
    (
        "load_balancing_policy",
        NotYet("load balancing other than in turn is"),
    ),
    (
        "transport_socket_matches",
        NotYet("transport sockets of single endpoints are"),
    ),
    (
        "connection_pool_per_downstream_connection",
        NotYet("pools of one client are"),
    ),
    ("ring_hash_lb_config", UNUSED),
    ("maglev_lb_config", UNUSED),
    ("round_robin_lb_config", UNUSED),
    ("least_request_lb_config", UNUSED),
    ("original_dst_lb_config", UNUSED),
    ("alt_stat_name", STATS),
    ("stats_matcher", STATS),
    ("track_timeout_budgets", STATS),
    ("track_cluster_stats", STATS),
    ("upstream_http_protocol_options", HTTP),
    ("common_http_protocol_options", HTTP),
    ("http_protocol_options", HTTP),
    ("protocol_selection", HTTP),
    ("wait_for_warm_on_init", UNUSED),
    ("cleanup_interval", UNUSED),
    ("metadata", UNUSED),
    ("upstream_connection_options", Works),
    ("close_connections_on_host_health_failure", UNUSED),
    ("ignore_health_on_host_removal", UNUSED),
    ("preconnect_policy", UNUSED),
];

pub(super) const CIRCUIT_BREAKERS: Fields = &[
    ("thresholds", Works),
    ("per_host_thresholds", NotYet("limits of each endpoint are")),
];

pub(super) const THRESHOLDS: Fields = &[
    ("priority", Works),
    ("max_connections", Works),
    ("max_pending_requests", Works),
    ("max_requests", Works),
    ("max_retries", NoEffect("no effect: there are no retries")),
    ("retry_budget", NoEffect("no effect: there are no retries")),
    ("track_remaining", STATS),
    ("max_connection_pools", UNUSED),
];

pub(super) const LOAD_ASSIGNMENT: Fields = &[
    ("cluster_name", Works),
    ("endpoints", Works),
    ("policy", NotYet("policies of load assignments are")),
];

pub(super) const LOCALITY: Fields = &[
    ("lb_endpoints", Works),
    ("locality", UNUSED),
    ("metadata", UNUSED),
    ("proximity", UNUSED),
    ("load_balancing_weight", NotYet("weights of endpoints are")),
    ("priority", NotYet("priorities of endpoints are")),
];

pub(super) const LB_ENDPOINT: Fields = &[
    ("endpoint", Works),
    ("load_balancing_weight", Works),
    ("metadata", UNUSED),
    ("health_status", NotYet("health of endpoints is")),
];

pub(super) const ENDPOINT: Fields = &[
    ("address", Works),
    ("hostname", UNUSED),
    ("health_check_config", UNUSED),
    ("observability_name", UNUSED),
    (
        "additional_addresses",
        NotYet("several addresses of one endpoint are"),
    ),
];

pub(super) const CUSTOM_CLUSTER: Fields = &[("name", Works), ("typed_config", Works)];

pub(super) const DNS_CLUSTER: Fields = &[
    ("dns_refresh_rate", Works),
    ("dns_min_refresh_rate", Works),
    ("dns_failure_refresh_rate", Works),
    ("dns_jitter", Works),
    ("respect_dns_ttl", Works),
    ("dns_lookup_family", Works),
    ("all_addresses_in_single_endpoint", Works),
    (
        "typed_dns_resolver_config",
        NotYet("resolvers of one's own choice are"),
    ),
];

pub(super) const UPSTREAM_CONNECTION: Fields = &[
    ("tcp_keepalive", Works),
    ("set_local_interface_name_on_upstream_connections", UNUSED),
    ("happy_eyeballs_config", UNUSED),
];
