//! Which connections a filter chain is for.

use envoy_types::pb::envoy::config::{
    core::v3 as core,
    listener::v3::{self as pb, filter_chain_match::ConnectionSourceType},
};

use super::Converter;
use crate::{
    bootstrap::{ChainMatch, Network, SourceType},
    path::Path,
};

impl Converter<'_> {
    pub(super) fn chain_match(
        &mut self,
        raw: &pb::FilterChainMatch,
        path: &Path<'_>,
    ) -> ChainMatch {
        let port = raw.destination_port.as_ref().map(|port| port.value);
        let names = path.field("server_names");
        ChainMatch {
            // The rules keep ports within bounds.
            destination_port: port.and_then(|port| u16::try_from(port).ok()),
            destinations: self.networks(&raw.prefix_ranges, &path.field("prefix_ranges")),
            server_names: raw
                .server_names
                .iter()
                .enumerate()
                .filter_map(|(index, name)| self.server_name(name, &names.index(index)))
                .collect(),
            transport_protocol: match raw.transport_protocol.as_str() {
                "" => None,
                name => Some(name.to_owned()),
            },
            application_protocols: raw.application_protocols.clone(),
            direct_sources: self.networks(
                &raw.direct_source_prefix_ranges,
                &path.field("direct_source_prefix_ranges"),
            ),
            source_type: match raw.source_type() {
                ConnectionSourceType::Any => SourceType::Any,
                ConnectionSourceType::SameIpOrLoopback => SourceType::SameIpOrLoopback,
                ConnectionSourceType::External => SourceType::External,
            },
            sources: self.networks(
                &raw.source_prefix_ranges,
                &path.field("source_prefix_ranges"),
            ),
            source_ports: raw
                .source_ports
                .iter()
                .filter_map(|port| u16::try_from(*port).ok())
                .collect(),
        }
    }

    fn networks(&mut self, raw: &[core::CidrRange], path: &Path<'_>) -> Vec<Network> {
        let ranges = raw.iter().enumerate();
        let networks = ranges.filter_map(|(index, raw)| self.network(raw, &path.index(index)));
        networks.collect()
    }

    /// A name in lower case, as it is compared.
    fn server_name(&mut self, raw: &str, path: &Path<'_>) -> Option<String> {
        let rest = raw.strip_prefix("*.").unwrap_or(raw);
        if rest.is_empty() || rest.contains('*') {
            let text = format!("{raw:?} is no name; wildcards are of the form *.example.com");
            self.error(path, text);
            return None;
        }
        Some(raw.to_ascii_lowercase())
    }
}
