//! Routes that come from elsewhere while the proxy runs.

use std::{collections::HashSet, sync::Arc, time::Duration};

use meta_rds::{
    ControlPlaneStatus, FirstFetch, NodeInfo, RdsManager, RdsStats, RdsStatus, RouteWatch,
};
use meta_router::RouteTable;
use tokio::{task::JoinSet, time::sleep};

use crate::{config::FilterChainConfig, supervisor::Shared, worker::Plan};

mod background;
mod dial;

use self::background::Background;
pub(crate) use self::dial::{Dialer, target_tls};

/// How long a table is kept that is no longer in force. Whoever holds it last takes it
/// down, which for a large one takes a while: that had better not be a worker.
const KEPT: Duration = Duration::from_secs(5);

/// A table of so many routes takes memory that is worth giving back, some megabytes.
const LARGE: usize = 1_000;

/// The tables that filter chains get from control planes and files.
pub(crate) struct LiveRoutes {
    manager: RdsManager,
    chains: Vec<LiveChain>,
    background: Background,
}

/// A filter chain whose routes come from elsewhere.
struct LiveChain {
    /// Its number among all chains.
    index: usize,
    watch: RouteWatch,
}

impl LiveRoutes {
    /// Begins to fetch the tables; `None` where there is none to fetch.
    pub(crate) fn start(plan: &Plan, node: &NodeInfo, dialer: Dialer) -> Option<Self> {
        let settings = |chain: &FilterChainConfig| chain.rds.clone();
        let chains = plan
            .chains()
            .map(|chain| settings(&chain.config))
            .enumerate();
        let wanted: Vec<_> = chains.filter_map(|(i, rds)| Some((i, rds?))).collect();
        if wanted.is_empty() {
            return None;
        }
        let background = Background::start();
        let entered = background.runtime().enter();
        let manager = RdsManager::new(node, Arc::new(dialer));
        drop(entered);
        let chains = wanted.into_iter().map(|(index, rds)| LiveChain {
            index,
            watch: manager.watch(&rds),
        });
        Some(Self {
            chains: chains.collect(),
            manager,
            background,
        })
    }

    /// Waits for the first routes of all, each as long as its first fetch may take.
    pub(crate) async fn ready(&self, plan: &Plan) {
        let names: Vec<_> = self.names(plan).collect();
        let mut waiting = JoinSet::new();
        for (chain, name) in self.chains.iter().zip(names) {
            let mut watch = chain.watch.clone();
            waiting.spawn(async move { (watch.ready().await, name) });
        }
        while let Some(ended) = waiting.join_next().await {
            if let Ok((FirstFetch::TimedOut, name)) = ended {
                tracing::warn!("{name} listens without routes: none came in time");
            }
        }
    }

    /// The chains' listeners.
    fn names<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = Arc<str>> + 'a {
        let listeners = plan.listeners.iter();
        let of_chains: Vec<_> = listeners
            .flat_map(|listener| listener.chains.iter().map(|_| listener.config.name.clone()))
            .collect();
        let chains = self.chains.iter();
        chains.map(move |chain| of_chains.get(chain.index).cloned().unwrap_or_default())
    }

    /// Puts every table in force as it comes, those that are there at once; for ever.
    pub(crate) fn follow(&self, shared: &Arc<Shared>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for chain in &self.chains {
            let (index, mut watch) = (chain.index, chain.watch.clone());
            if let Some(table) = watch.routes() {
                shared.put_in_force(index, table);
            }
            let shared = Arc::downgrade(shared);
            let follow = async move {
                let mut old: Option<Arc<RouteTable>> = None;
                loop {
                    let table = tokio::select! {
                        table = watch.changed() => Some(table),
                        () = sleep(KEPT), if old.is_some() => None,
                    };
                    let Some(shared) = shared.upgrade() else {
                        return;
                    };
                    if let Some(table) = table {
                        old = shared.put_in_force(index, table);
                        continue;
                    }
                    let was_large = old.take().is_some_and(|old| old.len() >= LARGE);
                    if let (true, Some(hook)) = (was_large, shared.plan.on_rest) {
                        // What it took, and what it took to read its successor.
                        hook();
                    }
                }
            };
            tasks.spawn_on(follow, self.background.runtime());
        }
        tasks
    }

    /// Whether the routes of that chain come from elsewhere.
    pub(crate) fn has(&self, chain: usize) -> bool {
        self.chains.iter().any(|own| own.index == chain)
    }

    /// Each table once, the number of the first chain that has it, and how it stands.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (usize, RdsStatus)> {
        let mut seen = HashSet::new();
        let statuses = self
            .chains
            .iter()
            .map(|chain| (chain.index, chain.watch.status()));
        statuses
            .filter(move |(_, status)| seen.insert((status.name.clone(), status.source.clone())))
    }

    /// The chains, the names of their tables, and what is counted of those.
    pub(crate) fn stats(&self) -> impl Iterator<Item = (usize, &Arc<str>, RdsStats)> {
        let chains = self.chains.iter();
        chains.map(|chain| (chain.index, chain.watch.name(), chain.watch.stats()))
    }

    /// The sources, and whether they can be reached.
    pub(crate) fn control_planes(&self) -> Vec<ControlPlaneStatus> {
        self.manager.control_planes()
    }
}
