//! One listener, as all of the process sees it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use meta_core::{Address, CodecFactory, FilterFactory, stats::Counter};
use meta_filters::access_log::{AccessLog, AccessLogs};
use meta_router::Routes;

use crate::{
    config::{FilterChainConfig, ListenerConfig},
    error::StartError,
    registry::Registry,
};

/// A listener whose codecs and filters are known to be good.
pub(crate) struct Listener {
    pub(crate) config: ListenerConfig,
    /// The default one stands last.
    pub(crate) chains: Vec<Chain>,
    open: AtomicUsize,
    /// Connections closed because of the limit.
    pub(crate) overflow: Counter,
    /// Connections that could not be accepted.
    pub(crate) accept_errors: Counter,
}

/// What some of the connections go through.
pub(crate) struct Chain {
    pub(crate) config: FilterChainConfig,
    pub(crate) codec: Arc<dyn CodecFactory>,
    pub(crate) filters: Vec<Arc<dyn FilterFactory>>,
    pub(crate) access_log: Vec<AccessLog>,
    /// The routes in force.
    pub(crate) routes: Arc<Routes>,
}

impl Listener {
    /// Makes the codecs and filters of its chains, and opens their access logs.
    pub(crate) fn new(
        config: ListenerConfig,
        registry: &Registry,
        logs: &AccessLogs,
    ) -> Result<Self, StartError> {
        let chains = config.all_chains().cloned();
        let chains = chains.map(|chain| Chain::new(chain, &config.name, registry, logs));
        Ok(Self {
            chains: chains.collect::<Result<_, _>>()?,
            config,
            open: AtomicUsize::new(0),
            overflow: Counter::default(),
            accept_errors: Counter::default(),
        })
    }

    /// Whether as many connections are open as may be.
    pub(crate) fn is_full(&self) -> bool {
        let max = self.config.max_connections;
        max.is_some_and(|max| self.open.load(Relaxed) >= max)
    }
}

impl Chain {
    fn new(
        config: FilterChainConfig,
        listener: &Arc<str>,
        registry: &Registry,
        logs: &AccessLogs,
    ) -> Result<Self, StartError> {
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
        Ok(Self {
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

/// A connection's place: it counts for its listener and its worker while it lasts.
pub(crate) struct Place {
    listener: Arc<Listener>,
    load: Arc<AtomicUsize>,
}

impl Place {
    pub(crate) fn take(listener: Arc<Listener>, load: Arc<AtomicUsize>) -> Self {
        listener.open.fetch_add(1, Relaxed);
        load.fetch_add(1, Relaxed);
        Self { listener, load }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listener.open.fetch_sub(1, Relaxed);
        self.load.fetch_sub(1, Relaxed);
    }
}

/// A listener's address in the names of its statistics, as Envoy has it.
pub(crate) fn stat_address(address: &Address) -> String {
    address.to_string().replace(':', "_")
}
