//! The proxy: a router, clients that call it, and clients that it serves.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use meta_codec::{
    CloseReason, Downstream, DownstreamConfig, DownstreamStats, Drain, UpstreamStats, Wheel,
};
use meta_core::{
    Address, BoxFuture, CodecFactory, ConnectionInfo, Limits, LocalReply, Request, Response, Route,
    Session, WorkerId,
};
use meta_router::{ClusterConfig, Clusters, Connect, Membership, Router, TcpConnector};
use tokio::io::duplex;
use tower::Service;

use crate::{
    client::{Caller, Client},
    peer::Peer,
    server::Server,
};

/// The cluster that routes lead to unless the test says otherwise.
pub(crate) fn backend<const N: usize>(endpoints: [&Address; N]) -> ClusterConfig {
    let mut config = ClusterConfig::new("backend", endpoints.map(Address::clone).to_vec());
    // Servers played by a test answer no heartbeats.
    config.upstream.heartbeat = None;
    config
}

/// One endpoint, and at most so many connections.
pub(crate) fn bounded(server: &Server, max_connections: usize) -> ClusterConfig {
    let mut config = backend([&server.address]);
    config.limits.max_connections = max_connections;
    config
}

/// A router, and what it needs.
pub(crate) struct Proxy {
    pub(crate) router: Router,
    /// What it counts for the cluster `backend`.
    pub(crate) stats: Arc<UpstreamStats>,
    pub(crate) wheel: Wheel,
    pub(crate) downstream: Arc<DownstreamStats>,
    clusters: Arc<Clusters>,
    codec: Arc<dyn CodecFactory>,
    connector: Arc<dyn Connect>,
}

impl Proxy {
    /// Connects by way of `connector`.
    pub(crate) fn new(
        codec: impl CodecFactory,
        connector: Arc<dyn Connect>,
        config: ClusterConfig,
    ) -> Self {
        Self::with_clusters(codec, connector, vec![config])
    }

    /// With several clusters, one of which is `backend`.
    pub(crate) fn with_clusters(
        codec: impl CodecFactory,
        connector: Arc<dyn Connect>,
        configs: Vec<ClusterConfig>,
    ) -> Self {
        let clusters = Clusters::new(configs).expect("good clusters");
        Self::worker(0, Arc::new(codec), connector, clusters)
    }

    /// Connects over TCP.
    pub(crate) fn over_tcp(codec: impl CodecFactory, config: ClusterConfig) -> Self {
        Self::new(codec, Arc::new(TcpConnector::default()), config)
    }

    /// Another worker of the same clusters.
    pub(crate) fn another(&self, worker: usize) -> Self {
        Self::worker(
            worker,
            self.codec.clone(),
            self.connector.clone(),
            self.clusters.clone(),
        )
    }

    fn worker(
        worker: usize,
        codec: Arc<dyn CodecFactory>,
        connector: Arc<dyn Connect>,
        clusters: Arc<Clusters>,
    ) -> Self {
        let wheel = Wheel::spawn();
        let router = Router::new(
            codec.clone(),
            Limits::default(),
            WorkerId(worker),
            wheel.clone(),
            &clusters,
            connector.clone(),
        );
        Self {
            stats: stats_of(&router, "backend"),
            router,
            wheel,
            downstream: Arc::default(),
            clusters,
            codec,
            connector,
        }
    }

    /// A client whose requests all go to the cluster `backend`.
    pub(crate) fn caller(&self) -> Caller {
        self.caller_by(Route::to_cluster("all", "backend"))
    }

    /// A client whose requests all take this route.
    pub(crate) fn caller_by(&self, route: Route) -> Caller {
        let session = session(Some(route));
        Caller::new(self.router.clone(), self.codec.clone(), session)
    }

    /// A client that has a connection to the proxy.
    pub(crate) fn client(&self) -> Client {
        self.client_by(Route::to_cluster("all", "backend"), self.router.clone())
    }

    /// A client whose requests take this route, through `service`.
    pub(crate) fn client_by<S>(&self, route: Route, service: S) -> Client
    where
        S: Service<Request, Response = Response, Error = LocalReply> + Send + 'static,
        S::Future: Send + Unpin,
    {
        self.spawn(self.serve(route, service, DownstreamConfig::default()))
    }

    /// A client whose requests the proxy takes up one by one.
    pub(crate) fn client_one_by_one(&self) -> Client {
        let mut config = DownstreamConfig::default();
        config.max_in_flight = 1;
        let route = Route::to_cluster("all", "backend");
        self.spawn(self.serve(route, self.router.clone(), config))
    }

    fn spawn<F>(&self, (peer, session, served): (Peer, Session, F)) -> Client
    where
        F: Future<Output = CloseReason> + Send + 'static,
    {
        Client::new(peer, session, tokio::spawn(served))
    }

    /// A client with a connection that the test drives.
    pub(crate) fn unserved_client(&self) -> (Peer, Session, BoxFuture<'static, CloseReason>) {
        let route = Route::to_cluster("all", "backend");
        let config = DownstreamConfig::default();
        let (peer, session, served) = self.serve(route, self.router.clone(), config);
        (peer, session, Box::pin(served))
    }

    fn serve<S>(
        &self,
        route: Route,
        service: S,
        config: DownstreamConfig,
    ) -> (
        Peer,
        Session,
        impl Future<Output = CloseReason> + Send + use<S>,
    )
    where
        S: Service<Request, Response = Response, Error = LocalReply> + Send + 'static,
        S::Future: Send + Unpin,
    {
        let downstream = Downstream::new(
            self.codec.clone(),
            Limits::default(),
            config,
            self.downstream.clone(),
            self.wheel.clone(),
            Drain::new(),
        );
        let session = session(Some(route));
        let (ours, theirs) = duplex(64 << 10);
        let served = Arc::new(downstream).serve(ours, service, session.clone());
        (Peer::new(theirs), session, served)
    }

    pub(crate) fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// The endpoints of the cluster `backend`.
    pub(crate) fn membership(&self) -> &Arc<Membership> {
        let membership = self.clusters.membership("backend");
        membership.expect("there is the cluster")
    }

    /// Puts these endpoints in the place of those there are.
    pub(crate) fn lead_to<const N: usize>(&self, endpoints: [&Address; N]) {
        self.membership().replace(&endpoints.map(Address::clone));
    }

    /// How many upstream connections are open or being made.
    pub(crate) fn open(&self) -> i64 {
        self.stats.upstream_cx_active.value()
    }

    /// That no request is left, nor anything that a request had.
    pub(crate) fn assert_at_rest(&self) {
        let stats = &self.stats;
        assert_eq!(stats.upstream_rq_active.value(), 0, "requests are left");
        assert_eq!(stats.upstream_rq_pending_active.value(), 0, "one waits");
        assert_eq!(self.downstream.request_active.value(), 0);
        // A shared connection may have one that waits for nothing any more.
        let timers = self.wheel.len() as i64;
        assert!(timers <= self.open(), "{timers} timers are left");
    }
}

/// What a worker counts for a cluster.
pub(crate) fn stats_of(router: &Router, cluster: &str) -> Arc<UpstreamStats> {
    let mut stats = router.stats();
    let found = stats.find(|(name, _)| ***name == *cluster);
    found.expect("there is the cluster").1.clone()
}

/// A downstream connection with this route, or with none.
pub(crate) fn session(route: Option<Route>) -> Session {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    Session::new(ConnectionInfo {
        id: NUMBER.fetch_add(1, Relaxed),
        listener: "test".into(),
        remote: Address::Memory,
        local: Address::Memory,
        server_name: None,
        tls: None,
        routes: route.map(|route| Arc::new(Arc::new(route)) as _),
    })
}
