//! The admin pages.

use std::{collections::HashSet, time::Duration};

use meta_codec_test::toy::Frame;
use meta_proxy::Phase;

use crate::{
    http::get_async,
    toy::{Client, Server, eventually, loopback, proxy},
};

#[tokio::test]
async fn readiness_follows_the_phase() {
    let server = Server::start("v1").await;
    let builder = proxy(&server)
        .admin(loopback())
        .lame_duck(Duration::from_secs(60));
    let running = builder.start().await.expect("it starts");
    let admin = running.handle().admin_addr().expect("it has an admin");
    let ready = get_async(admin, "/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "LIVE\n"));
    let handle = running.handle().clone();
    let drained = tokio::spawn(async move { handle.drain(Duration::from_secs(10)).await });
    eventually("its end", || running.handle().phase() == Phase::LameDuck).await;
    let ready = get_async(admin, "/ready").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "LAME_DUCK\n"));
    running.handle().abort();
    drained.await.expect("no panic");
    eventually("the admin's end", || {
        std::net::TcpStream::connect(admin).is_err()
    })
    .await;
}

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
