//! One listener, as all of the process sees it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use meta_core::{Address, CodecFactory, FilterFactory, stats::Counter};
use meta_router::Routes;

use crate::{config::ListenerConfig, error::StartError, registry::Registry};

/// A listener whose codec and filters are known to be good.
pub(crate) struct Listener {
    pub(crate) config: ListenerConfig,
    pub(crate) codec: Arc<dyn CodecFactory>,
    pub(crate) filters: Vec<Arc<dyn FilterFactory>>,
    /// The routes in force.
    pub(crate) routes: Arc<Routes>,
    open: AtomicUsize,
    /// Connections closed because of the limit.
    pub(crate) overflow: Counter,
    /// Connections that could not be accepted.
    pub(crate) accept_errors: Counter,
}

impl Listener {
    pub(crate) fn new(config: ListenerConfig, registry: &Registry) -> Result<Self, StartError> {
        let within = |source| StartError::Extension {
            listener: config.name.clone(),
            source,
        };
        let codec = registry.configure_codec(&config.codec).map_err(within)?;
        let filters = config.filters.iter();
        let filters = filters.map(|filter| registry.configure_filter(filter));
        Ok(Self {
            codec,
            filters: filters.collect::<Result<_, _>>().map_err(within)?,
            routes: Arc::new(Routes::new(config.routes.clone())),
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
