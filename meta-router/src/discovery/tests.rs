use std::net::SocketAddr;

use meta_core::Address;
use tokio::time::sleep;

use super::*;
use crate::{
    cluster::ClusterConfig,
    endpoints::{DnsBackoff, LookupFamily},
    membership::Membership,
};

mod families;
mod script;
mod timing;

use self::script::Script;

/// IPv4 alone, so that each attempt is one question.
fn v4() -> DnsConfig {
    DnsConfig {
        family: LookupFamily::V4Only,
        ..DnsConfig::default()
    }
}

fn strict(name: &str, hosts: &[(&str, u16)], dns: &DnsConfig) -> ClusterConfig {
    let mut config = ClusterConfig::new(name, Vec::new());
    let hosts = hosts.iter().map(|(name, port)| DnsHost::new(*name, *port));
    config.endpoints = Endpoints::StrictDns {
        hosts: hosts.collect(),
        dns: dns.clone(),
    };
    config
}

fn logical(name: &str, host: &str, dns: &DnsConfig) -> ClusterConfig {
    let mut config = ClusterConfig::new(name, Vec::new());
    config.endpoints = Endpoints::LogicalDns {
        host: DnsHost::new(host, 80),
        dns: dns.clone(),
    };
    config
}

/// Clusters whose names are followed, and have been tried once.
struct Scene {
    clusters: Arc<Clusters>,
    discovery: Discovery,
}

impl Scene {
    async fn start(script: &Arc<Script>, configs: Vec<ClusterConfig>) -> Self {
        let clusters = Clusters::new(configs).expect("good clusters");
        let mut discovery = Discovery::start(&clusters, script.clone());
        let late = discovery.warm(Duration::from_secs(1)).await;
        assert!(late.is_empty(), "{late:?}");
        // Out of step with what is awaited.
        sleep(Duration::from_millis(100)).await;
        Self {
            clusters,
            discovery,
        }
    }

    fn membership(&self, cluster: &str) -> &Membership {
        self.clusters.membership(cluster).expect("it is there")
    }

    /// Where the endpoints of the cluster are.
    fn at(&self, cluster: &str) -> Vec<String> {
        let addresses = self.membership(cluster).addresses();
        addresses.iter().map(Address::to_string).collect()
    }

    /// Attempts, successes, failures, empty answers, and answers without news.
    fn counts(&self, cluster: &str) -> [u64; 5] {
        let stats = self.membership(cluster).stats();
        [
            stats.update_attempt.value(),
            stats.update_success.value(),
            stats.update_failure.value(),
            stats.update_empty.value(),
            stats.update_no_rebuild.value(),
        ]
    }
}

async fn refresh() {
    sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn strict_clusters_have_all_addresses_of_all_names() {
    let script = Script::new();
    script.set("a", 0, &["10.0.0.2", "10.0.0.1"]);
    script.set("b", 0, &["10.0.0.3", "10.0.0.1"]);
    let hosts = [("a", 80), ("b", 80), ("10.1.1.1", 81), ("::1", 82)];
    let scene = Scene::start(&script, vec![strict("c", &hosts, &v4())]).await;
    let all = [
        "10.0.0.1:80",
        "10.0.0.2:80",
        "10.0.0.3:80",
        "10.1.1.1:81",
        "[::1]:82",
    ];
    assert_eq!(scene.at("c"), all);
    assert_eq!(scene.discovery.names(), 2, "addresses are not asked for");
    // Another order is no news.
    script.set("a", 0, &["10.0.0.1", "10.0.0.2"]);
    let changes = || scene.membership("c").stats().membership_change.value();
    let before = changes();
    refresh().await;
    assert_eq!((scene.at("c").len(), changes()), (5, before));
    // What another name still has stays.
    script.set("a", 0, &["10.0.0.9"]);
    refresh().await;
    let all = [
        "10.0.0.1:80",
        "10.0.0.3:80",
        "10.0.0.9:80",
        "10.1.1.1:81",
        "[::1]:82",
    ];
    assert_eq!(
        (&scene.at("c")[..], changes()),
        (&all.map(str::to_owned)[..], before + 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_logical_cluster_has_the_first_address() {
    let script = Script::new();
    script.set("a", 0, &["10.0.0.2", "10.0.0.1"]);
    let literal = logical("fixed", "10.9.9.9", &v4());
    let scene = Scene::start(&script, vec![logical("c", "a", &v4()), literal]).await;
    assert_eq!(scene.at("c"), ["10.0.0.2:80"]);
    assert_eq!(scene.at("fixed"), ["10.9.9.9:80"]);
    script.set("a", 0, &["10.0.0.1", "10.0.0.2"]);
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.1:80"]);
    script.fail("a");
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.1:80"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_is_kept() {
    let script = Script::new();
    script.set("a", 0, &["10.0.0.1", "10.0.0.2"]);
    let scene = Scene::start(&script, vec![strict("c", &[("a", 80)], &v4())]).await;
    assert_eq!(scene.counts("c"), [1, 1, 0, 0, 0]);
    script.fail("a");
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(scene.at("c").len(), 2);
    let [_, success, failures, ..] = scene.counts("c");
    assert_eq!(success, 1);
    assert!(failures.abs_diff(24 * 3600 / 5) < 10, "{failures}");
    script.set("a", 0, &[]);
    refresh().await;
    assert_eq!(scene.at("c").len(), 2);
    assert_eq!(scene.counts("c")[3], 1);
    script.set("a", 0, &["10.0.0.2"]);
    refresh().await;
    assert_eq!(scene.at("c"), ["10.0.0.2:80"]);
    refresh().await;
    assert_eq!(scene.counts("c")[4], 1, "no news");
    // The membership has been counted from empty to two, and from two to one.
    let stats = scene.membership("c").stats();
    assert_eq!(stats.membership_change.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_name_is_asked_for_once_whoever_names_it() {
    let script = Script::new();
    script.set("a", 0, &["10.0.0.1"]);
    let configs = vec![
        strict("c", &[("a", 80), ("A", 81)], &v4()),
        strict("d", &[("a", 82)], &v4()),
        logical("e", "a", &v4()),
    ];
    let scene = Scene::start(&script, configs).await;
    assert_eq!((scene.discovery.names(), script.asked("a").len()), (1, 1));
    assert_eq!(scene.at("c"), ["10.0.0.1:80", "10.0.0.1:81"]);
    assert_eq!((scene.at("d").len(), scene.at("e").len()), (1, 1));
    drop(scene.discovery);
    refresh().await;
    assert_eq!(script.asked("a").len(), 1, "nobody follows it any more");
}

#[tokio::test(start_paused = true)]
async fn many_addresses() {
    let script = Script::new();
    let many: Vec<_> = (0..4000)
        .map(|n| format!("10.0.{}.{}", n / 250, n % 250))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    script.set("a", 0, &many);
    let scene = Scene::start(&script, vec![strict("c", &[("a", 80)], &v4())]).await;
    assert_eq!(scene.at("c").len(), 4000);
    script.set("a", 0, &many[1..]);
    refresh().await;
    assert_eq!(scene.at("c").len(), 3999);
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_the_first_answers_and_no_longer_than_told() {
    let script = Script::new();
    script.fail("a");
    // A failure is an outcome too.
    let scene = Scene::start(&script, vec![strict("c", &[("a", 80)], &v4())]).await;
    assert!(scene.at("c").is_empty());
    script.hang();
    let began = Instant::now();
    let mut discovery = Discovery::start(&scene.clusters, script);
    let late = discovery.warm(Duration::from_secs(3)).await;
    assert_eq!(late, ["a".into()]);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert!(
        discovery.warm(Duration::MAX / 4).await.is_empty(),
        "told once"
    );
}

#[test]
fn what_is_wrong_is_said() {
    let mut dns = v4();
    dns.refresh_rate = Duration::ZERO;
    dns.failure_refresh = Some(DnsBackoff {
        base: Duration::from_secs(2),
        max: Duration::from_secs(1),
    });
    let errors = Clusters::new(vec![strict("c", &[("a", 80)], &dns)]).expect_err("two problems");
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "cluster c: dns refresh_rate must be greater than 0",
            "cluster c: the max of dns failure_refresh must not be less than its base",
        ]
    );
    let errors = Clusters::new(vec![logical("c", "", &v4())]).expect_err("no name");
    assert_eq!(errors[0].problem, "a host to resolve has no name");
    let local = SocketAddr::from(([127, 0, 0, 1], 53));
    assert_eq!(DnsHost::new("a", 80).to_string(), "a:80");
    assert_ne!(
        v4(),
        DnsConfig {
            resolvers: vec![local],
            ..v4()
        }
    );
}
