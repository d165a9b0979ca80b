//! A worker: connections, and all that they share with no other worker.

use std::{
    io,
    sync::{Arc, atomic::AtomicUsize},
};

use meta_codec::{Downstream, DownstreamStats, Drain, RESOLUTION, UpstreamStats, Wheel};
use meta_core::WorkerId;
use meta_filters::access_log::AccessLogs;
use meta_router::{Clusters, Connect, Router};
use meta_tls::TlsContexts;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

mod connection;
mod front;
mod rest;
mod stack;
mod thread;

pub(crate) use self::thread::{spawn_task, spawn_thread};
use self::{
    front::{ChainFront, Front, Reception},
    rest::Rest,
    stack::Stack,
};
use crate::{
    config::FilterChainConfig,
    dispatch::Incoming,
    hand_off::HandOff,
    listener::{Chain, Listener},
};

/// What all workers are made from.
pub(crate) struct Plan {
    pub(crate) listeners: Vec<Arc<Listener>>,
    /// Which of them redirected connections go to.
    pub(crate) hand_off: HandOff,
    pub(crate) clusters: Arc<Clusters>,
    pub(crate) connector: Arc<dyn Connect>,
    /// What a worker calls when it comes to rest.
    pub(crate) on_rest: Option<fn()>,
    pub(crate) access_logs: AccessLogs,
    pub(crate) tls: TlsContexts,
}

/// What one worker counts.
#[derive(Clone)]
pub(crate) struct WorkerCells {
    /// By listener and filter chain, in their order.
    pub(crate) downstream: Vec<Vec<Arc<DownstreamStats>>>,
    /// By cluster; one that is used with several codecs is there several times.
    pub(crate) upstream: Vec<(Arc<str>, Arc<UpstreamStats>)>,
    /// By listener: tells its connections to end.
    pub(crate) drains: Vec<Drain>,
    /// Connections on it, or on their way to it.
    pub(crate) load: Arc<AtomicUsize>,
}

/// A worker that has not started.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) plan: Arc<Plan>,
    /// Its end is the word to drain.
    pub(crate) incoming: mpsc::Receiver<Incoming>,
    /// Ends everything at once.
    pub(crate) abort: CancellationToken,
    pub(crate) load: Arc<AtomicUsize>,
    pub(crate) started: oneshot::Sender<io::Result<WorkerCells>>,
}

impl Plan {
    /// The filter chains of all listeners, in their order.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.listeners.iter().flat_map(|listener| &listener.chains)
    }
}

impl Worker {
    /// Serves connections until there will be no more and the last has ended, or
    /// until the abort; returns how many were aborted.
    pub(crate) async fn run(self) -> usize {
        let drain = Drain::new();
        let (wheel, driver) = Wheel::new();
        let mut timers = JoinSet::new();
        timers.spawn(driver);
        let (fronts, cells) = self.prepare(&wheel);
        let drains = cells.drains.clone();
        let mut rest = self.plan.on_rest.map(|hook| Rest::new(hook, cells.clone()));
        let Self {
            mut incoming,
            abort,
            started,
            plan,
            ..
        } = self;
        if started.send(Ok(cells)).is_err() {
            return 0;
        }
        let mut reception = Reception::new(fronts, plan);
        while !(drain.has_begun() && reception.is_empty()) {
            tokio::select! {
                biased;
                () = abort.cancelled() => return reception.abort() + incoming.len(),
                next = incoming.recv(), if !drain.has_begun() => match next {
                    Some(next) => reception.receive(next),
                    None => {
                        see_what_is_there(&mut reception).await;
                        reception.turn_away_arriving();
                        drain.begin();
                        drains.iter().for_each(Drain::begin);
                    }
                },
                () = reception.proceed(), if !reception.is_empty() => {}
                () = rest::watch(&mut rest) => {}
            }
        }
        0
    }

    /// What the connections of this worker share.
    fn prepare(&self, wheel: &Wheel) -> (Vec<Front>, WorkerCells) {
        let mut cells = WorkerCells {
            drains: Vec::new(),
            downstream: Vec::new(),
            upstream: Vec::new(),
            load: self.load.clone(),
        };
        let mut routers = Routers {
            worker: self,
            wheel,
            made: Vec::new(),
        };
        let mut fronts = Vec::new();
        for listener in &self.plan.listeners {
            let drain = Drain::new();
            let chains = listener.chains.iter();
            let chains = chains.map(|chain| self.chain(chain, routers.of(chain), wheel, &drain));
            let front = Front {
                chains: chains.collect(),
                listener: listener.clone(),
            };
            let stats = front.chains.iter();
            let stats = stats.map(|chain| chain.downstream.stats().clone());
            cells.downstream.push(stats.collect());
            cells.drains.push(drain);
            fronts.push(front);
        }
        for (_, router) in &routers.made {
            let upstream = router.stats();
            cells
                .upstream
                .extend(upstream.map(|(name, stats)| (name.clone(), stats.clone())));
        }
        (fronts, cells)
    }

    fn chain(&self, chain: &Chain, router: Router, wheel: &Wheel, drain: &Drain) -> ChainFront {
        let config = &chain.config;
        let downstream = Downstream::new(
            chain.codec.clone(),
            config.limits,
            config.connection.clone(),
            Arc::new(DownstreamStats::of_worker()),
            wheel.clone(),
            drain.clone(),
        );
        let logs = chain.access_log.iter().map(|log| log.worker(self.id));
        ChainFront {
            downstream: Arc::new(downstream.with_logs(logs.collect())),
            stack: Stack::new(router, &chain.filters, self.id),
            routes: chain.routes.clone(),
            tls: chain.tls.clone(),
        }
    }
}

/// The routers of a worker. Chains of the same codec share one, and so upstream
/// connections.
struct Routers<'a> {
    worker: &'a Worker,
    wheel: &'a Wheel,
    made: Vec<(&'a FilterChainConfig, Router)>,
}

impl<'a> Routers<'a> {
    fn of(&mut self, chain: &'a Chain) -> Router {
        let config = &chain.config;
        let is_alike =
            |made: &FilterChainConfig| made.codec == config.codec && made.limits == config.limits;
        if let Some((_, router)) = self.made.iter().find(|(made, _)| is_alike(made)) {
            return router.clone();
        }
        let plan = &self.worker.plan;
        let router = Router::new(
            chain.codec.clone(),
            config.limits,
            self.worker.id,
            self.wheel.clone(),
            &plan.clusters,
            plan.connector.clone(),
        );
        self.made.push((config, router.clone()));
        router
    }
}

/// Lets every connection see what its socket holds: a request that has arrived by now
/// is answered.
async fn see_what_is_there(reception: &mut Reception) {
    let mut arrived = reception.has_arriving();
    tokio::time::sleep(RESOLUTION).await;
    // A connection may have had its PROXY header and its first request there.
    while arrived {
        let before = reception.admitted();
        let end = Instant::now() + RESOLUTION;
        while reception.has_arriving() && timeout_at(end, reception.proceed()).await.is_ok() {}
        tokio::time::sleep_until(end).await;
        arrived = reception.admitted() > before;
    }
}
