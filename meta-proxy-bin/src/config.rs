//! What a proxy is told to do, in plain types.

use std::sync::Arc;

use meta_codec::DownstreamConfig;
use meta_core::Limits;
use meta_filters::access_log::AccessLogConfig;
use meta_router::{ClusterConfig, RouteTable};
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
    /// What its statistics stand under: `meta_protocol.<stat_prefix>.`. Default:
    /// the listener's name.
    pub stat_prefix: Arc<str>,
    /// The protocol its clients and their servers speak.
    pub codec: ExtensionConfig,
    /// What requests go through before they are routed; the first is outermost.
    /// Default: none.
    pub filters: Vec<ExtensionConfig>,
    /// The logs that have a line for each request, however it ends. Default: none.
    pub access_log: Vec<AccessLogConfig>,
    /// Where requests go.
    pub routes: Arc<RouteTable>,
    /// Bounds on messages, of clients and of servers.
    pub limits: Limits,
    /// Bounds on each connection.
    pub connection: DownstreamConfig,
    /// Connections open at a time; what comes beyond is closed and counted.
    /// Default: no bound but the process's own, its file descriptors.
    pub max_connections: Option<usize>,
}

impl ListenerConfig {
    /// A listener without filters, with defaults.
    pub fn new(
        name: impl Into<Arc<str>>,
        codec: impl Into<ExtensionConfig>,
        routes: impl Into<Arc<RouteTable>>,
    ) -> Self {
        let name = name.into();
        Self {
            stat_prefix: name.clone(),
            name,
            codec: codec.into(),
            filters: Vec::new(),
            access_log: Vec::new(),
            routes: routes.into(),
            limits: Limits::default(),
            connection: DownstreamConfig::default(),
            max_connections: None,
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
