//! From a bootstrap to what a proxy serves.

use std::sync::Arc;

use meta_core::{Address, Sharing};
use meta_rds::{
    Bootstrap, BootstrapFile, Cluster, ExtensionSettings, FilterChain, Listener, LoadError, Place,
    Problem, RdsSettings, RouteSource, Severity,
};
use meta_router::{ClusterConfig, RouteTable};
use meta_tls::{ClientTls, TlsConfigError, TlsContexts};

use crate::{
    builder::ProxyBuilder,
    config::{ExtensionConfig, FilterChainConfig, ListenerConfig, Snapshot},
    socket::ListenSocket,
};

mod check;
mod fixed;
mod update;

pub(crate) use self::{check::check, fixed::Fixed, update::UpdateStats};

impl ProxyBuilder {
    /// What it serves, where it listens and where its admin answers, as a bootstrap
    /// says.
    ///
    /// ```
    /// use meta_proxy::{Proxy, Registry, meta_rds};
    ///
    /// let text = "static_resources: { listeners: [], clusters: [] }";
    /// let bootstrap = meta_rds::Loader::new().load(&[meta_rds::Source::new("inline", text)])?;
    /// let builder = Proxy::builder(Registry::new()).bootstrap(&bootstrap)?;
    /// # drop(builder);
    /// # Ok::<(), meta_rds::LoadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being run: what is not implemented yet, codecs and
    /// filters that are not registered or refuse their configuration.
    pub fn bootstrap(self, bootstrap: &Bootstrap) -> Result<Self, LoadError> {
        let mut problems: Vec<_> = bootstrap.unsupported().cloned().collect();
        problems.extend(check(bootstrap, self.registry()));
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.severity);
            return Err(LoadError { problems });
        }
        let mut snapshot = snapshot(bootstrap);
        for (cluster, config) in bootstrap.clusters.iter().zip(&mut snapshot.clusters) {
            match client_tls(cluster, self.tls()) {
                Ok(tls) => config.transport_socket = tls.map(|tls| tls as _),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(LoadError { problems });
        }
        let mut builder = self.snapshot(snapshot);
        builder = builder.max_connections(bootstrap.max_connections);
        for listener in &bootstrap.listeners {
            builder = builder.listener(listener.name.clone(), socket(listener));
        }
        if let Some(address) = &bootstrap.admin {
            let socket = ListenSocket::from(address.clone());
            builder = builder.admin(socket.with_settings(&bootstrap.admin_socket));
        }
        let about = builder.about();
        about.node = bootstrap.node.clone();
        about.document = Some(bootstrap.document.clone());
        about.fixed = Some(Fixed::of(bootstrap));
        Ok(builder)
    }

    /// Follows the file that the [`bootstrap`](Self::bootstrap) was read from: each
    /// time it has changed, what it says is put in force as by
    /// [`Handle::update`](crate::Handle::update). What keeps it from that is logged and
    /// counted, and changes nothing.
    ///
    /// ```no_run
    /// use meta_proxy::{Proxy, Registry, meta_rds::{BootstrapFile, Loader}};
    ///
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut file = BootstrapFile::new(Loader::new(), "/etc/proxy/bootstrap.yaml");
    /// let bootstrap = file.load()?;
    /// let builder = Proxy::builder(Registry::new()).bootstrap(&bootstrap)?;
    /// let running = builder.watch(file).start().await?;
    /// # drop(running);
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(mut self, file: BootstrapFile) -> Self {
        self.about().file = Some(file);
        self
    }
}

/// The filter chains of all listeners.
fn all_chains(bootstrap: &Bootstrap) -> impl Iterator<Item = &FilterChain> {
    let listeners = bootstrap.listeners.iter();
    listeners.flat_map(|listener| {
        let chains = listener.filter_chains.iter();
        chains.chain(&listener.default_filter_chain)
    })
}

/// The chains whose routes come from elsewhere.
fn live_chains(bootstrap: &Bootstrap) -> impl Iterator<Item = &FilterChain> {
    all_chains(bootstrap).filter(|chain| matches!(chain.proxy.routes, RouteSource::Rds(_)))
}

/// Where routes come from elsewhere: the place in the file, and from where.
pub(crate) fn live_sources(bootstrap: &Bootstrap) -> impl Iterator<Item = (Place, &RdsSettings)> {
    all_chains(bootstrap).filter_map(|chain| match &chain.proxy.routes {
        RouteSource::Rds(rds) => Some((rds_place(chain), &**rds)),
        _ => None,
    })
}

/// Where the settings of routes from elsewhere stand.
fn rds_place(chain: &FilterChain) -> Place {
    let mut place = chain.place.clone();
    place.path.push_str(".filters[0].typed_config.rds");
    place
}

/// What secures the connections of a cluster; its files are read.
fn client_tls(
    cluster: &Cluster,
    contexts: &TlsContexts,
) -> Result<Option<Arc<ClientTls>>, Problem> {
    let Some(mut tls) = cluster.tls.clone() else {
        return Ok(None);
    };
    // Servers of gRPC refuse connections that are not asked for by it.
    if cluster.http2 && tls.tls.alpn.is_empty() {
        tls.tls.alpn.push("h2".to_owned());
    }
    let made = contexts.client(tls);
    made.map(Some)
        .map_err(|error| tls_problem(&cluster.place, &error))
}

fn tls_problem(place: &Place, error: &TlsConfigError) -> Problem {
    let mut place = place.clone();
    place.path.push_str(".transport_socket");
    place.problem(Severity::Error, error.to_string())
}

/// The clusters that requests of a chain, and copies of them, may go to.
fn clusters(chain: &FilterChain) -> impl Iterator<Item = &Arc<str>> {
    let table: Option<&RouteTable> = match &chain.proxy.routes {
        RouteSource::Static(table) => Some(table),
        _ => None,
    };
    let routes = table.into_iter().flat_map(RouteTable::routes);
    routes.flat_map(|(_, route)| {
        let destinations = route.destinations.iter().map(|to| &to.cluster);
        destinations.chain(route.mirrors.iter().map(|mirror| &mirror.cluster))
    })
}

fn snapshot(bootstrap: &Bootstrap) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let clusters_of = bootstrap.clusters.iter();
    snapshot.clusters = clusters_of.map(|cluster| cluster.config.clone()).collect();
    for listener in &bootstrap.listeners {
        let chain = |chain: &FilterChain| {
            if chain.proxy.multiplexing {
                share(&mut snapshot.clusters, clusters(chain));
            }
            chain_config(listener, chain)
        };
        let chains = listener.filter_chains.iter();
        let default = listener.default_filter_chain.iter();
        let mut chains: Vec<_> = chains.chain(default).filter_map(chain).collect();
        let default_chain = match listener.default_filter_chain {
            Some(_) => chains.pop(),
            None => None,
        };
        let mut config = ListenerConfig::with_chains(listener.name.clone(), chains);
        config.default_chain = default_chain;
        config.stat_prefix.clone_from(&listener.stat_prefix);
        config.filters = listener.filters.clone();
        config.max_connections = listener.max_connections;
        config.ignore_global_limit = listener.ignore_global_limit;
        config.traffic_direction = listener.traffic_direction;
        snapshot.listeners.push(config);
    }
    if all_chains(bootstrap).any(|chain| chain.proxy.multiplexing) {
        share_unused(bootstrap, &mut snapshot.clusters);
    }
    snapshot
}

/// Has all clients share the connections to the clusters that no chain without
/// multiplexing leads to: routes that are to come may lead to any of them.
fn share_unused(bootstrap: &Bootstrap, clusters_of: &mut [ClusterConfig]) {
    let unshared = all_chains(bootstrap).filter(|chain| !chain.proxy.multiplexing);
    let used: Vec<_> = unshared.flat_map(clusters).collect();
    let unused = clusters_of.iter_mut().filter(|c| !used.contains(&&c.name));
    unused.for_each(|cluster| cluster.sharing = Some(Sharing::Shared));
}

/// Where a listener listens, and how.
fn socket(listener: &Listener) -> ListenSocket {
    let socket = |address: &Address, settings| match listener.bind_to_port {
        true => ListenSocket::from(address.clone()).with_settings(settings),
        false => ListenSocket::handed_over(address.clone()).with_settings(settings),
    };
    let first = socket(&listener.address, &listener.socket);
    let more = listener.additional_addresses.iter();
    more.fold(first, |all, (address, settings)| {
        all.and(socket(address, settings))
    })
}

/// Has all clients share the connections to the clusters named.
fn share<'a>(clusters: &mut [ClusterConfig], names: impl Iterator<Item = &'a Arc<str>>) {
    let names: Vec<_> = names.collect();
    let used = clusters.iter_mut().filter(|c| names.contains(&&c.name));
    used.for_each(|cluster| cluster.sharing = Some(Sharing::Shared));
}

fn chain_config(listener: &Listener, chain: &FilterChain) -> Option<FilterChainConfig> {
    let proxy = &chain.proxy;
    let (routes, rds) = match &proxy.routes {
        RouteSource::Static(routes) => (routes.clone(), None),
        RouteSource::Rds(rds) => {
            let name = rds.route_config_name.clone();
            (Arc::new(RouteTable::empty(name)), Some((**rds).clone()))
        }
        // There is no other.
        _ => return None,
    };
    let codec = extension(&proxy.codec);
    let mut config = FilterChainConfig::new(proxy.stat_prefix.clone(), codec, routes);
    config.rds = rds;
    config.name = chain.name.as_str().into();
    config.matches = chain.matches.clone();
    config.tls.clone_from(&chain.tls);
    config.filters = proxy.filters.iter().map(extension).collect();
    config.access_log = proxy.access_log.clone();
    config.connection.idle_timeout = proxy.idle_timeout;
    if let Some(bytes) = listener.write_buffer_bytes {
        config.connection.write_buffer_bytes = bytes;
    }
    Some(config)
}

fn extension(settings: &ExtensionSettings) -> ExtensionConfig {
    ExtensionConfig::new(settings.name.clone(), settings.config.clone())
}
