//! The fields that are known, by message. What a message listed here does not list
//! is refused; messages not listed are read whole or not at all.

use super::Support::{self, NoEffect, NotYet, Works};

mod cluster;
mod limits;
mod listener;
mod tls;

use self::{
    cluster::{
        CIRCUIT_BREAKERS, CLUSTER, CUSTOM_CLUSTER, DNS_CLUSTER, ENDPOINT, LB_ENDPOINT,
        LOAD_ASSIGNMENT, LOCALITY, THRESHOLDS, UPSTREAM_CONNECTION,
    },
    limits::{LAYERED_RUNTIME, OVERLOAD_MANAGER, RESOURCE_MONITOR, RUNTIME_LAYER},
    listener::{
        ADDITIONAL_ADDRESS, DEPRECATED_V1, FILTER_CHAIN, FILTER_CHAIN_MATCH, LISTENER,
        LISTENER_FILTER, PROXY_PROTOCOL, SOCKET_OPTION, SOCKET_OPTIONS_OVERRIDE, TCP_KEEPALIVE,
        TLS_INSPECTOR,
    },
};

type Fields = &'static [(&'static str, Support)];

/// The fields of the message of that name.
pub(super) fn of(message: &str) -> Option<Fields> {
    Some(match message {
        "envoy.config.bootstrap.v3.Bootstrap" => BOOTSTRAP,
        "envoy.config.bootstrap.v3.Bootstrap.StaticResources" => STATIC_RESOURCES,
        "envoy.config.bootstrap.v3.Admin" => ADMIN,
        "envoy.config.core.v3.Node" => NODE,
        "envoy.config.core.v3.Address" => ADDRESS,
        "envoy.config.core.v3.SocketAddress" => SOCKET_ADDRESS,
        "envoy.config.core.v3.Pipe" => PIPE,
        "envoy.config.listener.v3.Listener" => LISTENER,
        "envoy.config.listener.v3.FilterChain" => FILTER_CHAIN,
        "envoy.config.listener.v3.FilterChainMatch" => FILTER_CHAIN_MATCH,
        "envoy.config.listener.v3.Filter" => FILTER,
        "envoy.config.listener.v3.ListenerFilter" => LISTENER_FILTER,
        "envoy.config.listener.v3.AdditionalAddress" => ADDITIONAL_ADDRESS,
        "envoy.config.listener.v3.Listener.DeprecatedV1" => DEPRECATED_V1,
        "envoy.config.core.v3.SocketOption" => SOCKET_OPTION,
        "envoy.config.core.v3.SocketOptionsOverride" => SOCKET_OPTIONS_OVERRIDE,
        "envoy.config.core.v3.TcpKeepalive" => TCP_KEEPALIVE,
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector" => TLS_INSPECTOR,
        "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol" => PROXY_PROTOCOL,
        "envoy.config.bootstrap.v3.LayeredRuntime" => LAYERED_RUNTIME,
        "envoy.config.bootstrap.v3.RuntimeLayer" => RUNTIME_LAYER,
        "envoy.config.overload.v3.OverloadManager" => OVERLOAD_MANAGER,
        "envoy.config.overload.v3.ResourceMonitor" => RESOURCE_MONITOR,
        "envoy.config.accesslog.v3.AccessLog" => ACCESS_LOG,
        "envoy.config.cluster.v3.Cluster" => CLUSTER,
        "envoy.config.cluster.v3.Cluster.CustomClusterType" => CUSTOM_CLUSTER,
        "envoy.extensions.clusters.dns.v3.DnsCluster" => DNS_CLUSTER,
        "envoy.config.cluster.v3.CircuitBreakers" => CIRCUIT_BREAKERS,
        "envoy.config.cluster.v3.CircuitBreakers.Thresholds" => THRESHOLDS,
        "envoy.config.endpoint.v3.ClusterLoadAssignment" => LOAD_ASSIGNMENT,
        "envoy.config.endpoint.v3.LocalityLbEndpoints" => LOCALITY,
        "envoy.config.endpoint.v3.LbEndpoint" => LB_ENDPOINT,
        "envoy.config.endpoint.v3.Endpoint" => ENDPOINT,
        "envoy.config.route.v3.WeightedCluster" => WEIGHTED_CLUSTER,
        "envoy.config.route.v3.WeightedCluster.ClusterWeight" => CLUSTER_WEIGHT,
        "envoy.config.cluster.v3.UpstreamConnectionOptions" => UPSTREAM_CONNECTION,
        "envoy.config.core.v3.TransportSocket" => FILTER,
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext" => tls::DOWNSTREAM,
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" => tls::UPSTREAM,
        "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext" => tls::COMMON,
        "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext" => {
            tls::COMBINED
        }
        "envoy.extensions.transport_sockets.tls.v3.TlsParameters" => tls::PARAMS,
        "envoy.extensions.transport_sockets.tls.v3.TlsCertificate" => tls::CERTIFICATE,
        "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext" => tls::VALIDATION,
        "envoy.extensions.transport_sockets.tls.v3.Secret" => tls::SECRET,
        "envoy.type.matcher.v3.StringMatcher" => STRING_MATCHER,
        "aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy" => PROXY,
        "aeraki.meta_protocol_proxy.config.route.v1alpha.RouteConfiguration" => ROUTES,
        "aeraki.meta_protocol_proxy.config.route.v1alpha.Route" => ROUTE,
        "aeraki.meta_protocol_proxy.config.route.v1alpha.RouteMatch" => ROUTE_MATCH,
        "aeraki.meta_protocol_proxy.config.route.v1alpha.RouteAction" => ROUTE_ACTION,
        _ => return None,
    })
}

const RUNTIME: Support = NoEffect("there is no runtime: defaults hold");
const STATS: Support = NoEffect("no effect: statistics have the standard names and tags");
const TRACING: Support = NoEffect("no effect: tracing is not implemented yet, no spans are sent");
const LOGS: Support = NoEffect("no effect: such logs are not implemented");
const UNUSED: Support = NoEffect("no effect on this proxy");
const HTTP: Support = NoEffect("no effect: clusters carry the listener's protocol");

const BOOTSTRAP: Fields = &[
    ("node", Works),
    ("static_resources", Works),
    ("admin", Works),
    (
        "dynamic_resources",
        NotYet("dynamic resources (LDS, CDS, ADS) are"),
    ),
    ("config_sources", NotYet("sources of configuration are")),
    (
        "default_config_source",
        NotYet("sources of configuration are"),
    ),
    ("hds_config", NotYet("health discovery is")),
    ("overload_manager", Works),
    (
        "certificate_provider_instances",
        NotYet("certificate providers are"),
    ),
    (
        "dns_resolution_config",
        NotYet("resolvers of one's own choice are"),
    ),
    (
        "typed_dns_resolver_config",
        NotYet("resolvers of one's own choice are"),
    ),
    ("use_tcp_for_dns_lookups", NotYet("DNS over TCP is")),
    ("tracing", TRACING),
    ("layered_runtime", Works),
    ("stats_config", STATS),
    (
        "stats_sinks",
        NoEffect("no effect: statistics are read from the admin alone"),
    ),
    ("stats_flush_interval", STATS),
    ("stats_flush_on_admin", STATS),
    ("stats_eviction_interval", STATS),
    ("deferred_stat_options", STATS),
    ("stats_server_version_override", STATS),
    ("enable_dispatcher_stats", STATS),
    ("node_context_params", UNUSED),
    ("cluster_manager", UNUSED),
    ("flags_path", UNUSED),
    ("watchdog", UNUSED),
    ("watchdogs", UNUSED),
    ("bootstrap_extensions", UNUSED),
    ("fatal_actions", UNUSED),
    ("header_prefix", UNUSED),
    ("inline_headers", UNUSED),
    ("perf_tracing_file_path", UNUSED),
    (
        "default_regex_engine",
        NoEffect("no effect: expressions run in linear time as it is"),
    ),
    ("default_socket_interface", UNUSED),
    ("xds_delegate_extension", UNUSED),
    ("xds_config_tracker_extension", UNUSED),
    ("listener_manager", UNUSED),
    (
        "application_log_config",
        NoEffect("no effect: see --log-format"),
    ),
    ("grpc_async_client_manager_config", UNUSED),
    ("memory_allocator_manager", UNUSED),
    ("enable_worker_cpu_affinity", UNUSED),
];

const STATIC_RESOURCES: Fields = &[
    ("listeners", Works),
    ("clusters", Works),
    ("secrets", Works),
];

const ADMIN: Fields = &[
    ("address", Works),
    ("access_log", LOGS),
    ("access_log_path", LOGS),
    ("profile_path", UNUSED),
    ("ignore_global_conn_limit", UNUSED),
    ("socket_options", NotYet("socket options are")),
];

const NODE: Fields = &[
    ("id", Works),
    ("cluster", Works),
    ("metadata", Works),
    ("locality", Works),
    ("dynamic_parameters", UNUSED),
    ("user_agent_name", UNUSED),
    ("user_agent_version", UNUSED),
    ("user_agent_build_version", UNUSED),
    ("extensions", UNUSED),
    ("client_features", UNUSED),
    ("listening_addresses", UNUSED),
];

const ADDRESS: Fields = &[("socket_address", Works), ("pipe", Works)];

const SOCKET_ADDRESS: Fields = &[
    ("protocol", Works),
    ("address", Works),
    ("port_value", Works),
    ("resolver_name", NotYet("resolvers of one's own choice are")),
    ("ipv4_compat", Works),
];

const PIPE: Fields = &[("path", Works), ("mode", Works)];

const FILTER: Fields = &[("name", Works), ("typed_config", Works)];

const ACCESS_LOG: Fields = &[
    ("name", Works),
    ("typed_config", Works),
    ("filter", NotYet("filters of access logs are")),
];

const WEIGHTED_CLUSTER: Fields = &[
    ("clusters", Works),
    (
        "total_weight",
        NoEffect("no effect: the sum of the weights counts"),
    ),
    ("runtime_key_prefix", RUNTIME),
];

const CLUSTER_WEIGHT: Fields = &[("name", Works), ("weight", Works)];

const STRING_MATCHER: Fields = &[
    ("exact", Works),
    ("prefix", Works),
    ("suffix", Works),
    ("contains", Works),
    ("safe_regex", Works),
    ("ignore_case", Works),
];

const PROXY: Fields = &[
    ("stat_prefix", Works),
    ("application_protocol", Works),
    ("rds", Works),
    ("route_config", Works),
    ("codec", Works),
    ("meta_protocol_filters", Works),
    ("access_log", Works),
    ("idle_timeout", Works),
    ("protocol", Works),
    ("tracing", TRACING),
];

const ROUTES: Fields = &[("name", Works), ("routes", Works)];

const ROUTE: Fields = &[
    ("name", Works),
    ("match", Works),
    ("route", Works),
    ("request_mutation", Works),
    ("response_mutation", Works),
];

const ROUTE_MATCH: Fields = &[("metadata", Works)];

const ROUTE_ACTION: Fields = &[
    ("cluster", Works),
    ("weighted_clusters", Works),
    (
        "hash_policy",
        NoEffect("no effect: no cluster chooses endpoints by a hash yet"),
    ),
    ("request_mirror_policies", Works),
];
