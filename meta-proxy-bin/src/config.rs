//! What a proxy is told to do, in plain types.

use std::sync::Arc;

use meta_codec::DownstreamConfig;
use meta_core::Limits;
use meta_filters::access_log::AccessLogConfig;
use meta_rds::{ChainMatch, ListenerFilters, RdsSettings, TrafficDirection};
use meta_router::{ClusterConfig, RouteTable};
use meta_tls::{HandshakeLimits, ServerTlsConfig};
use serde_json::Value;

/// All that a proxy serves: where requests come in, and where they can go.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Where requests come in.
    pub listeners: Vec<ListenerConfig>,
    /// Where they can go.
    pub clusters: Vec<ClusterConfig>,
}

/// How one listener treats its connections.
///
/// The socket is given apart from it, to
/// [`ProxyBuilder::listener`](crate::ProxyBuilder::listener).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenerConfig {
    /// Its name, unique in the process.
    pub name: Arc<str>,
    /// What its statistics stand under, `listener.<stat_prefix>.`. Default: its
    /// address.
    pub stat_prefix: Option<Arc<str>>,
    /// What looks at its connections before a chain is chosen. Where chains are
    /// chosen by what TLS clients ask for, one that finds it out is there in any case,
    /// as the last. Default: none.
    pub filters: ListenerFilters,
    /// What becomes of its connections. No two may be for the same ones.
    pub chains: Vec<FilterChainConfig>,
    /// What becomes of those that match no chain. Default: they are closed.
    pub default_chain: Option<FilterChainConfig>,
    /// Bounds on the TLS handshakes under way.
    pub handshakes: HandshakeLimits,
    /// Connections open at a time, also those for which no chain has been chosen yet;
    /// what comes beyond is closed and counted. Default: no bound but the process's
    /// own, its file descriptors.
    pub max_connections: Option<usize>,
    /// Whether it takes connections beyond
    /// [`ProxyBuilder::max_connections`](crate::ProxyBuilder::max_connections); they
    /// count all the same. Default: no.
    pub ignore_global_limit: bool,
    /// Whether its requests come into the service beside it, or leave that. Default:
    /// it is not said.
    pub traffic_direction: TrafficDirection,
}

impl ListenerConfig {
    /// A listener that treats all connections alike, with defaults.
    pub fn new(
        name: impl Into<Arc<str>>,
        codec: impl Into<ExtensionConfig>,
        routes: impl Into<Arc<RouteTable>>,
    ) -> Self {
        let name = name.into();
        let chain = FilterChainConfig::new(name.clone(), codec, routes);
        Self::with_chains(name, vec![chain])
    }

    /// A listener whose connections go through one of `chains`, with defaults.
    pub fn with_chains(name: impl Into<Arc<str>>, chains: Vec<FilterChainConfig>) -> Self {
        Self {
            name: name.into(),
            stat_prefix: None,
            filters: ListenerFilters::default(),
            chains,
            default_chain: None,
            handshakes: HandshakeLimits::default(),
            max_connections: None,
            ignore_global_limit: false,
            traffic_direction: TrafficDirection::default(),
        }
    }

    /// All its chains, the default one last.
    pub fn all_chains(&self) -> impl Iterator<Item = &FilterChainConfig> {
        self.chains.iter().chain(&self.default_chain)
    }

    pub(crate) fn all_chains_mut(&mut self) -> impl Iterator<Item = &mut FilterChainConfig> {
        self.chains.iter_mut().chain(&mut self.default_chain)
    }
}

/// What becomes of some of a listener's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilterChainConfig {
    /// Its name, for logs and updates; unique in its listener, or empty. Default:
    /// empty.
    pub name: Arc<str>,
    /// Which connections. Default: all.
    pub matches: ChainMatch,
    /// How TLS is spoken with its clients. Default: plain text.
    pub tls: Option<ServerTlsConfig>,
    /// What its statistics stand under: `meta_protocol.<stat_prefix>.`.
    pub stat_prefix: Arc<str>,
    /// The protocol its clients and their servers speak.
    pub codec: ExtensionConfig,
    /// What requests go through before they are routed; the first is outermost.
    /// Default: none.
    pub filters: Vec<ExtensionConfig>,
    /// The logs that have a line for each request, however it ends. Default: none.
    pub access_log: Vec<AccessLogConfig>,
    /// Where requests go; with [`rds`](Self::rds), until the first routes come from
    /// there.
    pub routes: Arc<RouteTable>,
    /// Where else the routes come from while the proxy runs. The start waits for the
    /// first, as long as that may take. Default: nowhere else.
    pub rds: Option<RdsSettings>,
    /// Bounds on messages, of clients and of servers.
    pub limits: Limits,
    /// Bounds on each connection.
    pub connection: DownstreamConfig,
}

impl FilterChainConfig {
    /// A chain for all connections, without filters, with defaults.
    pub fn new(
        stat_prefix: impl Into<Arc<str>>,
        codec: impl Into<ExtensionConfig>,
        routes: impl Into<Arc<RouteTable>>,
    ) -> Self {
        Self {
            name: "".into(),
            matches: ChainMatch::default(),
            tls: None,
            stat_prefix: stat_prefix.into(),
            codec: codec.into(),
            filters: Vec::new(),
            access_log: Vec::new(),
            routes: routes.into(),
            rds: None,
            limits: Limits::default(),
            connection: DownstreamConfig::default(),
        }
    }
}

/// A codec or filter, by name, and what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionConfig {
    /// The name it was registered under, or its type URL.
    pub name: String,
    /// Its configuration; `null` for none.
    pub config: Value,
}

impl ExtensionConfig {
    /// The extension `name`, told `config`.
    pub fn new(name: impl Into<String>, config: Value) -> Self {
        Self {
            name: name.into(),
            config,
        }
    }
}

/// The extension of that name, without a configuration.
impl From<&str> for ExtensionConfig {
    fn from(name: &str) -> Self {
        Self::new(name, Value::Null)
    }
}
