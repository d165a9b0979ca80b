//! A proxy, and what is asked of it.

use std::{sync::Arc, time::Duration};

use meta_proxy::{
    ExtensionConfig, ListenerConfig, Proxy, Registry, Running, Snapshot, Workers,
    meta_core::{Address, Route, Sharing},
    meta_router::{ClusterConfig, Connect, RouteEntry, RouteTable, TcpConnector},
    stats::{StatValue, Stats},
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};

use crate::{
    provider::{Greeter, Provider, loopback},
    wire::{PATIENCE, Wire},
};

/// A proxy to be: one worker, a listener `in`, all requests to the cluster
/// `backend`.
pub(crate) struct Setup {
    pub(crate) snapshot: Snapshot,
}

impl Setup {
    pub(crate) fn to(provider: &Provider) -> Self {
        Self::over(provider.cluster("backend"))
    }

    pub(crate) fn to_greeters<'a>(greeters: impl IntoIterator<Item = &'a Greeter>) -> Self {
        let endpoints = greeters.into_iter().map(|greeter| greeter.address.into());
        Self::over(ClusterConfig::new("backend", endpoints.collect()))
    }

    pub(crate) fn over(cluster: ClusterConfig) -> Self {
        let codec = ExtensionConfig::new("dubbo", json!({}));
        let route = RouteEntry::new(Vec::new(), Route::to_cluster("all", "backend"));
        Self {
            snapshot: Snapshot {
                listeners: vec![ListenerConfig::new("in", codec, table(vec![route]))],
                clusters: vec![cluster],
            },
        }
    }

    pub(crate) fn codec(mut self, config: Value) -> Self {
        self.snapshot.listeners[0].chains[0].codec.config = config;
        self
    }

    /// The routes, in place of the one to `backend`.
    pub(crate) fn routes(mut self, routes: Vec<RouteEntry>) -> Self {
        self.snapshot.listeners[0].chains[0].routes = table(routes).into();
        self
    }

    /// The one route, to `backend`, as `change` wants it.
    pub(crate) fn route(self, change: impl FnOnce(&mut Route)) -> Self {
        let mut route = Route::to_cluster("all", "backend");
        change(&mut route);
        self.routes(vec![RouteEntry::new(Vec::new(), route)])
    }

    /// How long a request may take; zero for ever.
    pub(crate) fn timeout(self, timeout: Duration) -> Self {
        self.route(|route| route.timeout = Some(timeout))
    }

    /// The cluster `backend`, as `change` wants it.
    pub(crate) fn cluster(mut self, change: impl FnOnce(&mut ClusterConfig)) -> Self {
        change(&mut self.snapshot.clusters[0]);
        self
    }

    pub(crate) fn exclusive(self) -> Self {
        self.cluster(|cluster| cluster.sharing = Some(Sharing::Exclusive))
    }

    /// One cluster more.
    pub(crate) fn and(mut self, cluster: ClusterConfig) -> Self {
        self.snapshot.clusters.push(cluster);
        self
    }

    pub(crate) async fn start(self) -> Scene {
        self.start_with(Arc::new(TcpConnector::default())).await
    }

    pub(crate) async fn start_with(self, connector: Arc<dyn Connect>) -> Scene {
        let mut registry = Registry::new();
        registry.codec(codec_dubbo::Dubbo).expect("it is empty");
        let builder = Proxy::builder(registry)
            .snapshot(self.snapshot)
            .listener("in", loopback())
            .workers(Workers::own(1))
            .connector(connector);
        let running = builder.start().await.expect("it starts");
        Scene { running }
    }
}

pub(crate) fn table(routes: Vec<RouteEntry>) -> RouteTable {
    RouteTable::new("test", routes).expect("all have destinations")
}

/// A proxy that runs.
pub(crate) struct Scene {
    pub(crate) running: Running,
}

impl Scene {
    /// A client's connection.
    pub(crate) async fn connect(&self) -> Wire {
        let Some(Address::Ip(address)) = self.running.handle().addr("in") else {
            panic!("the listener has a TCP address");
        };
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("it is a socket");
        Wire::over(stream)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.running.handle().stats()
    }

    /// The listener's counter `name`.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.stats().counter(&format!("meta_protocol.in.{name}"))
    }

    /// The counter `upstream_<name>` of the cluster `backend`.
    pub(crate) fn upstream(&self, name: &str) -> u64 {
        let name = format!("cluster.backend.upstream_{name}");
        self.stats().counter(&name)
    }

    /// Requests of clients in flight.
    pub(crate) fn active(&self) -> i64 {
        self.stats().gauge("meta_protocol.in.request_active")
    }

    /// Waits until so many requests are in flight.
    pub(crate) async fn until_active(&self, count: i64) {
        eventually("requests in flight", || self.active() == count).await;
    }

    /// Waits until nothing is left of what clients did but connections.
    pub(crate) async fn at_rest(&self) {
        let comes_and_goes = |name: &str| {
            name.ends_with("_active")
                && !name.ends_with("_cx_active")
                && !name.starts_with("listener_manager.")
        };
        eventually("rest", || {
            let stats = self.stats();
            stats
                .iter()
                .all(|(name, value)| !comes_and_goes(name) || *value == StatValue::Gauge(0))
        })
        .await;
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what}: it does not come about");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
