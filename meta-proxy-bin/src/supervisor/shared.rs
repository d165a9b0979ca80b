//! What handles, admin and supervisor know of a proxy.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use meta_core::Address;
use meta_router::ClusterConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    listeners::ListenerLife,
    updates::{Updated, Updates},
};
use crate::{
    about::{About, MemoryUse},
    bootstrap::UpdateStats,
    handle::{DrainReport, Phase},
    live::LiveRoutes,
    registry::Registry,
    stats::Stats,
    worker::{Plan, WorkerCells},
};

/// Where a listener is.
pub(crate) struct Site {
    /// At least one.
    pub(crate) addresses: Vec<Address>,
    /// Whether it has a socket, rather than what others hand over.
    pub(crate) listens: bool,
}

/// What handles, admin and supervisor know of a proxy.
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) clusters: Vec<ClusterConfig>,
    /// By listener.
    pub(crate) sites: Vec<Site>,
    pub(crate) admin: Option<Address>,
    pub(crate) about: About,
    pub(crate) registry: Arc<Registry>,
    updates: Mutex<Updates>,
    /// What became of bootstraps since the start.
    pub(crate) bootstraps: UpdateStats,
    /// Held by whoever puts a snapshot in force.
    pub(super) applying: Mutex<()>,
    /// By listener.
    pub(super) lives: Vec<ListenerLife>,
    /// Readiness fails though nothing else is amiss.
    is_failed: AtomicBool,
    /// The routes that come from elsewhere, where some do.
    pub(super) live: OnceLock<LiveRoutes>,
    /// What counters stood at when they were reset.
    baseline: Mutex<Stats>,
    /// By worker, once they have started.
    pub(super) cells: OnceLock<Vec<WorkerCells>>,
    pub(crate) began: Instant,
    pub(crate) began_at: Updated,
    /// Ends everything at once.
    pub(crate) abort: CancellationToken,
    phase: watch::Sender<Phase>,
    pub(super) drain: watch::Sender<Option<Duration>>,
    pub(super) report: OnceLock<DrainReport>,
}

impl Shared {
    pub(crate) fn new(
        plan: Plan,
        clusters: Vec<ClusterConfig>,
        sites: Vec<Site>,
        admin: Option<Address>,
        about: About,
        registry: Arc<Registry>,
    ) -> Self {
        let began_at = Updated::now();
        let abort = CancellationToken::new();
        let lives = plan.listeners.iter();
        let lives = lives.map(|_| ListenerLife::default()).collect();
        Self {
            plan: Arc::new(plan),
            clusters,
            sites,
            admin,
            registry,
            updates: Mutex::new(Updates::new(began_at, about.document.clone())),
            about,
            bootstraps: UpdateStats::default(),
            applying: Mutex::default(),
            lives,
            is_failed: AtomicBool::new(false),
            live: OnceLock::new(),
            baseline: Mutex::default(),
            cells: OnceLock::new(),
            began: Instant::now(),
            began_at,
            abort,
            phase: watch::Sender::new(Phase::Starting),
            drain: watch::Sender::new(None),
            report: OnceLock::new(),
        }
    }

    /// Each address that a listener listens on.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (&Arc<str>, &Address)> {
        let listeners = self.plan.listeners.iter().zip(&self.sites);
        let listening = listeners.filter(|(_, site)| site.listens);
        listening.flat_map(|(listener, site)| {
            let addresses = site.addresses.iter();
            addresses.map(|address| (&listener.config.name, address))
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Whether requests are welcome, and nobody has said otherwise.
    pub(crate) fn is_live(&self) -> bool {
        self.phase() == Phase::Ready && !self.is_failed.load(Relaxed)
    }

    /// Has readiness fail, or not fail for this reason any more.
    pub(crate) fn fail_readiness(&self, fails: bool) {
        self.is_failed.store(fails, Relaxed);
    }

    /// When what was put in force.
    pub(crate) fn updates(&self) -> MutexGuard<'_, Updates> {
        self.updates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        self.about.memory.map(|known| known()).unwrap_or_default()
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::collect(self);
        stats.since(&self.baseline.lock().unwrap_or_else(PoisonError::into_inner));
        stats
    }

    /// Has counters begin at 0 again. The cells go on: it is remembered what they
    /// were.
    pub(crate) fn reset_counters(&self) {
        let baseline = Stats::collect(self);
        *self.baseline.lock().unwrap_or_else(PoisonError::into_inner) = baseline;
    }

    /// The routes that come from elsewhere.
    pub(crate) fn live(&self) -> Option<&LiveRoutes> {
        self.live.get()
    }

    /// What the workers count; none before they have started.
    pub(crate) fn workers(&self) -> &[WorkerCells] {
        self.cells.get().map_or(&[], |cells| cells)
    }

    /// Connections open, or on their way to a worker.
    pub(crate) fn open(&self) -> usize {
        let loads = self.workers().iter().map(|cells| &cells.load);
        loads.map(|load| load.load(Relaxed)).sum()
    }

    /// Asks for a drain, unless one was asked for before.
    pub(crate) fn request_drain(&self, deadline: Duration) {
        self.drain.send_if_modified(|request| {
            let first = request.is_none();
            request.get_or_insert(deadline);
            first
        });
    }

    /// Waits until a drain is asked for.
    pub(crate) async fn drain_requested(&self) {
        // The sender is a part of what is borrowed here.
        let _ = self.drain.subscribe().wait_for(Option::is_some).await;
    }

    pub(crate) async fn stopped(&self) -> DrainReport {
        // The sender is a part of what is borrowed here.
        let _ = self
            .phases()
            .wait_for(|phase| *phase == Phase::Stopped)
            .await;
        self.report.get().copied().unwrap_or_default()
    }

    pub(super) fn enter(&self, phase: Phase) {
        tracing::debug!(%phase, "phase");
        self.phase.send_replace(phase);
    }
}
