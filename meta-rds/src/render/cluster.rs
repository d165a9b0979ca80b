//! Clusters.

use meta_core::Address;
use meta_router::{ClusterConfig, DnsConfig, Endpoints, LookupFamily};
use serde_json::{Value, json};

use super::{Fields, host, render_address, render_duration};

/// `envoy.config.cluster.v3.Cluster`. How requests share connections, and how
/// connections are watched, has no field; how they are secured is not known here.
pub fn render_cluster(config: &ClusterConfig) -> Value {
    let default = ClusterConfig::new("", Vec::new());
    let mut fields = Fields::default();
    fields.set("name", &*config.name);
    let (kind, hosts, dns) = match &config.endpoints {
        Endpoints::Static(addresses) => {
            let hosts = addresses.iter().map(render_address);
            ("STATIC", hosts.collect::<Vec<_>>(), None)
        }
        Endpoints::StrictDns { hosts, dns } => {
            let hosts = hosts.iter().map(host);
            ("STRICT_DNS", hosts.collect(), Some(dns))
        }
        Endpoints::LogicalDns { host: only, dns } => ("LOGICAL_DNS", vec![host(only)], Some(dns)),
        _ => ("STATIC", Vec::new(), None),
    };
    fields.set("type", kind);
    fields.set_unless(
        "connect_timeout",
        config.connect_timeout,
        default.connect_timeout,
        render_duration,
    );
    fields.set_unless(
        "per_connection_buffer_limit_bytes",
        config.upstream.write_buffer_bytes,
        default.upstream.write_buffer_bytes,
        Value::from,
    );
    if let Some(max) = config.max_requests_per_connection {
        fields.set("max_requests_per_connection", max.get());
    }
    let mut thresholds = Fields::default();
    let bounds = [
        (
            "max_connections",
            config.limits.max_connections,
            default.limits.max_connections,
        ),
        (
            "max_pending_requests",
            config.limits.max_pending,
            default.limits.max_pending,
        ),
        (
            "max_requests",
            config.limits.max_requests,
            default.limits.max_requests,
        ),
    ];
    for (name, bound, default) in bounds {
        thresholds.set_unless(name, bound, default, Value::from);
    }
    if !thresholds.0.is_empty() {
        let thresholds = thresholds.into_value();
        fields.set("circuit_breakers", json!({ "thresholds": [thresholds] }));
    }
    if let Some(dns) = dns {
        set_dns(&mut fields, dns);
    }
    fields.set("load_assignment", assignment(&config.name, hosts));
    fields.into_value()
}

/// `envoy.config.endpoint.v3.ClusterLoadAssignment`.
pub fn render_load_assignment(cluster: &str, endpoints: &[Address]) -> Value {
    assignment(cluster, endpoints.iter().map(render_address).collect())
}

fn assignment(cluster: &str, addresses: Vec<Value>) -> Value {
    let endpoint = |address| json!({ "endpoint": { "address": address } });
    let endpoints: Vec<_> = addresses.into_iter().map(endpoint).collect();
    json!({
        "cluster_name": cluster,
        "endpoints": [ { "lb_endpoints": endpoints } ],
    })
}

fn set_dns(fields: &mut Fields, dns: &DnsConfig) {
    let default = DnsConfig::default();
    fields.set_unless(
        "dns_refresh_rate",
        dns.refresh_rate,
        default.refresh_rate,
        render_duration,
    );
    fields.set_unless("respect_dns_ttl", dns.respect_ttl, false, Value::from);
    fields.set_unless("dns_jitter", dns.jitter, default.jitter, render_duration);
    if let Some(backoff) = dns.failure_refresh {
        let rate = json!({
            "base_interval": render_duration(backoff.base),
            "max_interval": render_duration(backoff.max),
        });
        fields.set("dns_failure_refresh_rate", rate);
    }
    fields.set_unless("dns_lookup_family", dns.family, default.family, family);
    if !dns.resolvers.is_empty() {
        let resolvers = dns.resolvers.iter();
        let resolvers = resolvers.map(|at| render_address(&Address::Ip(*at)));
        fields.set("dns_resolvers", resolvers.collect::<Vec<_>>());
    }
}

fn family(family: LookupFamily) -> Value {
    let name = match family {
        LookupFamily::V4Only => "V4_ONLY",
        LookupFamily::V6Only => "V6_ONLY",
        LookupFamily::V4Preferred => "V4_PREFERRED",
        LookupFamily::All => "ALL",
        _ => "AUTO",
    };
    name.into()
}
