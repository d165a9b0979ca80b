//! `/stats`: what is counted, in every form.

use std::collections::HashSet;

use meta_codec_test::toy::Frame;

use super::start;
use crate::{
    http::{get_async, post_async},
    toy::{Client, Server, eventually, loopback, proxy},
};

#[tokio::test]
async fn statistics_count_and_come_back_to_zero() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let mut client = Client::connect(&running).await;
    for _ in 0..3 {
        assert_eq!(client.call("a").await, "v1");
    }
    server.hold(true);
    client.send(&Frame::request(9, "")).await;
    let active = || {
        running
            .handle()
            .stats()
            .gauge("meta_protocol.in.request_active")
    };
    eventually("one under way", || active() == 1).await;
    let text = get_async(admin, "/stats").await.body;
    for line in [
        "meta_protocol.in.request: 4",
        "meta_protocol.in.request_active: 1",
        "meta_protocol.in.request_twoway: 4",
        "meta_protocol.in.response_success: 3",
        "meta_protocol.in.idle_timeout: 0",
        "cluster.backend.upstream_cx_total: 1",
        "cluster.backend.upstream_rq_total: 4",
        "cluster.backend.upstream_rq_active: 1",
        "cluster.backend.membership_healthy: 1",
        "server.live: 1",
        "server.concurrency: 1",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
    let time = "meta_protocol.in.request_time_ms: count=3 sum_ms=";
    assert!(text.contains(time), "{text}");

    server.hold(false);
    client.response().await.expect("an answer");
    drop(client);
    eventually("balance", || {
        let stats = running.handle().stats();
        let gauges = [
            "meta_protocol.in.request_active",
            "meta_protocol.in.downstream_cx_active",
            "cluster.backend.upstream_rq_active",
            "server.total_connections",
        ];
        gauges
            .iter()
            .all(|name| stats.get(name).is_some() && stats.gauge(name) == 0)
    })
    .await;
}

#[tokio::test]
async fn statistics_come_filtered_and_in_other_forms() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let filtered = get_async(admin, "/stats?filter=upstream_rq_(total|active)$")
        .await
        .body;
    let expected = "cluster.backend.upstream_rq_active: 0\ncluster.backend.upstream_rq_total: 0\n";
    assert_eq!(filtered, expected);

    let json = get_async(admin, "/stats?format=json&filter=rq_total").await;
    assert!(
        json.head.contains("content-type: application/json"),
        "{}",
        json.head
    );
    let expected = r#"{"stats":[{"name":"cluster.backend.upstream_rq_total","value":0}]}"#;
    assert_eq!(json.body, expected);

    let same = get_async(admin, "/stats?format=prometheus&filter=^server.live")
        .await
        .body;
    assert_eq!(
        same,
        "# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n"
    );

    for bad in ["/stats?filter=(", "/stats?format=xml", "/stats?unknown=1"] {
        assert_eq!(get_async(admin, bad).await.status, 400, "{bad}");
    }
    let help = get_async(admin, "/help").await;
    assert_eq!(help.status, 200);
    assert!(help.body.contains("/stats/prometheus"), "{}", help.body);
    let missing = get_async(admin, "/nothing").await;
    assert_eq!((missing.status, missing.body), (404, help.body));
}

#[tokio::test]
async fn prometheus_can_read_it() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).admin(loopback());
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
    let page = get_async(admin, "/stats/prometheus").await;
    assert!(
        page.head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        page.head
    );
    let (mut families, mut series) = (HashSet::new(), HashSet::new());
    let mut family = ("", "");
    for line in page.body.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            family = declared.split_once(' ').expect("a name and a type");
            assert!(families.insert(family.0), "{} is declared twice", family.0);
            assert!(
                ["counter", "gauge", "histogram"].contains(&family.1),
                "{line}"
            );
            continue;
        }
        let (name, rest) = line.split_once('{').expect(line);
        let (labels, value) = rest.rsplit_once("} ").expect(line);
        let part = name.strip_prefix(family.0).expect(line);
        match family.1 {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&part), "{line}"),
            _ => assert_eq!(part, "", "{line}"),
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.chars().all(allowed), "{line}");
        value.parse::<f64>().expect(line);
        assert!(series.insert((name, labels)), "{line} is there twice");
    }
    for name in [
        "envoy_meta_protocol_in_request",
        "envoy_meta_protocol_in_request_time_ms",
        "envoy_cluster_upstream_rq_total",
        "envoy_server_uptime",
    ] {
        assert!(families.contains(name), "{name}");
    }
    let cluster = "envoy_cluster_name=\"backend\"";
    assert!(series.contains(&("envoy_cluster_upstream_rq_total", cluster)));
}

#[tokio::test]
async fn kinds_and_what_is_used_can_be_asked_for() {
    let (_server, running, admin) = start().await;
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
    let counters = get_async(admin, "/stats?type=Counters&usedonly&filter=backend").await;
    let names: Vec<_> = counters.body.lines().collect();
    assert!(
        names.contains(&"cluster.backend.upstream_rq_total: 1"),
        "{names:?}"
    );
    assert!(!counters.body.contains("active"), "{names:?}");
    assert!(!counters.body.contains(": 0\n"), "{names:?}");
    let gauges = get_async(admin, "/stats?type=gauges&filter=^cluster")
        .await
        .body;
    for line in [
        "cluster.backend.circuit_breakers.default.cx_open: 0",
        "cluster.backend.circuit_breakers.default.remaining_cx: 1023",
        "cluster.backend.circuit_breakers.default.remaining_rq: 65536",
        "cluster_manager.active_clusters: 1",
    ] {
        assert!(gauges.lines().any(|own| own == line), "{line} in {gauges}");
    }
    let histograms = "/stats?type=Histograms&filter=request_time&histogram_buckets=cumulative";
    let text = get_async(admin, histograms).await.body;
    assert!(text.ends_with(" B3600000:1\n"), "{text}");
    let json = get_async(
        admin,
        "/stats?format=json&filter=request_time&histogram_buckets=disjoint",
    )
    .await;
    let json: serde_json::Value = serde_json::from_str(&json.body).expect("it is JSON");
    let buckets = json["stats"][0]["buckets"].as_array().expect("a list");
    let count = |bucket: &serde_json::Value| bucket["count"].as_u64();
    assert_eq!(buckets.iter().filter_map(count).sum::<u64>(), 1);
    assert_eq!(get_async(admin, "/stats?type=TextReadouts").await.body, "");
    assert_eq!(get_async(admin, "/stats?type=Numbers").await.status, 400);
}

#[tokio::test]
async fn what_dashboards_ask_for_is_there() {
    let (_server, running, admin) = start().await;
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
    let page = get_async(admin, "/stats/prometheus").await.body;
    let families: HashSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    for family in [
        "envoy_server_live gauge",
        "envoy_server_uptime gauge",
        "envoy_server_version gauge",
        "envoy_server_memory_physical_size gauge",
        "envoy_server_total_connections gauge",
        "envoy_server_parent_connections gauge",
        "envoy_cluster_manager_active_clusters gauge",
        "envoy_cluster_manager_cluster_added counter",
        "envoy_listener_manager_total_listeners_active gauge",
        "envoy_listener_manager_listener_create_success counter",
        "envoy_cluster_membership_healthy gauge",
        "envoy_cluster_membership_total gauge",
        "envoy_cluster_upstream_cx_active gauge",
        "envoy_cluster_upstream_cx_connect_fail counter",
        "envoy_cluster_upstream_cx_connect_ms histogram",
        "envoy_cluster_upstream_cx_destroy_with_active_rq counter",
        "envoy_cluster_upstream_cx_length_ms histogram",
        "envoy_cluster_upstream_cx_rx_bytes_total counter",
        "envoy_cluster_upstream_cx_tx_bytes_total counter",
        "envoy_cluster_upstream_rq_active gauge",
        "envoy_cluster_upstream_rq_pending_active gauge",
        "envoy_cluster_upstream_rq_retry counter",
        "envoy_cluster_upstream_rq_time histogram",
        "envoy_cluster_upstream_rq_timeout counter",
        "envoy_cluster_circuit_breakers_default_rq_open gauge",
        "envoy_cluster_circuit_breakers_default_remaining_pending gauge",
        "envoy_listener_downstream_cx_active gauge",
    ] {
        assert!(families.contains(family), "{family} in {families:?}");
    }
    let connected = "envoy_cluster_upstream_cx_connect_ms_count{envoy_cluster_name=\"backend\"} 1";
    assert!(page.lines().any(|line| line == connected), "{page}");
}

#[tokio::test]
async fn counters_can_begin_anew() {
    let (_server, running, admin) = start().await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    let name = "cluster.backend.upstream_rq_total";
    assert_eq!(running.handle().stats().counter(name), 1);
    assert_eq!(get_async(admin, "/reset_counters").await.status, 405);
    assert_eq!(running.handle().stats().counter(name), 1);
    assert_eq!(post_async(admin, "/reset_counters").await.status, 200);
    assert_eq!(running.handle().stats().counter(name), 0);
    let open = "cluster.backend.upstream_cx_active";
    assert_eq!(running.handle().stats().gauge(open), 1);
    assert_eq!(client.call("a").await, "v1");
    assert_eq!(running.handle().stats().counter(name), 1);
}
