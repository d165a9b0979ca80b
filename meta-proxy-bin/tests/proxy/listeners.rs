//! What becomes of connections before they are served: which filter chain is theirs, what
//! looks at them, and what they are refused for.

use std::time::Duration;

use meta_codec_test::toy::Frame;
use meta_proxy::{
    FilterChainConfig, ListenerConfig, Running, Snapshot,
    meta_rds::{ChainMatch, ListenerFilterKind},
};
use tokio::net::TcpStream;

use crate::toy::{Client, Server, all_to, eventually};

mod chains;
mod ending;
mod hand_off;
mod inspector;
mod limits;
mod proxy_protocol;
mod sockets;
mod tls;

/// A match that a closure fills.
fn matching(fill: impl FnOnce(&mut ChainMatch)) -> ChainMatch {
    let mut matches = ChainMatch::default();
    fill(&mut matches);
    matches
}

/// A filter chain of this name, whose requests are answered by the server of that name.
fn chain(name: &str, matches: ChainMatch) -> FilterChainConfig {
    let mut chain = FilterChainConfig::new("in", "toy", all_to(name));
    chain.name = name.into();
    chain.matches = matches;
    chain
}

/// The listener `in` with these chains, and a server for each name.
async fn snapshot(
    chains: Vec<FilterChainConfig>,
    servers: &[&'static str],
) -> (Snapshot, Vec<Server>) {
    let mut started = Vec::new();
    let mut clusters = Vec::new();
    for name in servers {
        let server = Server::start(name).await;
        clusters.push(server.cluster(name));
        started.push(server);
    }
    let snapshot = Snapshot {
        listeners: vec![ListenerConfig::with_chains("in", chains)],
        clusters,
    };
    (snapshot, started)
}

/// A listener whose connections all go to the server `v1`, after these filters.
async fn filtered(filters: Vec<ListenerFilterKind>) -> (Snapshot, Vec<Server>) {
    let all = chain("v1", ChainMatch::default());
    let (mut snapshot, servers) = snapshot(vec![all], &["v1"]).await;
    let list = filters.into_iter().map(Into::into);
    snapshot.listeners[0].filters.list = list.collect();
    (snapshot, servers)
}

async fn connect(running: &Running) -> TcpStream {
    let address = running.handle().addr("in");
    let address = address.and_then(|address| address.socket_addr());
    let stream = TcpStream::connect(address.expect("it has a TCP address")).await;
    let stream = stream.expect("it listens");
    stream.set_nodelay(true).expect("it is a TCP socket");
    stream
}

/// A statistic of the listener `in`.
fn listener_stat(running: &Running, name: &str) -> u64 {
    listener_stat_of(running, "in", name)
}

fn listener_stat_of(running: &Running, listener: &str, name: &str) -> u64 {
    let address = running.handle().addr(listener).expect("it listens");
    let address = address.to_string().replace(':', "_");
    stat(running, &format!("listener.{address}.{name}"))
}

/// A counter, or a gauge that is not negative.
fn stat(running: &Running, name: &str) -> u64 {
    let stats = running.handle().stats();
    let gauge = u64::try_from(stats.gauge(name)).expect("gauges are not negative");
    stats.counter(name) + gauge
}

/// Waits until no connection is left, and nothing counts for one.
async fn until_empty(running: &Running) {
    for name in ["downstream_pre_cx_active", "downstream_cx_active"] {
        eventually(name, || listener_stat(running, name) == 0).await;
    }
    eventually("the end of all", || {
        stat(running, "server.total_connections") == 0
    })
    .await;
}

/// Whether the proxy closes the connection without having said anything.
async fn is_closed<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(stream: T) -> bool {
    Client::over(stream).response().await.is_none()
}

/// A call in one piece, for what comes before it.
fn call() -> Vec<u8> {
    let frame = Frame::request(7, "body").header("method", "a");
    frame.encode().to_vec()
}

const SHORT: Duration = Duration::from_millis(100);
