//! Endpoints from DNS.

use envoy_types::pb::envoy::config::cluster::v3::{
    self as pb,
    cluster::{DiscoveryType, DnsLookupFamily},
};
use meta_core::Address;
use meta_router::{DnsBackoff, DnsConfig, DnsHost, Endpoints, LookupFamily};

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

    pub(super) fn dns(
        &mut self,
        raw: &pb::Cluster,
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
        let dns = self.dns_config(raw, path);
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

    #[expect(deprecated, reason = "the deprecated fields are those in use")]
    fn dns_config(&mut self, raw: &pb::Cluster, path: &Path<'_>) -> DnsConfig {
        let mut dns = DnsConfig::default();
        dns.respect_ttl = raw.respect_dns_ttl;
        dns.family = family(raw.dns_lookup_family);
        if let Some(refresh) = &raw.dns_refresh_rate {
            let place = path.field("dns_refresh_rate");
            dns.refresh_rate = self.duration(refresh, &place).unwrap_or_default();
        }
        if let Some(jitter) = &raw.dns_jitter {
            let place = path.field("dns_jitter");
            dns.jitter = self.duration(jitter, &place).unwrap_or_default();
        }
        if let Some(rate) = &raw.dns_failure_refresh_rate {
            let place = path.field("dns_failure_refresh_rate");
            let base = rate.base_interval.as_ref();
            let base = base.and_then(|raw| self.duration(raw, &place.field("base_interval")));
            let max = rate.max_interval.as_ref();
            let max = max.and_then(|raw| self.duration(raw, &place.field("max_interval")));
            // Ten times the first, where it is not given.
            dns.failure_refresh = base.map(|base| DnsBackoff {
                base,
                max: max.unwrap_or(base.saturating_mul(10)),
            });
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
