//! A bootstrap in plain types: what a proxy is told, and nothing of how.

use std::{net::IpAddr, sync::Arc, time::Duration};

use meta_core::Address;
use meta_filters::access_log::AccessLogConfig;
use meta_router::{ClusterConfig, RouteTable};
use meta_tls::{ClientTlsConfig, ServerTlsConfig};
use serde_json::{Map, Value};

use crate::problem::{Place, Problem, Severity};

/// What a proxy is told by its files.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Bootstrap {
    /// Who the proxy is, for control planes.
    pub node: NodeInfo,
    /// Where the admin answers; `None`: nowhere.
    pub admin: Option<Address>,
    /// Where requests come in.
    pub listeners: Vec<Listener>,
    /// Where they can go.
    pub clusters: Vec<Cluster>,
    /// What has no effect, and what is not there yet; nothing of
    /// [`Severity::Error`].
    pub notes: Vec<Problem>,
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

/// An address where requests come in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listener {
    /// Its name, unique in the bootstrap; its address where the file gives none.
    pub name: Arc<str>,
    /// Where it listens; port 0 lets the system choose.
    pub address: Address,
    /// What becomes of connections, by their addresses and what they begin with.
    pub filter_chains: Vec<FilterChain>,
    /// What becomes of those that match no chain.
    pub default_filter_chain: Option<FilterChain>,
    /// Bytes that wait to be written to a client before nothing more is read.
    pub write_buffer_bytes: Option<usize>,
    /// Where it stands, for messages.
    pub place: Place,
}

/// What becomes of some of a listener's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilterChain {
    /// Its name; may be empty.
    pub name: String,
    /// Which connections.
    pub matches: ChainMatch,
    /// How they are proxied.
    pub proxy: ProxySettings,
    /// TLS; `None`: plain bytes.
    pub tls: Option<ServerTlsConfig>,
    /// Where it stands, for messages.
    pub place: Place,
}

/// Which connections a chain is for; what is empty or `None` holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainMatch {
    /// The port they came to.
    pub destination_port: Option<u16>,
    /// The networks they came to: addresses and the bits that count.
    pub destinations: Vec<(IpAddr, u8)>,
    /// The names that TLS clients ask for; may begin with `*.`.
    pub server_names: Vec<String>,
    /// `tls` or `raw_buffer`.
    pub transport_protocol: Option<String>,
    /// The protocols that TLS clients offer (ALPN).
    pub application_protocols: Vec<String>,
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
    /// A control plane.
    Rds(RdsSettings),
}

/// Routes from a control plane.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RdsSettings {
    /// The name of the route table there.
    pub route_config_name: String,
    /// How to reach it: `envoy.config.core.v3.ConfigSource` as JSON, its fields in
    /// snake_case.
    pub config_source: Value,
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
