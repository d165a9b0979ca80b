//! The life of a proxy: what brings it up, watches it and ends it.

use std::{
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use meta_core::WorkerId;
use meta_rds::BootstrapFile;
use meta_router::{Discovery, Resolve};
use meta_tls::TlsContexts;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    accept::Acceptor,
    admin,
    builder::Workers,
    dispatch::{Dispatcher, QUEUE, Seat},
    error::StartError,
    handle::{DrainReport, Phase},
    listener::Listener,
    live::{Dialer, LiveRoutes},
    socket::Listening,
    worker::{Worker, spawn_task, spawn_thread},
};

mod apply;
mod listeners;
mod shared;
mod updates;

pub(crate) use self::{
    apply::is_same,
    listeners::ListenerDrain,
    shared::{Shared, Site},
    updates::Updated,
};

/// How long access logs may take to be written at the end.
const LOG_FLUSH: Duration = Duration::from_secs(1);
/// How long the admin may take for its last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How often the files of TLS contexts are looked at.
pub(crate) const SECRETS_INTERVAL: Duration = Duration::from_secs(1);

/// Holds the tasks and threads of a proxy. Dropping it aborts them all.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    lame_duck: Duration,
    workers: JoinSet<usize>,
    acceptors: JoinSet<()>,
    /// A way to the workers, which drain when the last is gone.
    dispatcher: Option<Dispatcher>,
    admin: JoinSet<()>,
    stop_admin: CancellationToken,
    discovery: Option<Discovery>,
    /// Those that look after files.
    watches: JoinSet<()>,
    routes: JoinSet<()>,
}

impl Supervisor {
    pub(crate) fn new(shared: Arc<Shared>, lame_duck: Duration) -> Self {
        Self {
            shared,
            lame_duck,
            workers: JoinSet::new(),
            acceptors: JoinSet::new(),
            dispatcher: None,
            admin: JoinSet::new(),
            stop_admin: CancellationToken::new(),
            discovery: None,
            watches: JoinSet::new(),
            routes: JoinSet::new(),
        }
    }

    /// Answers on the admin socket until the end.
    pub(crate) fn start_admin(&mut self, socket: Listening) {
        let (shared, stop) = (self.shared.clone(), self.stop_admin.clone());
        self.admin.spawn(admin::serve(socket, shared, stop));
    }

    /// Starts the workers, and waits until they are ready for connections.
    pub(crate) async fn start_workers(
        &mut self,
        workers: &Workers,
    ) -> Result<Dispatcher, StartError> {
        let count = match workers {
            Workers::Own { count, .. } => count.get(),
            Workers::Current => 1,
        };
        let mut seats = Vec::with_capacity(count);
        let mut starting = Vec::with_capacity(count);
        for index in 0..count {
            let (sender, incoming) = mpsc::channel(QUEUE);
            let (started, when_started) = oneshot::channel();
            let (ended, when_ended) = oneshot::channel();
            let load = Arc::new(AtomicUsize::new(0));
            let worker = Worker {
                id: WorkerId(index),
                plan: self.shared.plan.clone(),
                incoming,
                abort: self.shared.abort.clone(),
                load: load.clone(),
                started,
            };
            match workers {
                Workers::Own { pin, .. } => {
                    spawn_thread(worker, ended, *pin).map_err(|source| StartError::Worker {
                        worker: index,
                        source,
                    })?;
                }
                Workers::Current => spawn_task(worker, ended),
            }
            let ended = async { when_ended.await.unwrap_or_default() };
            self.workers.spawn(ended);
            seats.push(Seat { load, sender });
            starting.push(when_started);
        }
        let mut cells = Vec::with_capacity(count);
        for (worker, started) in starting.into_iter().enumerate() {
            let died = |_| Err(io::Error::other("it ended before it began"));
            let started = started.await.unwrap_or_else(died);
            cells.push(started.map_err(|source| StartError::Worker { worker, source })?);
        }
        let _ = self.shared.cells.set(cells);
        Ok(Dispatcher::new(seats))
    }

    /// Keeps endpoints up to date that are found by name; waits at most so long for
    /// the first answers.
    pub(crate) async fn discover(&mut self, resolver: Arc<dyn Resolve>, warm_up: Duration) {
        let discovery = Discovery::start(&self.shared.plan.clusters, resolver);
        let discovery = self.discovery.insert(discovery);
        for name in discovery.warm(warm_up).await {
            tracing::warn!(%name, "starting without an answer for the name");
        }
    }

    /// Fetches the routes that come from elsewhere, waits for the first of them unless
    /// the end is asked for, and keeps them up to date.
    pub(crate) async fn fetch_routes(&mut self, dialer: Dialer) {
        let shared = &self.shared;
        let live = LiveRoutes::start(&shared.plan, &shared.about.node, dialer);
        let Some(live) = live else {
            return;
        };
        let live = shared.live.get_or_init(|| live);
        tokio::select! {
            () = live.ready(&shared.plan) => {}
            () = shared.drain_requested() => {}
            () = shared.abort.cancelled() => {}
        }
        self.routes = live.follow(shared);
    }

    /// Looks after the files of TLS contexts until the end.
    pub(crate) fn watch_secrets(&mut self, contexts: TlsContexts) {
        self.watches
            .spawn(async move { contexts.watch(SECRETS_INTERVAL).await });
    }

    /// Follows the file of the bootstrap until the end.
    pub(crate) fn watch_bootstrap(&mut self, file: BootstrapFile) {
        self.watches.spawn(self.shared.clone().follow(file));
    }

    /// Accepts the connections of the listener `index`.
    pub(crate) fn accept(
        &mut self,
        index: usize,
        listener: Arc<Listener>,
        socket: Listening,
        dispatcher: Dispatcher,
    ) {
        let acceptor = Acceptor {
            index,
            listener,
            dispatcher,
        };
        if let Some(stop) = self.shared.stop_of(index) {
            self.acceptors.spawn(acceptor.run(socket, stop));
        }
    }

    /// Keeps the way to the workers open when all listeners are closed.
    pub(crate) fn keep(&mut self, dispatcher: Dispatcher) {
        self.dispatcher = Some(dispatcher);
    }

    /// Says that all is up, and runs in the background until the end.
    pub(crate) fn go(self) {
        self.shared.enter(Phase::Ready);
        tokio::spawn(self.run());
    }

    async fn run(mut self) {
        let shared = self.shared.clone();
        let mut requests = shared.drain.subscribe();
        let deadline = tokio::select! {
            biased;
            () = shared.abort.cancelled() => Duration::ZERO,
            Ok(request) = requests.wait_for(Option::is_some) => request.unwrap_or_default(),
            Some(_) = self.workers.join_next() => {
                tracing::error!("a worker has ended by itself: the proxy stops");
                shared.abort.cancel();
                Duration::ZERO
            }
        };
        let report = self.drain(deadline).await;
        self.flush_access_logs().await;
        self.stop_admin.cancel();
        let answered = async { while self.admin.join_next().await.is_some() {} };
        // Who does not read does not keep it from ending.
        let _ = tokio::time::timeout(LAST_ANSWERS, answered).await;
        let _ = shared.report.set(report);
        shared.enter(Phase::Stopped);
    }

    /// What has been logged is to be there when the end is told, unless someone does
    /// not read it.
    async fn flush_access_logs(&self) {
        let logs = &self.shared.plan.access_logs;
        if tokio::time::timeout(LOG_FLUSH, logs.flush()).await.is_err() {
            tracing::warn!("some access log takes too long to be written: its last lines are lost");
        }
    }

    async fn drain(&mut self, deadline: Duration) -> DrainReport {
        let shared = self.shared.clone();
        shared.enter(Phase::LameDuck);
        if !self.lame_duck.is_zero() {
            tokio::select! {
                () = shared.abort.cancelled() => {}
                () = tokio::time::sleep(self.lame_duck) => {}
            }
        }
        shared.enter(Phase::Draining);
        let began = Instant::now();
        let mut open = shared.open();
        let in_order = async {
            shared.close_listeners();
            while self.acceptors.join_next().await.is_some() {}
            self.dispatcher = None;
            // Those that were queued have been accepted. With the last acceptor went
            // the last way to the workers, which is their word to drain.
            open = shared.open();
            while self.workers.join_next().await.is_some() {}
        };
        tokio::select! {
            biased;
            () = shared.abort.cancelled() => {}
            () = in_order => {}
            () = tokio::time::sleep(deadline) => {}
        }
        shared.abort.cancel();
        self.acceptors.shutdown().await;
        let mut aborted = 0;
        while let Some(ended) = self.workers.join_next().await {
            aborted += ended.unwrap_or_default();
        }
        DrainReport {
            closed: open.saturating_sub(aborted),
            aborted,
            elapsed: began.elapsed(),
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.abort.cancel();
        if self.shared.phase() != Phase::Stopped {
            self.shared.enter(Phase::Stopped);
        }
    }
}
