//! Clusters.

use std::{num::NonZeroU32, time::Duration};

use envoy_types::pb::{
    envoy::config::{
        cluster::v3::{self as pb, cluster::ClusterDiscoveryType, cluster::DiscoveryType},
        core::v3::{RoutingPriority, TcpKeepalive},
        endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier},
    },
    google::protobuf::UInt32Value,
};
use meta_core::Address;
use meta_router::{ClusterConfig, ClusterLimits, Endpoints};

use super::{Converter, address::Host, discovery::Hosts};
use crate::{bootstrap::Cluster, path::Path};

impl Converter<'_> {
    pub(super) fn cluster(&mut self, raw: &pb::Cluster, path: &Path<'_>) -> Option<Cluster> {
        self.balancing(raw, path);
        let hosts = self.hosts(raw.load_assignment.as_ref(), &path.field("load_assignment"));
        let mut config = ClusterConfig::new(raw.name.as_str(), Vec::new());
        config.endpoints = match &raw.cluster_discovery_type {
            Some(ClusterDiscoveryType::ClusterType(custom)) => {
                self.dns_cluster(custom, hosts, path)?
            }
            Some(ClusterDiscoveryType::Type(kind)) => {
                let kind = DiscoveryType::try_from(*kind).ok()?;
                self.endpoints(raw, kind, hosts, path)
            }
            None => self.endpoints(raw, DiscoveryType::Static, hosts, path),
        };
        if let Some(timeout) = &raw.connect_timeout {
            let place = path.field("connect_timeout");
            config.connect_timeout = self.duration(timeout, &place)?;
        }
        config.limits = self.limits(
            raw.circuit_breakers.as_ref(),
            &path.field("circuit_breakers"),
        );
        let place = path.field("per_connection_buffer_limit_bytes");
        let buffer = self.buffer(raw.per_connection_buffer_limit_bytes.as_ref(), &place);
        if let Some(bytes) = buffer {
            config.upstream.write_buffer_bytes = bytes;
        }
        let socket = raw.transport_socket.as_ref();
        let place = path.field("transport_socket");
        let tls = socket.and_then(|raw| self.client_tls(raw, &config.endpoints, &place));
        let options = raw.upstream_connection_options.as_ref();
        config.socket.keepalive = options.and_then(|raw| keepalive(raw.tcp_keepalive.as_ref()?));
        let options = path.field("typed_extension_protocol_options");
        let mut protocol_options: Vec<_> = raw
            .typed_extension_protocol_options
            .iter()
            .map(|(name, any)| self.extension(name, Some(any), &options.key(name)))
            .collect();
        protocol_options.sort_by(|a, b| a.name.cmp(&b.name));
        #[expect(deprecated, reason = "the only form for what is not HTTP")]
        let max_requests = raw.max_requests_per_connection.as_ref();
        config.max_requests_per_connection =
            max_requests.and_then(|max| NonZeroU32::new(max.value));
        #[expect(deprecated, reason = "the deprecated form is the one in use")]
        let http2 = raw.http2_protocol_options.is_some()
            || protocol_options.iter().any(|options| {
                let http = &options.config["explicit_http_config"];
                http.get("http2_protocol_options").is_some()
            });
        Some(Cluster {
            config,
            http2,
            tls,
            protocol_options,
            place: self.place(path),
        })
    }

    fn balancing(&mut self, raw: &pb::Cluster, path: &Path<'_>) {
        use pb::cluster::LbPolicy;
        let place = path.field("lb_policy");
        match LbPolicy::try_from(raw.lb_policy) {
            Ok(LbPolicy::RoundRobin) | Err(_) => {}
            Ok(LbPolicy::LeastRequest | LbPolicy::Random) => {
                self.warn(&place, "no effect: each endpoint gets its turn");
            }
            Ok(other) => {
                let name = other.as_str_name();
                self.unsupported(&place, format!("{name} is not implemented yet"));
            }
        }
    }

    /// The endpoints that the file names, addresses and names.
    fn hosts(&mut self, raw: Option<&ClusterLoadAssignment>, path: &Path<'_>) -> Hosts {
        let mut hosts = Hosts::default();
        let localities = path.field("endpoints");
        for (index, locality) in raw.iter().flat_map(|raw| &raw.endpoints).enumerate() {
            let endpoints = localities.index(index);
            let endpoints = endpoints.field("lb_endpoints");
            for (index, endpoint) in locality.lb_endpoints.iter().enumerate() {
                let place = endpoints.index(index);
                let weight = endpoint.load_balancing_weight.as_ref();
                if weight.is_some_and(|weight| weight.value > 1) {
                    let text = "weights of endpoints are not implemented yet";
                    self.unsupported(&place.field("load_balancing_weight"), text);
                }
                let place = place.field("endpoint");
                let address = place.field("address");
                let raw = match &endpoint.host_identifier {
                    Some(HostIdentifier::Endpoint(endpoint)) => endpoint.address.as_ref(),
                    _ => None,
                };
                let Some(raw) = raw else {
                    self.error(&address, "required");
                    continue;
                };
                self.tell_of_binding(raw, &address);
                match self.host(raw, &address) {
                    Some(Host::Address(found)) => {
                        if let Address::Ip(ip) = found
                            && ip.port() == 0
                        {
                            let place = address.field("socket_address");
                            self.error(&place.field("port_value"), "must not be 0");
                        }
                        hosts.addresses.push(found);
                    }
                    Some(Host::Name(name, port)) => {
                        hosts.names.push((name, port, address.to_string()));
                    }
                    None => {}
                }
            }
        }
        hosts
    }

    fn limits(&mut self, raw: Option<&pb::CircuitBreakers>, path: &Path<'_>) -> ClusterLimits {
        let mut limits = ClusterLimits::default();
        let thresholds = path.field("thresholds");
        for (index, raw) in raw.iter().flat_map(|raw| &raw.thresholds).enumerate() {
            let place = thresholds.index(index);
            if raw.priority != RoutingPriority::Default as i32 {
                let text = "no effect: all requests have the default priority";
                self.warn(&place.field("priority"), text);
                continue;
            }
            if let Some(max) = Self::size(raw.max_connections.as_ref()) {
                limits.max_connections = max;
            }
            if let Some(max) = Self::size(raw.max_pending_requests.as_ref()) {
                limits.max_pending = max;
            }
            if let Some(max) = Self::size(raw.max_requests.as_ref()) {
                if max == 0 {
                    self.error(&place.field("max_requests"), "must be greater than 0");
                }
                limits.max_requests = max;
            }
        }
        limits
    }

    /// Where endpoints come from.
    fn endpoints(
        &mut self,
        raw: &pb::Cluster,
        kind: DiscoveryType,
        hosts: Hosts,
        path: &Path<'_>,
    ) -> Endpoints {
        match kind {
            DiscoveryType::Static => {
                self.no_names(&hosts, path);
                hosts.addresses.into()
            }
            DiscoveryType::StrictDns | DiscoveryType::LogicalDns => {
                let dns = self.dns_config(raw, path);
                self.dns(dns, kind, hosts, path)
            }
            other => {
                let name = other.as_str_name();
                let text = format!("clusters of type {name} are not implemented yet");
                self.unsupported(&path.field("type"), text);
                Vec::new().into()
            }
        }
    }
}

/// Probes as they are asked for; what is 0 or not said is as the system has it.
fn keepalive(raw: &TcpKeepalive) -> Option<meta_router::TcpKeepalive> {
    let seconds = |raw: &Option<UInt32Value>| {
        let raw = raw.as_ref().filter(|raw| raw.value > 0);
        raw.map(|raw| Duration::from_secs(raw.value.into()))
    };
    let mut keepalive = meta_router::TcpKeepalive::default();
    keepalive.time = seconds(&raw.keepalive_time);
    keepalive.interval = seconds(&raw.keepalive_interval);
    let probes = raw.keepalive_probes.as_ref();
    keepalive.probes = probes.map(|raw| raw.value).filter(|probes| *probes > 0);
    Some(keepalive)
}
