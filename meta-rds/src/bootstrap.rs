//! A bootstrap in plain types: what a proxy is told, and nothing of how.

use std::{sync::Arc, time::Duration};

use meta_core::Address;
use meta_filters::access_log::AccessLogConfig;
use meta_router::{ClusterConfig, RouteTable};
use meta_tls::ClientTlsConfig;
use serde_json::{Map, Value};

use crate::{
    control_plane::ConfigSource,
    problem::{Place, Problem, Severity},
};

mod listener;
mod listener_filters;
mod socket;

pub use self::{
    listener::{ChainMatch, FilterChain, Listener, Network, SourceType, TrafficDirection},
    listener_filters::{
        DestinationPorts, ListenerFilter, ListenerFilterKind, ListenerFilters, ProxyProtocolFilter,
        ProxyProtocolVersion, TlsInspectorFilter,
    },
    socket::{Keepalive, SocketOption, SocketSettings},
};

/// What a proxy is told by its files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bootstrap {
    /// Who the proxy is, for control planes.
    pub node: NodeInfo,
    /// Where the admin answers; `None`: nowhere.
    pub admin: Option<Address>,
    /// How it listens there.
    pub admin_socket: SocketSettings,
    /// Where requests come in.
    pub listeners: Vec<Listener>,
    /// Where they can go.
    pub clusters: Vec<Cluster>,
    /// Connections that all listeners together may have open; what comes beyond is
    /// closed.
    pub max_connections: Option<usize>,
    /// All of it as JSON, its fields in snake_case and its secrets redacted: what
    /// `/config_dump` shows. `{}` where nothing was loaded.
    pub document: Arc<str>,
    /// What has no effect, and what is not there yet; nothing of
    /// [`Severity::Error`].
    pub notes: Vec<Problem>,
}

/// One that says nothing.
impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            node: NodeInfo::default(),
            admin: None,
            admin_socket: SocketSettings::default(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            max_connections: None,
            document: "{}".into(),
            notes: Vec::new(),
        }
    }
}

impl Bootstrap {
    /// What keeps it from being run, though it is right.
    pub fn unsupported(&self) -> impl Iterator<Item = &Problem> {
        let notes = self.notes.iter();
        notes.filter(|note| note.severity == Severity::Unsupported)
    }
}

/// Who the proxy is.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its name, unique in the mesh.
    pub id: String,
    /// The service it stands for.
    pub cluster: String,
    /// What else control planes want to know.
    pub metadata: Map<String, Value>,
    /// Region, zone and sub-zone.
    pub locality: [String; 3],
}

/// How connections are proxied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxySettings {
    /// What statistics stand under.
    pub stat_prefix: Arc<str>,
    /// What the protocol is called, for logs.
    pub protocol: String,
    /// What reads and writes the protocol.
    pub codec: ExtensionSettings,
    /// Whether all clients share upstream connections; `false`: as the codec has it.
    pub multiplexing: bool,
    /// Where the routes come from.
    pub routes: RouteSource,
    /// The filters before the router, the first outermost.
    pub filters: Vec<ExtensionSettings>,
    /// How long a client's connection may be without a request.
    pub idle_timeout: Option<Duration>,
    /// The logs that have a line for each request.
    pub access_log: Vec<AccessLogConfig>,
}

/// Where a listener's routes come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RouteSource {
    /// The file.
    Static(Arc<RouteTable>),
    /// A control plane, or a file of their own.
    Rds(Box<RdsSettings>),
}

/// Routes from elsewhere: a control plane, or a file of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdsSettings {
    /// The name of the route table there.
    pub route_config_name: Arc<str>,
    /// Where that is.
    pub source: ConfigSource,
    /// How long a listener waits for its first routes; `None`: for ever.
    pub initial_fetch_timeout: Option<Duration>,
}

impl RdsSettings {
    /// The table of that name, for which a listener waits 15 s.
    pub fn new(route_config_name: impl Into<Arc<str>>, source: ConfigSource) -> Self {
        Self {
            route_config_name: route_config_name.into(),
            source,
            initial_fetch_timeout: Some(Duration::from_secs(15)),
        }
    }
}

/// A codec or filter, and what it is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExtensionSettings {
    /// Its name.
    pub name: String,
    /// The type of what it is told; empty where it is told nothing.
    pub type_url: String,
    /// What it is told, as JSON, its fields in snake_case; `null` for nothing.
    pub config: Value,
    /// Where it stands, for messages.
    pub place: Place,
}

/// A cluster, and what of it the router does not do itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cluster {
    /// What the router needs.
    pub config: ClusterConfig,
    /// Whether its endpoints speak HTTP/2: the servers of a control plane.
    pub http2: bool,
    /// TLS; `None`: plain bytes.
    pub tls: Option<ClientTlsConfig>,
    /// `typed_extension_protocol_options`, by their names.
    pub protocol_options: Vec<ExtensionSettings>,
    /// Where it stands, for messages.
    pub place: Place,
}
