use std::{collections::HashSet, fmt::Debug, time::Duration};

use meta_codec::{DownstreamStats, UpstreamStats};
use meta_router::MembershipStats;

use super::*;

/// The fields of a struct, as its debug form shows them.
fn fields(value: &impl Debug) -> HashSet<String> {
    let text = format!("{value:#?}");
    let own = text.lines().filter_map(|line| line.strip_prefix("    "));
    let own = own.filter(|line| !line.starts_with(' '));
    let names = own.filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn names(stats: &Stats, prefix: &str) -> HashSet<String> {
    let own = stats
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(prefix));
    own.map(str::to_owned).collect()
}

#[test]
fn every_cell_has_its_name() {
    let (downstream, upstream) = (DownstreamStats::default(), UpstreamStats::default());
    let mut stats = Stats::default();
    stats.add_downstream(&Scope::MetaProtocol("in"), &downstream);
    stats.add_upstream(&Scope::Cluster("out"), &upstream);
    assert_eq!(names(&stats, "meta_protocol.in."), fields(&downstream));
    assert_eq!(names(&stats, "cluster.out."), fields(&upstream));
    let membership = MembershipStats::default();
    stats.add_membership(&Scope::Cluster("members"), &membership);
    assert_eq!(names(&stats, "cluster.members."), fields(&membership));
}

fn some() -> Stats {
    let downstream = DownstreamStats::default();
    downstream.request.add(3);
    downstream.request_active.inc();
    for us in [400, 3_000, 4_000_000_000] {
        downstream.request_time_ms.record(Duration::from_micros(us));
    }
    let upstream = UpstreamStats::default();
    upstream.upstream_rq_total.add(2);
    let mut stats = Stats::default();
    // Two workers, alike.
    for _ in 0..2 {
        stats.add_downstream(&Scope::MetaProtocol("in-1.x"), &downstream);
        stats.add_upstream(&Scope::Cluster("outbound|80||a\"b"), &upstream);
    }
    stats.add(
        &Scope::ListenerWorker("[__1]_80", 1),
        "downstream_cx_active",
        StatValue::Gauge(-1),
    );
    stats
}

#[test]
fn workers_are_summed() {
    let stats = some();
    assert_eq!(stats.counter("meta_protocol.in-1.x.request"), 6);
    assert_eq!(stats.gauge("meta_protocol.in-1.x.request_active"), 2);
    let text = stats.to_text();
    assert!(
        text.contains("\nmeta_protocol.in-1.x.request: 6\n"),
        "{text}"
    );
    let histogram = "request_time_ms: count=6 sum_ms=8000006.8\n";
    assert!(text.contains(histogram), "{text}");
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    assert!(names.is_sorted_by_key(|(name, _)| *name));
}

#[test]
fn prometheus_has_families_labels_and_cumulated_buckets() {
    let text = some().to_prometheus();
    for line in [
        "# TYPE envoy_meta_protocol_in_1_x_request counter",
        "envoy_meta_protocol_in_1_x_request{} 6",
        "# TYPE envoy_meta_protocol_in_1_x_request_time_ms histogram",
        "envoy_meta_protocol_in_1_x_request_time_ms_bucket{le=\"0.5\"} 2",
        "envoy_meta_protocol_in_1_x_request_time_ms_bucket{le=\"5\"} 4",
        "envoy_meta_protocol_in_1_x_request_time_ms_bucket{le=\"3600000\"} 4",
        "envoy_meta_protocol_in_1_x_request_time_ms_bucket{le=\"+Inf\"} 6",
        "envoy_meta_protocol_in_1_x_request_time_ms_count{} 6",
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"outbound|80||a\\\"b\"} 4",
        "envoy_listener_worker_downstream_cx_active\
         {envoy_listener_address=\"[__1]_80\",envoy_worker_id=\"1\"} -1",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
}

#[test]
fn prefixes_that_look_alike_to_prometheus_are_one() {
    let mut stats = Stats::default();
    for prefix in ["a.b", "a_b"] {
        stats.add(
            &Scope::MetaProtocol(prefix),
            "request",
            StatValue::Counter(1),
        );
    }
    let expected = "# TYPE envoy_meta_protocol_a_b_request counter\n\
                    envoy_meta_protocol_a_b_request{} 2\n";
    assert_eq!(stats.to_prometheus(), expected);
}
