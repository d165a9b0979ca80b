//! One listener, as all of the process sees it.

use std::sync::Arc;

use meta_core::{Address, CodecFactory, FilterFactory};
use meta_filters::access_log::{AccessLog, AccessLogs};
use meta_rds::{ListenerFilterKind, TlsInspectorFilter};
use meta_router::Routes;
use meta_tls::{Handshakes, ServerTls, TlsContexts};

use crate::{
    config::{FilterChainConfig, ListenerConfig},
    error::StartError,
    inspect::Filter,
    registry::Registry,
};

mod chains;
mod place;
mod stats;

pub(crate) use self::{
    chains::{ChainIndex, Overlap, Traits},
    place::{Gate, Place},
    stats::ListenerStats,
};

/// A listener whose codecs and filters are known to be good.
pub(crate) struct Listener {
    pub(crate) config: ListenerConfig,
    /// The default one stands last.
    pub(crate) chains: Vec<Chain>,
    index: ChainIndex,
    /// What looks at connections, in its order.
    pub(crate) filters: Vec<Filter>,
    pub(crate) handshakes: Arc<Handshakes>,
    gate: Gate,
    /// The bound on the connections of all listeners.
    all: Arc<Gate>,
    pub(crate) stats: ListenerStats,
}

/// What some of the connections go through.
pub(crate) struct Chain {
    pub(crate) config: FilterChainConfig,
    pub(crate) tls: Option<Arc<ServerTls>>,
    pub(crate) codec: Arc<dyn CodecFactory>,
    pub(crate) filters: Vec<Arc<dyn FilterFactory>>,
    pub(crate) access_log: Vec<AccessLog>,
    /// The routes in force.
    pub(crate) routes: Arc<Routes>,
}

/// What listeners are made of.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) logs: &'a AccessLogs,
    pub(crate) tls: &'a TlsContexts,
    pub(crate) gate: &'a Arc<Gate>,
}

impl Listener {
    /// Makes the codecs, filters and TLS contexts of its chains, and opens their
    /// access logs.
    pub(crate) fn new(config: ListenerConfig, parts: Parts<'_>) -> Result<Self, StartError> {
        let index = ChainIndex::new(config.chains.iter().map(|chain| &chain.matches));
        let index = index.map_err(|overlap| overlapping(&config, overlap))?;
        let mut chains = Vec::new();
        for (number, chain) in config.all_chains().enumerate() {
            chains.push(Chain::new(chain.clone(), number, &config.name, parts)?);
        }
        Ok(Self {
            filters: filters(&config, &index),
            chains,
            index,
            handshakes: Handshakes::new(config.handshakes),
            gate: Gate::new(config.max_connections),
            all: parts.gate.clone(),
            config,
            stats: ListenerStats::default(),
        })
    }

    /// The chain for a connection; `None` where it is to be closed.
    pub(crate) fn choose(&self, traits: &Traits<'_>) -> Option<usize> {
        let default = self.config.default_chain.as_ref();
        let default = default.and_then(|_| self.chains.len().checked_sub(1));
        self.index.find(traits).or(default)
    }
}

/// What looks at connections, with what the chains cannot do without.
fn filters(config: &ListenerConfig, index: &ChainIndex) -> Vec<Filter> {
    let mut filters: Vec<_> = config.filters.list.iter().map(Filter::new).collect();
    let is_inspector = |filter: &Filter| {
        let kind = &filter.config.kind;
        matches!(kind, ListenerFilterKind::TlsInspector(_))
    };
    if index.needs_tls_inspector() && !filters.iter().any(is_inspector) {
        let inspector = ListenerFilterKind::TlsInspector(TlsInspectorFilter::default());
        filters.push(Filter::new(&inspector.into()));
    }
    filters
}

fn overlapping(config: &ListenerConfig, overlap: Overlap) -> StartError {
    let chain = |number: usize| match config.chains.get(number) {
        Some(chain) => label(chain, number),
        None => number.to_string(),
    };
    StartError::Chains {
        listener: config.name.clone(),
        first: chain(overlap.first),
        second: chain(overlap.second),
    }
}

/// How a chain is named in messages.
fn label(chain: &FilterChainConfig, number: usize) -> String {
    match &*chain.name {
        "" => number.to_string(),
        name => format!("{name:?}"),
    }
}

impl Chain {
    fn new(
        config: FilterChainConfig,
        number: usize,
        listener: &Arc<str>,
        parts: Parts<'_>,
    ) -> Result<Self, StartError> {
        let Parts {
            registry,
            logs,
            tls,
            ..
        } = parts;
        let within = |source| StartError::Extension {
            listener: listener.clone(),
            source,
        };
        let codec = registry.configure_codec(&config.codec).map_err(within)?;
        let filters = config.filters.iter();
        let filters = filters.map(|filter| registry.configure_filter(filter));
        let filters = filters.collect::<Result<_, _>>().map_err(within)?;
        let protocol = codec.name().rsplit('.').next().unwrap_or_default();
        let access_log = config.access_log.iter().map(|log| logs.open(log, protocol));
        let access_log = access_log.collect::<Result<_, _>>();
        let tls = config.tls.as_ref().map(|tls_of| tls.server(tls_of.clone()));
        Ok(Self {
            tls: tls.transpose().map_err(|source| StartError::Tls {
                listener: listener.clone(),
                chain: label(&config, number),
                source,
            })?,
            access_log: access_log.map_err(|source| StartError::AccessLog {
                listener: listener.clone(),
                source,
            })?,
            codec,
            filters,
            routes: Arc::new(Routes::new(config.routes.clone())),
            config,
        })
    }
}

/// A listener's name in those of its statistics, as Envoy has it.
pub(crate) fn stat_name(config: &ListenerConfig, address: &Address) -> String {
    match &config.stat_prefix {
        Some(prefix) => prefix.to_string(),
        None => address.to_string().replace(':', "_"),
    }
}
