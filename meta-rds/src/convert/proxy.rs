//! The settings of `MetaProtocolProxy`.

use std::sync::Arc;

use meta_router::RouteTable;

use super::{Converter, listener::Names};
use crate::{
    bootstrap::{ExtensionSettings, ProxySettings, RdsSettings, RouteSource},
    path::Path,
    proto::aeraki::meta_protocol_proxy::v1alpha::{
        Codec, MetaProtocolProxy, Rds, meta_protocol_proxy::RouteSpecifier,
    },
};

/// The name of the router, which stands last among the filters.
const ROUTER: &str = "aeraki.meta_protocol.filters.router";

impl Converter<'_> {
    pub(super) fn proxy(
        &mut self,
        raw: &MetaProtocolProxy,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<ProxySettings> {
        let codec = self.codec(raw, path);
        let routes = self.route_source(raw, path, clusters);
        let filters = self.filters(raw, path);
        let timeout = raw.idle_timeout.as_ref();
        let place = path.field("idle_timeout");
        let idle_timeout = timeout.and_then(|raw| self.duration(raw, &place));
        let logs = path.field("access_log");
        let mut access_log = Vec::new();
        for (index, log) in raw.access_log.iter().enumerate() {
            access_log.extend(self.access_log(log, &logs.index(index)));
        }
        let (protocol, codec, multiplexing) = codec?;
        Some(ProxySettings {
            stat_prefix: raw.stat_prefix.as_str().into(),
            protocol,
            codec,
            multiplexing,
            routes: routes?,
            filters,
            // None at all, as for whom it is absent.
            idle_timeout: idle_timeout.filter(|time| !time.is_zero()),
            access_log,
        })
    }

    /// The protocol's name, its codec, and whether it is multiplexed.
    #[expect(deprecated, reason = "the deprecated form is the one in use")]
    fn codec(
        &mut self,
        raw: &MetaProtocolProxy,
        path: &Path<'_>,
    ) -> Option<(String, ExtensionSettings, bool)> {
        let old = path.field("codec");
        let new = path.field("protocol");
        let newer = new.field("codec");
        match (&raw.protocol, &raw.codec) {
            (Some(protocol), other) => {
                if other.is_some() {
                    self.error(&old, "only one of it and protocol may be there");
                }
                let Some(codec) = &protocol.codec else {
                    self.error(&newer, "required");
                    return None;
                };
                let codec = self.named_codec(codec, &newer);
                Some((protocol.name.clone(), codec, protocol.multiplexing))
            }
            (None, Some(codec)) => {
                let codec = self.named_codec(codec, &old);
                Some((raw.application_protocol.clone(), codec, false))
            }
            (None, None) => {
                self.error(&new, "required");
                None
            }
        }
    }

    fn named_codec(&mut self, codec: &Codec, path: &Path<'_>) -> ExtensionSettings {
        self.extension(&codec.name, codec.config.as_ref(), path)
    }

    fn filters(&mut self, raw: &MetaProtocolProxy, path: &Path<'_>) -> Vec<ExtensionSettings> {
        let path = path.field("meta_protocol_filters");
        let Some(last) = raw.meta_protocol_filters.len().checked_sub(1) else {
            return Vec::new();
        };
        let mut filters = Vec::with_capacity(last);
        for (index, filter) in raw.meta_protocol_filters.iter().enumerate() {
            let place = path.index(index);
            match (filter.name == ROUTER, index == last) {
                (true, true) => {}
                (true, false) => self.error(&place, "the router has to be the last filter"),
                (false, is_last) => {
                    if is_last {
                        let text = format!("the last filter has to be {ROUTER}");
                        self.error(&place, text);
                    }
                    filters.push(self.extension(&filter.name, filter.config.as_ref(), &place));
                }
            }
        }
        filters
    }

    fn route_source(
        &mut self,
        raw: &MetaProtocolProxy,
        path: &Path<'_>,
        clusters: &Names,
    ) -> Option<RouteSource> {
        match &raw.route_specifier {
            Some(RouteSpecifier::RouteConfig(routes)) => {
                let place = path.field("route_config");
                let table: RouteTable = self.routes(routes, &place, Some(clusters))?;
                self.dead_routes(&table, &place.field("routes"), "metadata");
                Some(RouteSource::Static(Arc::new(table)))
            }
            Some(RouteSpecifier::Rds(rds)) => {
                let place = path.field("rds");
                let settings = self.rds(rds, &place, clusters)?;
                Some(RouteSource::Rds(Box::new(settings)))
            }
            None => {
                let text = "required: there is neither route_config nor rds";
                self.error(&path.field("route_config"), text);
                None
            }
        }
    }

    fn rds(&mut self, raw: &Rds, path: &Path<'_>, clusters: &Names) -> Option<RdsSettings> {
        if raw.route_config_name.is_empty() {
            self.error(&path.field("route_config_name"), "must not be empty");
        }
        // The rules ask for it.
        let source = raw.config_source.as_ref()?;
        let place = path.field("config_source");
        let (source, initial_fetch_timeout) = self.config_source(source, &place, clusters)?;
        Some(RdsSettings {
            route_config_name: raw.route_config_name.as_str().into(),
            source,
            initial_fetch_timeout,
        })
    }
}
