//! What of a snapshot can be put in force while the proxy runs.

use std::{
    fmt::Debug,
    sync::{Arc, PoisonError},
};

use meta_router::{ClusterConfig, Endpoints, RouteTable, Routes};

use super::Shared;
use crate::{
    config::{FilterChainConfig, ListenerConfig, Snapshot},
    error::ApplyError,
    listener::Listener,
};

impl Shared {
    /// Puts a snapshot in force; says whether that changed anything.
    pub(crate) fn apply(&self, snapshot: Snapshot) -> Result<bool, ApplyError> {
        // One after the other: of two snapshots none is in force in parts.
        let _one = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = cluster_difference(&self.clusters, &snapshot.clusters) {
            return Err(error);
        }
        let listeners = &self.plan.listeners;
        let of_name = |config: &ListenerConfig| {
            let found = listeners.iter().find(|l| l.config.name == config.name);
            found.ok_or_else(|| ApplyError::Listeners {
                listener: config.name.clone(),
                added: true,
            })
        };
        let mut pairs: Vec<(&Listener, _)> = Vec::new();
        for config in snapshot.listeners {
            let listener = of_name(&config)?;
            if let Some(what) = difference(&listener.config, &config) {
                return Err(ApplyError::Restart {
                    listener: config.name,
                    what,
                });
            }
            pairs.push((listener, config));
        }
        let is_missing = |name| !pairs.iter().any(|(l, _)| l.config.name == name);
        if let Some(missing) = listeners.iter().find(|l| is_missing(l.config.name.clone())) {
            return Err(ApplyError::Listeners {
                listener: missing.config.name.clone(),
                added: false,
            });
        }
        let mut has_changed = false;
        for (listener, config) in pairs {
            for (chain, wanted) in listener.chains.iter().zip(config.all_chains()) {
                // Those come from elsewhere.
                if wanted.rds.is_some() {
                    continue;
                }
                let old = chain.routes.replace(wanted.routes.clone());
                if !Arc::ptr_eq(&old, &wanted.routes) {
                    self.note_routes(&chain.routes);
                    has_changed = true;
                }
            }
        }
        for cluster in &snapshot.clusters {
            let membership = self.plan.clusters.membership(&cluster.name);
            if let (Endpoints::Static(addresses), Some(membership)) =
                (&cluster.endpoints, membership)
                && membership.replace(addresses)
            {
                self.updates().cluster_changed(&cluster.name);
                has_changed = true;
            }
        }
        Ok(has_changed)
    }
}

impl Shared {
    /// Puts a table in force that came from elsewhere, for the chain of that number;
    /// returns the one that was.
    pub(crate) fn put_in_force(
        &self,
        chain: usize,
        table: Arc<RouteTable>,
    ) -> Option<Arc<RouteTable>> {
        let chain = self.plan.chains().nth(chain)?;
        let old = chain.routes.replace(table.clone());
        if !Arc::ptr_eq(&old, &table) {
            self.note_routes(&chain.routes);
        }
        Some(old)
    }

    /// Notes that other routes are in force.
    fn note_routes(&self, routes: &Arc<Routes>) {
        let mut chains = self.plan.chains();
        let index = chains.position(|chain| Arc::ptr_eq(&chain.routes, routes));
        if let Some(index) = index {
            self.updates().routes_changed(index);
        }
    }
}

/// What differs between the clusters, besides what can change while they are used.
fn cluster_difference(running: &[ClusterConfig], wanted: &[ClusterConfig]) -> Option<ApplyError> {
    let error = |cluster: &ClusterConfig, change| ApplyError::Cluster {
        cluster: cluster.name.clone(),
        change,
    };
    let of_name = |own: &&ClusterConfig, other: &ClusterConfig| own.name == other.name;
    for cluster in wanted {
        let Some(own) = running.iter().find(|own| of_name(own, cluster)) else {
            return Some(error(cluster, "be added"));
        };
        if own.sharing != cluster.sharing {
            let change = "be changed: whether clients share its connections";
            return Some(error(cluster, change));
        }
        if !is_same(&without_listed(own), &without_listed(cluster)) {
            return Some(error(
                cluster,
                "be changed in more than the endpoints it lists",
            ));
        }
    }
    let is_wanted = |own: &ClusterConfig| wanted.iter().any(|other| of_name(&other, own));
    let missing = running.iter().find(|own| !is_wanted(own));
    missing.map(|own| error(own, "be removed"))
}

/// The cluster, but for what can change while it is used.
fn without_listed(cluster: &ClusterConfig) -> ClusterConfig {
    let mut cluster = cluster.clone();
    if let Endpoints::Static(addresses) = &mut cluster.endpoints {
        addresses.clear();
    }
    cluster
}

/// What differs between the two, besides routes.
fn difference(running: &ListenerConfig, wanted: &ListenerConfig) -> Option<&'static str> {
    let is_alike = running.chains.len() == wanted.chains.len()
        && running.default_chain.is_some() == wanted.default_chain.is_some();
    if !is_alike {
        return Some("filter chains");
    }
    let differences = [
        (running.filters != wanted.filters, "listener filters"),
        (running.stat_prefix != wanted.stat_prefix, "stat prefixes"),
        (
            running.max_connections != wanted.max_connections
                || running.ignore_global_limit != wanted.ignore_global_limit
                || running.handshakes != wanted.handshakes,
            "bounds on connections",
        ),
    ];
    let first = differences.into_iter().find(|(differs, _)| *differs);
    if let Some((_, what)) = first {
        return Some(what);
    }
    if running.traffic_direction != wanted.traffic_direction {
        return Some("traffic directions");
    }
    let mut pairs = running.all_chains().zip(wanted.all_chains());
    pairs.find_map(|(running, wanted)| chain_difference(running, wanted))
}

fn chain_difference(
    running: &FilterChainConfig,
    wanted: &FilterChainConfig,
) -> Option<&'static str> {
    let differences = [
        (
            running.name != wanted.name || running.matches != wanted.matches,
            "filter chains",
        ),
        (running.stat_prefix != wanted.stat_prefix, "stat prefixes"),
        (running.tls != wanted.tls, "TLS settings"),
        (running.codec != wanted.codec, "codecs"),
        (running.rds != wanted.rds, "sources of routes"),
        (running.filters != wanted.filters, "filters"),
        (running.access_log != wanted.access_log, "access logs"),
        (running.limits != wanted.limits, "limits"),
        (
            !is_same(&running.connection, &wanted.connection),
            "bounds on connections",
        ),
    ];
    let first = differences.into_iter().find(|(differs, _)| *differs);
    first.map(|(_, what)| what)
}

/// Whether two plain values are alike, of types that know no equality: their
/// debug form shows every field.
pub(crate) fn is_same<T: Debug + ?Sized>(one: &T, other: &T) -> bool {
    format!("{one:?}") == format!("{other:?}")
}
