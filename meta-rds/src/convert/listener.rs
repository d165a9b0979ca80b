//! Listeners and their filter chains.

use std::{collections::HashMap, sync::Arc};

use envoy_types::pb::envoy::config::{
    core::v3 as core,
    listener::v3::{self as pb, filter::ConfigType},
};
use prost::{Message as _, Name as _};

use super::Converter;
use crate::{
    bootstrap::{FilterChain, Listener, ProxySettings, TrafficDirection},
    path::Path,
    proto::aeraki::meta_protocol_proxy::v1alpha::MetaProtocolProxy,
    read::any::is_extension,
};

mod filters;
mod matching;
mod options;
mod socket;

/// The clusters that are there, and their paths.
pub(super) type Names = HashMap<String, String>;

impl Converter<'_> {
    pub(super) fn listener(
        &mut self,
        raw: &pb::Listener,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<Listener> {
        let address = match &raw.address {
            Some(address) => self.address(address, &path.field("address")),
            None => {
                self.error(&path.field("address"), "required");
                None
            }
        };
        let chains = path.field("filter_chains");
        let default = path.field("default_filter_chain");
        if raw.filter_chains.is_empty() && raw.default_filter_chain.is_none() {
            self.error(&chains, "there is no filter chain");
        }
        let mut filter_chains = Vec::new();
        for (index, chain) in raw.filter_chains.iter().enumerate() {
            filter_chains.extend(self.chain(chain, &chains.index(index), clusters));
        }
        let chain = raw.default_filter_chain.as_ref();
        let default_filter_chain = chain.and_then(|chain| self.chain(chain, &default, clusters));
        let filters = self.listener_filters(raw, path);
        let additional_addresses = self.additional_addresses(raw, path);
        let socket = self.socket_settings(raw, address.as_ref(), path);
        let write_buffer_bytes = self.buffer(
            raw.per_connection_buffer_limit_bytes.as_ref(),
            &path.field("per_connection_buffer_limit_bytes"),
        );
        let address = address?;
        Some(Listener {
            name: match raw.name.as_str() {
                "" => address.to_string().into(),
                name => name.into(),
            },
            stat_prefix: match raw.stat_prefix.as_str() {
                "" => None,
                prefix => Some(Arc::from(prefix)),
            },
            address,
            additional_addresses,
            socket,
            bind_to_port: Self::bind_to_port(raw),
            filters,
            filter_chains,
            default_filter_chain,
            write_buffer_bytes,
            max_connections: None,
            ignore_global_limit: raw.ignore_global_conn_limit,
            traffic_direction: match core::TrafficDirection::try_from(raw.traffic_direction) {
                Ok(core::TrafficDirection::Inbound) => TrafficDirection::Inbound,
                Ok(core::TrafficDirection::Outbound) => TrafficDirection::Outbound,
                _ => TrafficDirection::Unspecified,
            },
            place: self.place(path),
        })
    }

    /// A bound on what waits to be written.
    pub(super) fn buffer(
        &mut self,
        raw: Option<&envoy_types::pb::google::protobuf::UInt32Value>,
        path: &Path<'_>,
    ) -> Option<usize> {
        let size = Self::size(raw);
        if size == Some(0) {
            self.error(path, "must be greater than 0");
        }
        size
    }

    fn chain(
        &mut self,
        raw: &pb::FilterChain,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<FilterChain> {
        let matches = raw.filter_chain_match.as_ref();
        let matches = matches.map(|raw| self.chain_match(raw, &path.field("filter_chain_match")));
        let tls = self.server_tls(raw, path);
        let proxy = self.chain_proxy(raw, path, clusters);
        Some(FilterChain {
            name: raw.name.clone(),
            matches: matches.unwrap_or_default(),
            proxy: proxy?,
            tls,
            place: self.place(path),
        })
    }

    /// The one filter of a chain.
    fn chain_proxy(
        &mut self,
        raw: &pb::FilterChain,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<ProxySettings> {
        let path = path.field("filters");
        let [filter] = &*raw.filters else {
            let text = format!("expected one filter, found {}", raw.filters.len());
            self.error(&path, text);
            return None;
        };
        let path = path.index(0);
        let path = path.field("typed_config");
        let any = match &filter.config_type {
            Some(ConfigType::TypedConfig(any)) => any,
            // Refused as a field that is not implemented.
            Some(ConfigType::ConfigDiscovery(_)) => return None,
            None => {
                self.error(&path, "required");
                return None;
            }
        };
        if any.type_url.rsplit_once('/').map(|(_, name)| name)
            != Some(&*MetaProtocolProxy::full_name())
        {
            let text = format!(
                "expected {}, found {}: no other network filter is implemented",
                MetaProtocolProxy::type_url(),
                any.type_url
            );
            match is_extension(&any.type_url) {
                true => self.unsupported(&path, text),
                false => self.error(&path, text),
            }
            return None;
        }
        let raw = MetaProtocolProxy::decode(&*any.value).ok()?;
        self.proxy(&raw, &path, clusters)
    }
}
