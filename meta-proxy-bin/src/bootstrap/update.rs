//! A bootstrap that is put in force while the proxy runs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use meta_rds::{Bootstrap, BootstrapFile, LoadError, render_routes};
use meta_router::RouteTable;
use tokio::task::spawn_blocking;

use super::{Fixed, check, snapshot};
use crate::{
    config::{FilterChainConfig, Snapshot},
    error::UpdateError,
    supervisor::{Shared, is_same},
};

/// What became of bootstraps while the proxy ran.
#[derive(Debug, Default)]
pub(crate) struct UpdateStats {
    /// Those that were put in force, or changed nothing.
    pub(crate) success: AtomicU64,
    /// Those that were not, or could not be read.
    pub(crate) rejected: AtomicU64,
    /// Those that changed something.
    pub(crate) reload: AtomicU64,
}

impl Shared {
    /// Puts in force what of a bootstrap can be; says whether that changed anything.
    pub(crate) fn update(&self, bootstrap: &Bootstrap) -> Result<bool, UpdateError> {
        let updated = self.try_update(bootstrap);
        match &updated {
            Ok(changed) => {
                self.bootstraps.success.fetch_add(1, Relaxed);
                self.bootstraps.reload.fetch_add((*changed).into(), Relaxed);
            }
            Err(_) => self.refused_bootstrap(),
        }
        updated
    }

    fn refused_bootstrap(&self) {
        self.bootstraps.rejected.fetch_add(1, Relaxed);
    }

    fn try_update(&self, bootstrap: &Bootstrap) -> Result<bool, UpdateError> {
        let running = self.about.fixed.as_ref().ok_or(UpdateError::NoBootstrap)?;
        let mut problems: Vec<_> = bootstrap.unsupported().cloned().collect();
        problems.extend(check(bootstrap, &self.registry));
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.severity);
            return Err(LoadError { problems }.into());
        }
        if let Some(what) = running.difference(&Fixed::of(bootstrap)) {
            return Err(UpdateError::Restart { what });
        }
        let mut snapshot = snapshot(bootstrap);
        self.keep(&mut snapshot);
        let changed = self.apply(snapshot)?;
        self.updates().set_document(&bootstrap.document);
        Ok(changed)
    }

    /// What is there already and means the same stays: how clusters are secured, which
    /// has been compared, and route tables.
    fn keep(&self, snapshot: &mut Snapshot) {
        for cluster in &mut snapshot.clusters {
            let mut running = self.clusters.iter();
            if let Some(running) = running.find(|running| running.name == cluster.name) {
                cluster
                    .transport_socket
                    .clone_from(&running.transport_socket);
            }
        }
        for config in &mut snapshot.listeners {
            let mut listeners = self.plan.listeners.iter();
            let Some(running) = listeners.find(|l| l.config.name == config.name) else {
                continue;
            };
            for (chain, wanted) in running.chains.iter().zip(config.all_chains_mut()) {
                keep_routes(chain.routes.current(), wanted);
            }
        }
    }

    /// Puts each state of the file in force that can be, until the end; says in the log
    /// what keeps others from it.
    pub(crate) async fn follow(self: Arc<Self>, mut file: BootstrapFile) {
        let path = file.path().display().to_string();
        let shared = Arc::downgrade(&self);
        drop(self);
        loop {
            let loaded = file.changed().await;
            let Some(shared) = shared.upgrade() else {
                return;
            };
            // Connections are accepted meanwhile.
            let path = path.clone();
            let taken = spawn_blocking(move || shared.take(&path, loaded)).await;
            if let Err(error) = taken {
                tracing::error!(%error, "a change of the bootstrap is lost");
            }
        }
    }

    /// Puts in force what was read, and says what became of it.
    fn take(&self, path: &str, loaded: Result<Bootstrap, LoadError>) {
        let updated = match &loaded {
            Ok(bootstrap) => self.update(bootstrap),
            Err(error) => {
                self.refused_bootstrap();
                Err(error.clone().into())
            }
        };
        match updated {
            Ok(true) => {
                for note in loaded.iter().flat_map(|bootstrap| &bootstrap.notes) {
                    tracing::warn!("{note}");
                }
                tracing::info!("{path} has changed, and is in force");
            }
            Ok(false) => tracing::debug!("{path} has changed, but not what it says"),
            Err(error) => tracing::error!("{path} is not put in force: {error}"),
        }
        drop(loaded);
        if let Some(hook) = self.plan.on_rest {
            // What loading took.
            hook();
        }
    }
}

fn keep_routes(running: Arc<RouteTable>, wanted: &mut FilterChainConfig) {
    // The one shows all but extensions, the other those too that files can have.
    let is_alike = is_same(&running, &wanted.routes)
        && render_routes(&running) == render_routes(&wanted.routes);
    if is_alike {
        wanted.routes = running;
    }
}
