//! Putting a proxy together.

use std::{fmt, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use meta_filters::access_log::AccessLogs;
use meta_router::{Clusters, Connect, DnsResolver, Resolve, TcpConnector};
use meta_tls::TlsContexts;

use crate::{
    about::{About, LogLevels, MemoryUse},
    config::Snapshot,
    error::StartError,
    hand_off::HandOff,
    handle::{Handle, Running},
    listener::{Gate, Listener, Parts},
    live::Dialer,
    registry::Registry,
    socket::ListenSocket,
    supervisor::{Shared, Supervisor},
    worker::Plan,
};

mod opening;

use self::opening::{Opening, admin_error, bind_admin, listen_error, pair};

/// A proxy to be; see [`Proxy::builder`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Proxy {}

impl Proxy {
    /// A proxy of the codecs and filters in `registry`.
    pub fn builder(registry: impl Into<Arc<Registry>>) -> ProxyBuilder {
        ProxyBuilder {
            registry: registry.into(),
            snapshot: Snapshot::default(),
            sockets: Vec::new(),
            workers: Workers::default(),
            admin: None,
            about: About::default(),
            lame_duck: Duration::ZERO,
            on_rest: None,
            access_logs: AccessLogs::default(),
            tls: TlsContexts::new(),
            max_connections: None,
            connector: Arc::new(TcpConnector::default()),
            resolver: Arc::new(DnsResolver::new()),
            warm_up: Duration::from_secs(5),
        }
    }
}

/// Where connections are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workers {
    /// On threads of their own, each with a runtime, upstream connections and
    /// counters that it shares with no other.
    Own {
        /// How many.
        count: NonZeroUsize,
        /// Whether each is bound to a CPU.
        pin: bool,
    },
    /// In tasks of the runtime that [`ProxyBuilder::start`] is called on.
    Current,
}

impl Workers {
    /// So many threads, at least one, bound to no CPU.
    pub fn own(count: usize) -> Self {
        Self::Own {
            count: NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN),
            pin: false,
        }
    }
}

/// As many threads as the process may use CPUs.
impl Default for Workers {
    fn default() -> Self {
        Self::Own {
            count: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            pin: false,
        }
    }
}

/// Puts a proxy together.
#[must_use = "nothing runs until it is started"]
pub struct ProxyBuilder {
    registry: Arc<Registry>,
    snapshot: Snapshot,
    sockets: Vec<(Arc<str>, ListenSocket)>,
    workers: Workers,
    admin: Option<ListenSocket>,
    about: About,
    lame_duck: Duration,
    on_rest: Option<fn()>,
    access_logs: AccessLogs,
    tls: TlsContexts,
    max_connections: Option<usize>,
    connector: Arc<dyn Connect>,
    resolver: Arc<dyn Resolve>,
    warm_up: Duration,
}

impl ProxyBuilder {
    /// What it can be made of.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Where it makes TLS contexts.
    pub(crate) fn tls(&self) -> &TlsContexts {
        &self.tls
    }

    /// What it is to serve.
    #[cfg(test)]
    pub(crate) fn served(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What it serves.
    pub fn snapshot(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// Gives the listener `name` of the snapshot its socket: an address, a bound
    /// socket, or a [`MemoryListener`](crate::MemoryListener).
    pub fn listener(mut self, name: impl Into<Arc<str>>, socket: impl Into<ListenSocket>) -> Self {
        self.sockets.push((name.into(), socket.into()));
        self
    }

    /// Where connections are driven. Default: on as many threads as there are
    /// CPUs for the process.
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Answers admin requests at an address, of an IP network or of a unix socket, or
    /// on a bound socket; of several the first. Default: nowhere.
    ///
    /// Who can connect there can read all that it tells, and end the proxy; nothing
    /// is asked for.
    pub fn admin(mut self, socket: impl Into<ListenSocket>) -> Self {
        self.admin = Some(socket.into());
        self
    }

    /// How long the drain may take that the admin is asked for, as the deadline of
    /// [`Handle::drain`]. Default: 10 s.
    pub fn drain_time(mut self, time: Duration) -> Self {
        self.about.drain_time = time;
        self
    }

    /// The log whose levels the admin shows and changes. Default: none, and the
    /// admin says so.
    pub fn log_levels(mut self, log: Arc<dyn LogLevels>) -> Self {
        self.about.log_levels = Some(log);
        self
    }

    /// Asks `known` for what the allocator knows of memory, when the admin is asked.
    /// Default: only what the system knows is told.
    pub fn memory(mut self, known: fn() -> MemoryUse) -> Self {
        self.about.memory = Some(known);
        self
    }

    /// What the admin tells of the process.
    pub(crate) fn about(&mut self) -> &mut About {
        &mut self.about
    }

    /// How long a proxy that is to drain goes on accepting connections, while its
    /// readiness fails already. Default: not at all.
    pub fn lame_duck(mut self, time: Duration) -> Self {
        self.lame_duck = time;
        self
    }

    /// Calls `hook` on each worker's own thread when the worker comes to rest: a
    /// second or two after traffic, or the last connection's end, once. A trickle
    /// is rest too. And on the thread that reads live routes, some seconds after a
    /// large table has taken the place of another. Default: nothing is called.
    ///
    /// For allocators that give memory back to the system only when they are used
    /// or asked. The worker does nothing else meanwhile, so the hook has to be
    /// quick.
    pub fn on_rest(mut self, hook: fn()) -> Self {
        self.on_rest = Some(hook);
        self
    }

    /// The files that access logs go to, and how they are written: for other
    /// settings, or to share files between proxies. Default: files of its own.
    pub fn access_logs(mut self, logs: AccessLogs) -> Self {
        self.access_logs = logs;
        self
    }

    /// The TLS contexts that those of the proxy are among; their files are looked after
    /// while it runs. Default: contexts of its own. Clusters that are given a
    /// [`ClientTls`](meta_tls::ClientTls) have it made by these.
    pub fn tls_contexts(mut self, contexts: TlsContexts) -> Self {
        self.tls = contexts;
        self
    }

    /// Connections that all listeners together may have open; what comes beyond is
    /// closed and counted, unless the listener is not to heed it. Default: no bound.
    pub fn max_connections(mut self, max: Option<usize>) -> Self {
        self.max_connections = max;
        self
    }

    /// How connections to endpoints are made. Default: [`TcpConnector`].
    pub fn connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.connector = connector;
        self
    }

    /// How the names of endpoints are resolved. Default: [`DnsResolver`].
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// How long the start waits until every name of an endpoint has been tried once,
    /// whatever came of it; then it goes on without, and a cluster without endpoints
    /// refuses its requests until there is an answer. Sockets are bound meanwhile, and
    /// do not listen. Default: 5 s.
    pub fn warm_up(mut self, time: Duration) -> Self {
        self.warm_up = time;
        self
    }

    /// Starts it. When this returns, every socket is bound and listens.
    ///
    /// Where routes come from elsewhere
    /// ([`FilterChainConfig::rds`](crate::FilterChainConfig::rds)), it first waits for
    /// those, as long as their settings say; the admin answers meanwhile. Dropping the
    /// future ends everything.
    ///
    /// Accepting, admin and supervision run on the calling runtime, whose end is
    /// the proxy's too.
    ///
    /// # Errors
    ///
    /// The first problem met; then nothing is left behind.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self {
            registry,
            snapshot,
            sockets,
            workers,
            admin,
            mut about,
            lame_duck,
            on_rest,
            access_logs,
            tls,
            max_connections,
            connector,
            resolver,
            warm_up,
        } = self;
        let clusters = Clusters::new(snapshot.clusters.clone()).map_err(StartError::Clusters)?;
        let parts = Parts {
            registry: &registry,
            logs: &access_logs,
            tls: &tls,
            gate: &Arc::new(Gate::new(max_connections)),
        };
        let mut openings = Vec::with_capacity(snapshot.listeners.len());
        let mut hand_off = HandOff::default();
        for (index, (config, socket)) in pair(snapshot.listeners, sockets)?.into_iter().enumerate()
        {
            let listener = Arc::new(Listener::new(config, parts)?);
            openings.push(Opening::bind(listener, socket, |address, takes_ipv4| {
                hand_off.add(address, takes_ipv4, index);
            })?);
        }
        let admin = admin.map(bind_admin).transpose()?;
        let plan = Plan {
            listeners: openings.iter().map(|o| o.listener.clone()).collect(),
            hand_off,
            clusters,
            connector,
            on_rest,
            access_logs,
            tls: tls.clone(),
        };
        let mut dialer = Dialer::new(
            plan.clusters.clone(),
            &snapshot.clusters,
            plan.connector.clone(),
        );
        for listener in &plan.listeners {
            for (number, chain) in listener.config.all_chains().enumerate() {
                let learnt = dialer.learn(chain, &tls);
                learnt.map_err(|source| StartError::Tls {
                    listener: listener.config.name.clone(),
                    chain: number.to_string(),
                    source,
                })?;
            }
        }
        let file = about.file.take();
        let sites = openings.iter().map(Opening::site).collect();
        let admin_address = admin.as_ref().map(|(_, address)| address.clone());
        let shared = Arc::new(Shared::new(
            plan,
            snapshot.clusters,
            sites,
            admin_address,
            about,
            registry,
        ));
        let mut supervisor = Supervisor::new(shared.clone(), lame_duck);
        if let Some((socket, address)) = admin {
            let socket = socket.listen();
            let socket = socket.map_err(|source| admin_error(address.to_string(), source))?;
            if let Some(socket) = socket {
                supervisor.start_admin(socket);
            }
        }
        let dispatcher = supervisor.start_workers(&workers).await?;
        // Control planes may wait for a certificate that is put in its place.
        supervisor.watch_secrets(tls);
        supervisor.discover(resolver, warm_up).await;
        supervisor.fetch_routes(dialer).await;
        for (index, opening) in openings.into_iter().enumerate() {
            let listener = opening.listener;
            for (address, socket) in opening.sockets {
                // Of two sockets that may reuse an address, the second to listen fails.
                let socket = socket.listen().map_err(|source| {
                    let address = address.to_string();
                    listen_error(&listener, address, source)
                })?;
                if let Some(socket) = socket {
                    supervisor.accept(index, listener.clone(), socket, dispatcher.clone());
                }
            }
        }
        if let Some(file) = file {
            supervisor.watch_bootstrap(file);
        }
        supervisor.keep(dispatcher);
        supervisor.go();
        Ok(Running::new(Handle::new(shared)))
    }
}

impl fmt::Debug for ProxyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyBuilder")
            .field("registry", &self.registry)
            .field("snapshot", &self.snapshot)
            .field("sockets", &self.sockets)
            .field("workers", &self.workers)
            .field("admin", &self.admin)
            .field("lame_duck", &self.lame_duck)
            .finish_non_exhaustive()
    }
}
