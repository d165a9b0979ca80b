//! Endpoints from DNS.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::cluster::v3::{
            self as pb,
            cluster::{DiscoveryType, DnsLookupFamily},
        },
        extensions::clusters::dns::v3::DnsCluster,
    },
    google::protobuf,
};
use meta_core::Address;
use meta_router::{DnsBackoff, DnsConfig, DnsHost, Endpoints, LookupFamily};
use prost::{Message as _, Name as _};

use super::Converter;
use crate::path::Path;

/// The endpoints that a file names.
#[derive(Default)]
pub(super) struct Hosts {
    pub(super) addresses: Vec<Address>,
    /// Names, ports, and the paths of the addresses they stand in.
    pub(super) names: Vec<(String, u16, String)>,
}

impl Converter<'_> {
    pub(super) fn no_names(&mut self, hosts: &Hosts, path: &Path<'_>) {
        for (name, _, place) in &hosts.names {
            let at = self.tree.place(path);
            let text = format!("{name:?} is no IP address; names need the type STRICT_DNS");
            let place = format!("{place}.socket_address.address");
            self.problems.error(at, place, text);
        }
    }

    /// Endpoints by the names of hosts.
    pub(super) fn dns(
        &mut self,
        dns: DnsConfig,
        kind: DiscoveryType,
        found: Hosts,
        path: &Path<'_>,
    ) -> Endpoints {
        let names = found.names.into_iter();
        let mut hosts: Vec<_> = names
            .map(|(name, port, _)| DnsHost::new(name, port))
            .collect();
        let place = path.field("load_assignment");
        for address in found.addresses {
            match address {
                Address::Ip(ip) => hosts.push(DnsHost::new(ip.ip().to_string(), ip.port())),
                other => self.error(&place, format!("{other} cannot be asked of DNS")),
            }
        }
        if kind == DiscoveryType::StrictDns {
            return Endpoints::StrictDns { hosts, dns };
        }
        let count = hosts.len();
        match <[DnsHost; 1]>::try_from(hosts) {
            Ok([host]) => Endpoints::LogicalDns { host, dns },
            Err(hosts) => {
                let text = format!("LOGICAL_DNS takes one endpoint, found {count}");
                self.error(&place, text);
                Endpoints::StrictDns { hosts, dns }
            }
        }
    }

    /// The newer form, in which the settings stand in a message of their own.
    pub(super) fn dns_cluster(
        &mut self,
        raw: &pb::cluster::CustomClusterType,
        hosts: Hosts,
        path: &Path<'_>,
    ) -> Option<Endpoints> {
        let place = path.field("cluster_type");
        let place = place.field("typed_config");
        let any = raw.typed_config.as_ref();
        let name = DnsCluster::full_name();
        let is_dns = |any: &&protobuf::Any| any.type_url.rsplit('/').next() == Some(&name);
        let Some(any) = any.filter(is_dns) else {
            let text = format!("clusters of the type {} are not implemented yet", raw.name);
            self.unsupported(&place, text);
            return None;
        };
        let raw = DnsCluster::decode(&*any.value).ok()?;
        let mut dns = DnsConfig::default();
        dns.respect_ttl = raw.respect_dns_ttl;
        // As in a cluster, but that 0 stands for nothing at all.
        dns.family = family(raw.dns_lookup_family.saturating_sub(1));
        self.set(
            &mut dns.refresh_rate,
            raw.dns_refresh_rate,
            &place.field("dns_refresh_rate"),
        );
        let min = place.field("dns_min_refresh_rate");
        self.set(&mut dns.min_ttl, raw.dns_min_refresh_rate, &min);
        self.set(&mut dns.jitter, raw.dns_jitter, &place.field("dns_jitter"));
        if let Some(rate) = raw.dns_failure_refresh_rate {
            let place = place.field("dns_failure_refresh_rate");
            dns.failure_refresh = self.backoff(rate.base_interval, rate.max_interval, &place);
        }
        let kind = match raw.all_addresses_in_single_endpoint {
            true => DiscoveryType::LogicalDns,
            false => DiscoveryType::StrictDns,
        };
        Some(self.dns(dns, kind, hosts, path))
    }

    #[expect(deprecated, reason = "the deprecated fields are those in use")]
    pub(super) fn dns_config(&mut self, raw: &pb::Cluster, path: &Path<'_>) -> DnsConfig {
        let mut dns = DnsConfig::default();
        dns.respect_ttl = raw.respect_dns_ttl;
        dns.family = family(raw.dns_lookup_family);
        self.set(
            &mut dns.refresh_rate,
            raw.dns_refresh_rate,
            &path.field("dns_refresh_rate"),
        );
        self.set(&mut dns.jitter, raw.dns_jitter, &path.field("dns_jitter"));
        if let Some(rate) = &raw.dns_failure_refresh_rate {
            let place = path.field("dns_failure_refresh_rate");
            dns.failure_refresh = self.backoff(rate.base_interval, rate.max_interval, &place);
        }
        let resolvers = path.field("dns_resolvers");
        for (index, raw) in raw.dns_resolvers.iter().enumerate() {
            let place = resolvers.index(index);
            match self.address(raw, &place) {
                Some(Address::Ip(address)) => dns.resolvers.push(address),
                Some(other) => self.error(&place, format!("{other} is no IP address")),
                None => {}
            }
        }
        dns
    }

    /// Takes the duration where there is one.
    fn set(&mut self, to: &mut Duration, raw: Option<protobuf::Duration>, path: &Path<'_>) {
        if let Some(raw) = raw {
            *to = self.duration(&raw, path).unwrap_or_default();
        }
    }

    fn backoff(
        &mut self,
        base: Option<protobuf::Duration>,
        max: Option<protobuf::Duration>,
        path: &Path<'_>,
    ) -> Option<DnsBackoff> {
        let base = base.and_then(|raw| self.duration(&raw, &path.field("base_interval")));
        let max = max.and_then(|raw| self.duration(&raw, &path.field("max_interval")));
        // Ten times the first, where it is not given.
        base.map(|base| DnsBackoff {
            base,
            max: max.unwrap_or(base.saturating_mul(10)),
        })
    }
}

fn family(raw: i32) -> LookupFamily {
    match DnsLookupFamily::try_from(raw) {
        Ok(DnsLookupFamily::V4Only) => LookupFamily::V4Only,
        Ok(DnsLookupFamily::V6Only) => LookupFamily::V6Only,
        Ok(DnsLookupFamily::V4Preferred) => LookupFamily::V4Preferred,
        Ok(DnsLookupFamily::All) => LookupFamily::All,
        Ok(DnsLookupFamily::Auto) | Err(_) => LookupFamily::Auto,
    }
}
