//! What the tests share.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use meta_rds::{
    ConfigSource, GrpcServer, GrpcSource, GrpcTarget, NodeInfo, PlainDialer, RdsManager,
    RdsSettings, RouteFile, RouteWatch, Source,
    server::{Accept, RdsServer, RouteSnapshot, SnapshotCache},
};
use meta_router::RouteTable;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time};

/// Far longer than anything takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A server of what is in its cache.
pub(crate) struct Control {
    pub(crate) cache: SnapshotCache,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Control {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::with(listener, SnapshotCache::new())
    }

    /// Again, where it was.
    pub(crate) async fn restart(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port");
        Self::with(listener, SnapshotCache::new())
    }

    fn with(listener: TcpListener, cache: SnapshotCache) -> Self {
        let address = listener.local_addr().expect("an address");
        Self::serving(listener, address, cache)
    }

    /// On a socket that has no address of IP.
    pub(crate) fn on(listener: impl Accept) -> Self {
        let nowhere = ([0, 0, 0, 0], 0).into();
        Self::serving(listener, nowhere, SnapshotCache::new())
    }

    fn serving(listener: impl Accept, address: SocketAddr, cache: SnapshotCache) -> Self {
        let (stop, stopped) = oneshot::channel();
        let serve = RdsServer::new(cache.clone()).serve(listener, async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async {
            serve.await.expect("it serves");
        });
        Self {
            cache,
            address,
            stop,
            task,
        }
    }

    /// Serves tables of one route each: names and clusters.
    pub(crate) fn serve(&self, version: &str, tables: &[(&str, &str)]) {
        self.cache.set(snapshot(version, tables));
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        time::timeout(LONG, self.task)
            .await
            .expect("in time")
            .expect("it ends");
    }
}

pub(crate) fn snapshot(version: &str, tables: &[(&str, &str)]) -> RouteSnapshot {
    let tables = tables.iter().map(|(name, cluster)| to(name, cluster));
    let tables = tables.collect::<Vec<_>>().join("\n---\n");
    let file = RouteFile::read(&Source::new("test", tables)).expect("it is good");
    RouteSnapshot::new(version, file.routes)
}

/// A table all of which goes to one cluster.
pub(crate) fn to(name: &str, cluster: &str) -> String {
    format!("{{ name: {name}, routes: [ {{ name: all, route: {{ cluster: {cluster} }} }} ] }}")
}

pub(crate) fn manager() -> RdsManager {
    let mut node = NodeInfo::default();
    node.id = "test-node".to_owned();
    RdsManager::new(&node, Arc::new(PlainDialer::new()))
}

pub(crate) fn source(address: SocketAddr, delta: bool) -> ConfigSource {
    let target = GrpcTarget::plain(address.to_string());
    let mut source = GrpcSource::new(GrpcServer::Target(target));
    source.delta = delta;
    ConfigSource::Grpc(source)
}

/// The table of that name, for which one waits as long as it takes.
pub(crate) fn settings(name: &str, source: ConfigSource) -> RdsSettings {
    let mut settings = RdsSettings::new(name, source);
    settings.initial_fetch_timeout = None;
    settings
}

/// The next routes, and where they lead.
pub(crate) async fn next(watch: &mut RouteWatch) -> String {
    let table = time::timeout(LONG, watch.changed()).await.expect("in time");
    cluster(&table)
}

pub(crate) fn cluster(table: &RouteTable) -> String {
    let (_, route) = table.routes().next().expect("a route");
    route.destinations[0].cluster.to_string()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            time::sleep(Duration::from_millis(5)).await;
        }
    };
    time::timeout(LONG, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// A folder of one's own, gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meta-rds-discovery-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file there as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.join(".new");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, self.join(name)).expect("renamed");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
