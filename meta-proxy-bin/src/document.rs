//! A bootstrap that says what a snapshot says.

use meta_core::{Address, Sharing};
use meta_filters::access_log::{AccessLogConfig, LogFormat, LogTarget};
use meta_rds::{
    ChainMatch, ConfigSource, GrpcServer, Network, RdsSettings, SourceType, TrafficDirection,
    redact, render_address, render_cluster, render_duration, render_routes,
};
use meta_router::{ClusterConfig, RouteTable};
use serde_json::{Map, Value, json};

use crate::{
    config::{ExtensionConfig, FilterChainConfig, ListenerConfig},
    registry::Registry,
    supervisor::Shared,
};

const PROXY: &str = "type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy";
const TYPED_STRUCT: &str = "type.googleapis.com/xds.type.v3.TypedStruct";
const LOGGERS: &str = "type.googleapis.com/envoy.extensions.access_loggers";

/// The bootstrap of a proxy: that of its file, or one that says what it was told.
pub(crate) fn of(shared: &Shared) -> Value {
    if let (Some(text), _) = shared.updates().bootstrap() {
        return serde_json::from_str(&text).unwrap_or_default();
    }
    let document = Document {
        registry: &shared.registry,
        clusters: &shared.clusters,
    };
    let listeners = shared.plan.listeners.iter().zip(&shared.sites);
    let listeners = listeners.map(|(listener, site)| (&listener.config, &site.addresses[..]));
    document.bootstrap(listeners, shared.admin.as_ref())
}

/// Plain types as a bootstrap in JSON. What that has no field for is left out, and so
/// are TLS and listener filters.
pub(crate) struct Document<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) clusters: &'a [ClusterConfig],
}

impl Document<'_> {
    /// `envoy.config.bootstrap.v3.Bootstrap`, of listeners and their addresses.
    pub(crate) fn bootstrap<'a>(
        &self,
        listeners: impl Iterator<Item = (&'a ListenerConfig, &'a [Address])>,
        admin: Option<&Address>,
    ) -> Value {
        let mut bootstrap = Map::new();
        if let Some(address) = admin {
            let admin = json!({ "address": render_address(address) });
            bootstrap.insert("admin".to_owned(), admin);
        }
        let mut bounds = Map::new();
        let listeners = listeners.map(|(config, addresses)| {
            if let Some(max) = config.max_connections {
                let key = format!(
                    "envoy.resource_limits.listener.{}.connection_limit",
                    config.name
                );
                bounds.insert(key, max.into());
            }
            self.listener(config, addresses)
        });
        let clusters = self.clusters.iter().map(render_cluster);
        let resources = json!({
            "listeners": listeners.collect::<Vec<_>>(),
            "clusters": clusters.collect::<Vec<_>>(),
        });
        if !bounds.is_empty() {
            let layer = json!({ "name": "bounds", "static_layer": bounds });
            let runtime = json!({ "layers": [layer] });
            bootstrap.insert("layered_runtime".to_owned(), runtime);
        }
        bootstrap.insert("static_resources".to_owned(), resources);
        let mut bootstrap = Value::Object(bootstrap);
        redact(&mut bootstrap);
        bootstrap
    }

    fn listener(&self, config: &ListenerConfig, addresses: &[Address]) -> Value {
        let mut addresses = addresses.iter().map(render_address);
        let mut listener = json!({ "name": &*config.name, "address": addresses.next() });
        let additional: Vec<_> = addresses.map(|at| json!({ "address": at })).collect();
        if !additional.is_empty() {
            listener["additional_addresses"] = additional.into();
        }
        if let Some(prefix) = &config.stat_prefix {
            listener["stat_prefix"] = prefix.as_ref().into();
        }
        let direction = match config.traffic_direction {
            TrafficDirection::Inbound => "INBOUND",
            TrafficDirection::Outbound => "OUTBOUND",
            TrafficDirection::Unspecified => "",
        };
        if !direction.is_empty() {
            listener["traffic_direction"] = direction.into();
        }
        let default = meta_codec::DownstreamConfig::default().write_buffer_bytes;
        let buffers = config.all_chains().map(|c| c.connection.write_buffer_bytes);
        if let Some(bytes) = buffers.max().filter(|bytes| *bytes != default) {
            listener["per_connection_buffer_limit_bytes"] = bytes.into();
        }
        let chains = config.chains.iter().map(|chain| self.chain(chain));
        listener["filter_chains"] = chains.collect();
        if let Some(chain) = &config.default_chain {
            listener["default_filter_chain"] = self.chain(chain);
        }
        listener
    }

    fn chain(&self, chain: &FilterChainConfig) -> Value {
        let mut value = json!({});
        if !chain.name.is_empty() {
            value["name"] = chain.name.as_ref().into();
        }
        if chain.matches != ChainMatch::default() {
            value["filter_chain_match"] = chain_match(&chain.matches);
        }
        value["filters"] = json!([{
            "name": "aeraki.meta_protocol_proxy",
            "typed_config": self.proxy(chain),
        }]);
        value
    }

    fn proxy(&self, chain: &FilterChainConfig) -> Value {
        let (name, type_url) = self.registry.codec_names(&chain.codec.name);
        let protocol = name.rsplit('.').next().unwrap_or(name);
        let codec = extension(name, type_url, &chain.codec);
        let filters = chain.filters.iter().map(|filter| {
            let (name, type_url) = self.registry.filter_names(&filter.name);
            extension(name, type_url, filter)
        });
        let router = json!({ "name": "aeraki.meta_protocol.filters.router" });
        let mut proxy = json!({
            "@type": PROXY,
            "stat_prefix": &*chain.stat_prefix,
            "protocol": { "name": protocol, "codec": codec },
            "meta_protocol_filters": filters.chain([router]).collect::<Vec<_>>(),
        });
        match &chain.rds {
            Some(rds) => proxy["rds"] = live_routes(rds),
            None => proxy["route_config"] = render_routes(&chain.routes),
        }
        if self.is_shared(&chain.routes) {
            proxy["protocol"]["multiplexing"] = true.into();
        }
        if let Some(timeout) = chain.connection.idle_timeout {
            proxy["idle_timeout"] = render_duration(timeout);
        }
        if !chain.access_log.is_empty() {
            proxy["access_log"] = chain.access_log.iter().map(access_log).collect();
        }
        proxy
    }

    /// Whether clients share connections to the clusters of a table, whatever the
    /// protocol.
    fn is_shared(&self, table: &RouteTable) -> bool {
        let is_shared = |name: &str| {
            let cluster = self.clusters.iter().find(|cluster| *cluster.name == *name);
            cluster.is_some_and(|cluster| cluster.sharing == Some(Sharing::Shared))
        };
        let routes = table.routes();
        let mut destinations = routes.flat_map(|(_, route)| &route.destinations);
        destinations.any(|to| is_shared(&to.cluster))
    }
}

fn extension(name: &str, type_url: &str, extension: &ExtensionConfig) -> Value {
    if extension.config.is_null() {
        return json!({ "name": name });
    }
    let type_url = match type_url {
        "" => format!("type.googleapis.com/{name}"),
        url => url.to_owned(),
    };
    json!({
        "name": name,
        "config": { "@type": TYPED_STRUCT, "type_url": type_url, "value": extension.config },
    })
}

fn chain_match(matches: &ChainMatch) -> Value {
    let networks = |list: &[Network]| {
        let one = |network: &Network| {
            let address = network.ip().to_string();
            json!({ "address_prefix": address, "prefix_len": network.bits() })
        };
        list.iter().map(one).collect::<Value>()
    };
    let mut value = json!({});
    if let Some(port) = matches.destination_port {
        value["destination_port"] = port.into();
    }
    for (name, list) in [
        ("prefix_ranges", networks(&matches.destinations)),
        ("server_names", matches.server_names.clone().into()),
        (
            "application_protocols",
            matches.application_protocols.clone().into(),
        ),
        (
            "direct_source_prefix_ranges",
            networks(&matches.direct_sources),
        ),
        ("source_prefix_ranges", networks(&matches.sources)),
        ("source_ports", matches.source_ports.clone().into()),
    ] {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            value[name] = list;
        }
    }
    if let Some(protocol) = &matches.transport_protocol {
        value["transport_protocol"] = protocol.as_str().into();
    }
    let source = match matches.source_type {
        SourceType::SameIpOrLoopback => "SAME_IP_OR_LOOPBACK",
        SourceType::External => "EXTERNAL",
        _ => return value,
    };
    value["source_type"] = source.into();
    value
}

/// `aeraki.meta_protocol_proxy.v1alpha.Rds`.
fn live_routes(rds: &RdsSettings) -> Value {
    let timeout = rds.initial_fetch_timeout.unwrap_or_default();
    let mut source = json!({
        "resource_api_version": "V3",
        "initial_fetch_timeout": render_duration(timeout),
    });
    match &rds.source {
        ConfigSource::File(file) => {
            source["path_config_source"] = json!({ "path": file.path.to_string_lossy() });
        }
        ConfigSource::Grpc(grpc) => {
            let service = match &grpc.server {
                GrpcServer::Cluster(name) => json!({ "envoy_grpc": { "cluster_name": name } }),
                server => json!({ "google_grpc": { "target_uri": server.to_string() } }),
            };
            source["api_config_source"] = json!({
                "api_type": if grpc.delta { "DELTA_GRPC" } else { "GRPC" },
                "transport_api_version": "V3",
                "grpc_services": [service],
            });
        }
        _ => {}
    }
    json!({ "route_config_name": &*rds.route_config_name, "config_source": source })
}

fn access_log(log: &AccessLogConfig) -> Value {
    let (name, message) = match &log.to {
        LogTarget::Stdout => ("stdout", "stream.v3.StdoutAccessLog"),
        LogTarget::Stderr => ("stderr", "stream.v3.StderrAccessLog"),
        _ => ("file", "file.v3.FileAccessLog"),
    };
    let mut config = json!({ "@type": format!("{LOGGERS}.{message}") });
    if let LogTarget::File(path) = &log.to {
        config["path"] = path.to_string_lossy().into();
    }
    let mut format = json!({});
    match &log.format {
        LogFormat::Text(text) => {
            format["text_format_source"] = json!({ "inline_string": text });
        }
        LogFormat::Json(map) | LogFormat::JsonStrings(map) => {
            format["json_format"] = map.clone().into();
        }
        _ => {}
    }
    if log.omit_empty_values {
        format["omit_empty_values"] = true.into();
    }
    if format.as_object().is_some_and(|fields| !fields.is_empty()) {
        config["log_format"] = format;
    }
    json!({ "name": format!("envoy.access_loggers.{name}"), "typed_config": config })
}
