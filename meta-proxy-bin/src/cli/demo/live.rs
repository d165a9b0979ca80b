//! A release that moves while a client keeps its connection: routes by RDS.

use std::{
    future::pending,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use meta_core::Address;
use meta_rds::{
    ConfigSource, GrpcServer, GrpcSource, GrpcTarget, RdsSettings, RouteFile, Source,
    server::{RdsServer, RouteSnapshot, SnapshotCache},
};
use meta_router::RouteTable;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use super::{
    client::Client,
    protocol::{Protocol, cluster},
    say,
    summary::Summary,
};
use crate::config::{FilterChainConfig, ListenerConfig};

/// The listener, its table at the control plane, and its statistics.
pub(super) const NAME: &str = "live";
/// Calls that are shown before the update, and after it.
const SHOWN: usize = 3;
/// How long the release may take, which it does not by far.
const PATIENCE: Duration = Duration::from_secs(20);

/// A control plane, as any program may embed one; stops when dropped.
pub(super) struct ControlPlane {
    cache: SnapshotCache,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl ControlPlane {
    /// One by which all calls go to v1.
    pub(super) async fn start<P: Protocol>() -> anyhow::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let cache = SnapshotCache::new();
        cache.set(all_to::<P>("v1", "1")?);
        let serve = RdsServer::new(cache.clone()).serve(socket, pending());
        let mut tasks = JoinSet::new();
        tasks.spawn(async {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the control plane is gone");
            }
        });
        Ok(Self {
            cache,
            address,
            _tasks: tasks,
        })
    }

    /// A listener whose routes come from here.
    pub(super) fn listener<P: Protocol>(&self) -> anyhow::Result<ListenerConfig> {
        let none_yet = RouteTable::new(NAME, Vec::new());
        let none_yet = none_yet.map_err(|errors| anyhow!("{errors:?}"))?;
        let target = GrpcTarget::plain(self.address.to_string());
        let source = ConfigSource::Grpc(GrpcSource::new(GrpcServer::Target(target)));
        let mut chain = FilterChainConfig::new(NAME, P::NAME, none_yet);
        chain.rds = Some(RdsSettings::new(NAME, source));
        Ok(ListenerConfig::with_chains(NAME, vec![chain]))
    }

    /// Moves all calls to v2 while a client makes them, and shows it.
    pub(super) async fn release<P: Protocol>(
        &self,
        protocol: P,
        proxy: &Address,
    ) -> anyhow::Result<()> {
        let moved = timeout(PATIENCE, self.show(protocol, proxy)).await;
        let late = || format!("v2 has no call {} s after the start", PATIENCE.as_secs());
        moved.with_context(late)?
    }

    async fn show<P: Protocol>(&self, protocol: P, proxy: &Address) -> anyhow::Result<()> {
        let mut client = Client::connect(protocol, proxy).await?;
        say(format_args!("control plane (RDS) on {}", self.address))?;
        say(format_args!("{} proxy of its routes on {proxy}", P::NAME))?;
        say("version 1 of the routes:\n  any -> v1\n")?;
        let mut summary = Summary::default();
        let calls: Vec<_> = protocol.calls().into_iter().take(SHOWN).collect();
        for call in &calls {
            let answer = client.call(call).await?;
            say(format_args!("{call} -> {}", answer.text))?;
            summary.add(&answer);
        }
        say("\nversion 2 of the routes is pushed, while the client calls:\n  any -> v2\n")?;
        let update = all_to::<P>("v2", "2")?;
        let pushed = Instant::now();
        self.cache.set(update);
        let (mut meanwhile, mut shown) = (0, 0);
        for call in calls.iter().cycle() {
            let answer = client.call(call).await?;
            summary.add(&answer);
            if shown == 0 && answer.version() == "v1" {
                meanwhile += 1;
                continue;
            }
            let mut after = String::new();
            if shown == 0 {
                let elapsed = pushed.elapsed().as_secs_f64() * 1e3;
                after = format!(", {elapsed:.3} ms after the push");
                say(format_args!(
                    "calls until it is in force: {meanwhile} to v1"
                ))?;
            }
            say(format_args!("{call} -> {}{after}", answer.text))?;
            shown += 1;
            if shown == SHOWN {
                break;
            }
        }
        Ok(say(format_args!(
            "\n{NAME}, on the same connection: {summary}\n"
        ))?)
    }
}

/// A table by which all calls go to one cluster.
fn all_to<P: Protocol>(server: &str, version: &str) -> anyhow::Result<RouteSnapshot> {
    let cluster = cluster::<P>(server);
    let table = format!("{{ name: {NAME}, routes: [ {{ route: {{ cluster: {cluster} }} }} ] }}");
    let file = RouteFile::read(&Source::new("the demo's routes", table))?;
    Ok(RouteSnapshot::new(version, file.routes))
}
