//! Listener filters.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::proxy_protocol_config::Version,
            listener::v3::{
                self as pb, listener_filter::ConfigType,
                listener_filter_chain_match_predicate::Rule,
            },
        },
        extensions::filters::listener::{
            proxy_protocol::v3::ProxyProtocol, tls_inspector::v3::TlsInspector,
        },
    },
    google::protobuf,
};
use prost::Message as _;

use super::Converter;
use crate::{
    bootstrap::{
        DestinationPorts, ListenerFilter, ListenerFilterKind, ListenerFilters, ProxyProtocolFilter,
        ProxyProtocolVersion, TlsInspectorFilter,
    },
    path::Path,
};

impl Converter<'_> {
    /// What looks at a listener's connections.
    #[expect(deprecated, reason = "use_proxy_proto is in use")]
    pub(super) fn listener_filters(
        &mut self,
        raw: &pb::Listener,
        path: &Path<'_>,
    ) -> ListenerFilters {
        let mut filters = ListenerFilters::default();
        let list = path.field("listener_filters");
        for (index, filter) in raw.listener_filters.iter().enumerate() {
            let filter = self.listener_filter(filter, &list.index(index));
            filters.list.extend(filter);
        }
        let chains = raw.filter_chains.iter().chain(&raw.default_filter_chain);
        let is_set = |flag: &Option<protobuf::BoolValue>| flag.as_ref().is_some_and(|f| f.value);
        let proxied: Vec<_> = chains.map(|chain| is_set(&chain.use_proxy_proto)).collect();
        if proxied.contains(&true) {
            if proxied.contains(&false) {
                let text = "use_proxy_proto has to be the same in all chains";
                self.error(&path.field("filter_chains"), text);
            }
            let kind = ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter::default());
            filters.put_first(kind);
        }
        filters.hand_off = is_set(&raw.use_original_dst);
        if filters.hand_off {
            filters.put_first(ListenerFilterKind::OriginalDestination);
        }
        if let Some(timeout) = &raw.listener_filters_timeout {
            let timeout = self.duration(timeout, &path.field("listener_filters_timeout"));
            filters.timeout = timeout.filter(|time| *time > Duration::ZERO);
        }
        filters.continue_on_timeout = raw.continue_on_listener_filters_timeout;
        filters
    }

    fn listener_filter(
        &mut self,
        raw: &pb::ListenerFilter,
        path: &Path<'_>,
    ) -> Option<ListenerFilter> {
        let any = match &raw.config_type {
            Some(ConfigType::TypedConfig(any)) => Some(any),
            // Refused as a field that is not implemented.
            Some(ConfigType::ConfigDiscovery(_)) => return None,
            None => None,
        };
        let kind = self.filter_kind(&raw.name, any, path)?;
        let predicate = raw.filter_disabled.as_ref();
        Some(ListenerFilter {
            kind,
            disabled: predicate.and_then(destination_ports),
        })
    }

    fn filter_kind(
        &mut self,
        name: &str,
        any: Option<&protobuf::Any>,
        path: &Path<'_>,
    ) -> Option<ListenerFilterKind> {
        let value = any.map_or(&[][..], |any| &any.value);
        let kind = match any {
            // The type counts, where there is one.
            Some(any) => any.type_url.rsplit(['/', '.']).next(),
            None => name.rsplit('.').next(),
        };
        match kind.unwrap_or_default() {
            "TlsInspector" | "tls_inspector" => {
                let raw = TlsInspector::decode(value).ok()?;
                Some(tls_inspector(&raw))
            }
            "ProxyProtocol" | "proxy_protocol" => {
                let raw = ProxyProtocol::decode(value).ok()?;
                Some(proxy_protocol(raw))
            }
            "OriginalDst" | "original_dst" => Some(ListenerFilterKind::OriginalDestination),
            "HttpInspector" | "http_inspector" => {
                self.warn(path, "no effect: no filter chain is chosen by HTTP");
                None
            }
            _ => {
                let text = format!("the listener filter {name} is not implemented yet");
                self.unsupported(path, text);
                None
            }
        }
    }
}

impl ListenerFilters {
    /// Puts a filter before the others, unless there is one of its kind.
    fn put_first(&mut self, kind: ListenerFilterKind) {
        let is_same = |filter: &ListenerFilter| {
            std::mem::discriminant(&filter.kind) == std::mem::discriminant(&kind)
        };
        if !self.list.iter().any(is_same) {
            self.list.insert(0, kind.into());
        }
    }
}

fn tls_inspector(raw: &TlsInspector) -> ListenerFilterKind {
    let mut filter = TlsInspectorFilter::default();
    if let Some(bytes) = Converter::size(raw.max_client_hello_size.as_ref()) {
        filter.max_hello_bytes = bytes;
    }
    filter.close_on_error = raw.close_connection_on_client_hello_parsing_errors;
    ListenerFilterKind::TlsInspector(filter)
}

fn proxy_protocol(raw: ProxyProtocol) -> ListenerFilterKind {
    let versions = raw.disallowed_versions().map(|version| match version {
        Version::V1 => ProxyProtocolVersion::V1,
        Version::V2 => ProxyProtocolVersion::V2,
    });
    ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter {
        allow_without: raw.allow_requests_without_proxy_protocol,
        disallowed_versions: versions.collect(),
        stat_prefix: raw.stat_prefix,
    })
}

/// A condition; the rules see to it that there is one.
fn destination_ports(raw: &pb::ListenerFilterChainMatchPredicate) -> Option<DestinationPorts> {
    let all = |set: &pb::listener_filter_chain_match_predicate::MatchSet| {
        let rules = set.rules.iter().map(destination_ports);
        rules.collect::<Option<Vec<_>>>()
    };
    Some(match raw.rule.as_ref()? {
        Rule::AnyMatch(_) => DestinationPorts::Any,
        Rule::DestinationPortRange(range) => DestinationPorts::Range(range.start..range.end),
        Rule::NotMatch(other) => DestinationPorts::Not(Box::new(destination_ports(other)?)),
        Rule::AndMatch(set) => DestinationPorts::All(all(set)?),
        Rule::OrMatch(set) => DestinationPorts::OneOf(all(set)?),
    })
}
