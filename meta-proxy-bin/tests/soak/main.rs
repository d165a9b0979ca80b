//! A proxy amid clients and servers that misbehave: in the end nothing is left of
//! them, and everything has been counted.
//!
//! A program of its own, so that open files and memory are its own too.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use meta_proxy::{
    ExtensionConfig, ListenerConfig, Proxy, Registry, Running, Snapshot, Workers,
    meta_core::{Route, Sharing},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
    stats::{StatValue, Stats},
};
use serde_json::json;
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::{
    client::{Client, Manners, Tally},
    server::Server,
};

mod client;
mod server;
mod wire;

/// What is waited for at most, for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_millis(100);
/// The longest message that the proxy takes.
const LIMIT: usize = 16 << 10;

#[test]
fn exclusive_connections() {
    alone(short(Sharing::Exclusive));
}

#[test]
fn shared_connections() {
    alone(short(Sharing::Shared));
}

/// Minutes rather than seconds, and memory is looked at.
#[test]
#[ignore = "takes two minutes"]
fn memory_does_not_grow() {
    alone(async {
        long(Sharing::Exclusive).await;
        long(Sharing::Shared).await;
    });
}

/// Files and memory are the process's: one test at a time.
fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("there is room for it").block_on(test);
}

async fn short(sharing: Sharing) {
    let files = open_files();
    let scene = Scene::start(sharing).await;
    scene.play(Manners::Any, 24, Duration::from_secs(1)).await;
    scene
        .play(Manners::Good, 24, Duration::from_millis(500))
        .await;
    scene.end(files).await;
}

async fn long(sharing: Sharing) {
    let files = open_files();
    let scene = Scene::start(sharing).await;
    let mut resident = Vec::new();
    for _ in 0..8 {
        scene.play(Manners::Any, 48, Duration::from_secs(5)).await;
        scene.play(Manners::Good, 48, Duration::from_secs(2)).await;
        resident.push(resident_kib());
    }
    scene.end(files).await;
    println!("{sharing:?}: {resident:?} KiB resident");
    // The allocator's own ups and downs.
    let slack = 2 << 10;
    let (half, rest) = resident.split_at(4);
    let highest = half.iter().max().expect("there are some");
    let last = rest.last().expect("there are some");
    assert!(*last <= highest + slack, "{resident:?} KiB");
}

/// A proxy between servers that come and go and clients of all kinds.
struct Scene {
    running: Running,
    servers: Vec<Server>,
}

impl Scene {
    async fn start(sharing: Sharing) -> Self {
        let servers = vec![Server::start().await, Server::start().await];
        let mut route = Route::to_cluster("all", "backend");
        route.timeout = Some(REQUEST_TIMEOUT);
        let routes = RouteTable::new("soak", vec![RouteEntry::new(Vec::new(), route)]);
        let endpoints = servers.iter().map(|server| server.address.into());
        let mut cluster = ClusterConfig::new("backend", endpoints.collect());
        cluster.sharing = Some(sharing);
        let codec = ExtensionConfig::new("thrift", json!({ "max_message_bytes": LIMIT }));
        let routes = routes.expect("it has a destination");
        let mut registry = Registry::new();
        registry.codec(codec_thrift::Thrift).expect("it is empty");
        let builder = Proxy::builder(registry)
            .snapshot(Snapshot {
                listeners: vec![ListenerConfig::new("in", codec, routes)],
                clusters: vec![cluster],
            })
            .listener("in", server::loopback())
            .workers(Workers::own(2));
        let running = builder.start().await.expect("it starts");
        Self { running, servers }
    }

    fn stats(&self) -> Stats {
        self.running.handle().stats()
    }

    /// Lets so many clients in at a time, and balances the books when they have
    /// left.
    async fn play(&self, manners: Manners, count: u64, time: Duration) {
        let before = self.stats();
        let address = self.running.handle().addr("in").expect("it listens");
        let until = Instant::now() + time;
        let mut clients = JoinSet::new();
        for seed in 0..count {
            let client = Client::new(address.to_string(), manners, seed);
            clients.spawn(client.run(until));
        }
        let mut tally = Tally::default();
        while let Some(ended) = clients.join_next().await {
            tally += ended.expect("a client got what it had to get");
        }
        eventually("all has ended", || {
            let stats = self.stats();
            stats
                .iter()
                .all(|(name, value)| !comes_and_goes(name) || is_zero(value))
        })
        .await;
        balance(&before, &self.stats(), &tally, manners);
    }

    /// Ends all, and looks whether anything is left.
    async fn end(self, files: usize) {
        let handle = self.running.handle().clone();
        let report = handle.drain(PATIENCE).await;
        assert_eq!((report.closed, report.aborted), (0, 0));
        drop(self.running);
        let over_the_limit = self.servers.iter().map(|server| server.longest());
        assert!(over_the_limit.max() <= Some(LIMIT), "a server saw it");
        drop(self.servers);
        eventually("upstream connections end", || {
            handle.stats().gauge("cluster.backend.upstream_cx_active") == 0
        })
        .await;
        eventually("files are closed", || open_files() <= files).await;
    }
}

/// A gauge of what is under way. Connections to servers are kept for later.
fn comes_and_goes(name: &str) -> bool {
    name.ends_with("_active")
        && !name.ends_with("upstream_cx_active")
        && !name.starts_with("listener_manager.")
        || name == "server.total_connections"
}

fn is_zero(value: &StatValue) -> bool {
    *value == StatValue::Gauge(0)
}

/// What clients have seen is what was counted.
fn balance(before: &Stats, after: &Stats, tally: &Tally, manners: Manners) {
    let since = |name: &str| {
        let name = format!("meta_protocol.in.{name}");
        after.counter(&name) - before.counter(&name)
    };
    let upstream = |name: &str| {
        let name = format!("cluster.backend.upstream_{name}");
        after.counter(&name) - before.counter(&name)
    };
    let twoway = since("request_twoway");
    let refused = since("request_too_large");
    let responses = since("response");
    let replies = since("local_response_error");
    let disguised = since("request_disguised_oneway");
    let counted = format!(
        "{tally:?}; twoway {twoway}, refused {refused}, responses {responses}, \
         replies {replies}, disguised {disguised}"
    );
    assert!(tally.answered > 100, "{counted}");
    assert!(
        upstream("rq_completed") <= upstream("rq_total"),
        "{counted}"
    );
    assert_eq!(since("request"), since("request_decoding_success"));
    match manners {
        Manners::Good => {
            assert_eq!(twoway + refused, tally.calls, "{counted}");
            assert_eq!(
                twoway + refused,
                responses + replies + disguised,
                "{counted}"
            );
            let seen = (tally.answered, tally.failed, tally.unanswered);
            assert_eq!(seen, (responses, replies, disguised), "{counted}");
            assert_eq!(upstream("rq_total"), twoway, "{counted}");
            assert_eq!(upstream("rq_completed"), responses, "{counted}");
        }
        Manners::Any => {
            // What was under way when a client went away.
            let lost = tally.abandoned;
            let between = |least: u64, count: u64| (least..=least + lost).contains(&count);
            assert!(between(tally.answered, responses), "{counted}");
            let oneway = since("request_oneway");
            let ended = responses + replies + disguised;
            assert!(ended <= twoway + refused + oneway, "{counted}");
            assert!(twoway + refused <= ended + lost, "{counted}");
            assert!(tally.failed <= replies, "{counted}");
        }
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}: it does not come about");
}
