//! `/clusters`: where requests go, and what became of them there.

use std::fmt::{self, Write as _};

use axum::response::IntoResponse;
use meta_rds::render_address;
use meta_router::{ClusterConfig, EndpointCounts, EndpointHealth, EndpointState};
use serde_json::{Value, json};

use super::pages::{Answer, Asked, Effect, Page, json};
use crate::{document, supervisor::Shared};

mod described;

use self::described::{Described, Details};

pub(super) const CLUSTERS: Page = Page {
    path: "/clusters",
    effect: Effect::None,
    text: "clusters and their endpoints: limits, counts, health",
    queries: &[
        ("format", "text or json"),
        (
            "filter",
            "clusters whose names match the expression, in part",
        ),
    ],
    answer,
};

fn answer(asked: &Asked<'_>) -> Answer {
    let shared = asked.shared;
    let is_json = asked
        .query
        .choice("format", &[("text", false), ("json", true)])?;
    let filter = asked.query.regex("filter", false)?;
    let document = document::of(shared);
    let described = Described::new(&document);
    let is_meant = |cluster: &&ClusterConfig| {
        let filter = filter.as_ref();
        filter.is_none_or(|filter| filter.is_match(&cluster.name))
    };
    let clusters = shared.clusters.iter().filter(is_meant);
    if is_json {
        let statuses = clusters.map(|cluster| status(shared, cluster, &described));
        let statuses: Vec<_> = statuses.collect();
        return Ok(json(&json!({ "cluster_statuses": statuses })));
    }
    let mut text = String::new();
    for cluster in clusters {
        // Writing to a string does not fail.
        let _ = write(&mut text, shared, cluster, &described);
    }
    Ok(text.into_response())
}

fn endpoints(shared: &Shared, cluster: &ClusterConfig) -> Vec<EndpointState> {
    let membership = shared.plan.clusters.membership(&cluster.name);
    membership.map_or_else(Vec::new, |membership| membership.endpoints())
}

/// What is counted of an endpoint, by name, and whether it comes and goes.
fn counts(counts: &EndpointCounts) -> [(&'static str, i128, bool); 8] {
    [
        ("cx_active", counts.cx_active.into(), true),
        ("cx_connect_fail", counts.cx_connect_fail.into(), false),
        ("cx_total", counts.cx_total.into(), false),
        ("rq_active", counts.rq_active.into(), true),
        ("rq_error", counts.rq_error.into(), false),
        ("rq_success", counts.rq_success.into(), false),
        ("rq_timeout", counts.rq_timeout.into(), false),
        ("rq_total", counts.rq_total.into(), false),
    ]
}

/// Envoy's lines `cluster::what::value` and `cluster::endpoint::what::value`.
fn write(
    text: &mut String,
    shared: &Shared,
    cluster: &ClusterConfig,
    described: &Described,
) -> fmt::Result {
    let name = &cluster.name;
    writeln!(text, "{name}::observability_name::{name}")?;
    for (what, bound) in bounds(cluster) {
        writeln!(text, "{name}::default_priority::{what}::{bound}")?;
    }
    writeln!(text, "{name}::added_via_api::false")?;
    for endpoint in endpoints(shared, cluster) {
        let address = &endpoint.address;
        let mut line = |what: &str, value: &dyn fmt::Display| {
            writeln!(text, "{name}::{address}::{what}::{value}")
        };
        for (what, count, _) in counts(&endpoint.counts) {
            line(what, &count)?;
        }
        let details = described.of(name, address);
        line("hostname", &details.hostname)?;
        line("health_flags", &health_flags(endpoint.health))?;
        line("weight", &endpoint.weight)?;
        line("region", &details.region)?;
        line("zone", &details.zone)?;
        line("sub_zone", &details.sub_zone)?;
        line("canary", &details.is_canary)?;
        line("priority", &details.priority)?;
        // There is no outlier detection that would know.
        line("success_rate", &-1)?;
        line("local_origin_success_rate", &-1)?;
    }
    Ok(())
}

fn bounds(cluster: &ClusterConfig) -> [(&'static str, usize); 3] {
    let limits = &cluster.limits;
    [
        ("max_connections", limits.max_connections),
        ("max_pending_requests", limits.max_pending),
        ("max_requests", limits.max_requests),
    ]
}

/// Envoy has `healthy` or flags; of these two it knows nothing.
fn health_flags(health: EndpointHealth) -> &'static str {
    match health {
        EndpointHealth::Draining => "/draining",
        EndpointHealth::Failing => "/connect_failed",
        _ => "healthy",
    }
}

/// `envoy.admin.v3.ClusterStatus`.
fn status(shared: &Shared, cluster: &ClusterConfig, described: &Described) -> Value {
    let hosts = endpoints(shared, cluster).into_iter().map(|endpoint| {
        let details = described.of(&cluster.name, &endpoint.address);
        host_status(&endpoint, &details)
    });
    let mut thresholds = json!({ "priority": "DEFAULT" });
    for (what, bound) in bounds(cluster) {
        thresholds[what] = bound.into();
    }
    json!({
        "name": &*cluster.name,
        "observability_name": &*cluster.name,
        "added_via_api": false,
        "circuit_breakers": { "thresholds": [thresholds] },
        "host_statuses": hosts.collect::<Vec<_>>(),
    })
}

/// `envoy.admin.v3.HostStatus`.
fn host_status(endpoint: &EndpointState, details: &Details) -> Value {
    let stats = counts(&endpoint.counts).map(|(name, count, comes_and_goes)| {
        let kind = match comes_and_goes {
            true => "GAUGE",
            false => "COUNTER",
        };
        // 64 bits are text in JSON.
        json!({ "type": kind, "name": name, "value": count.to_string() })
    });
    let health = match endpoint.health {
        EndpointHealth::Draining => json!({ "eds_health_status": "DRAINING" }),
        EndpointHealth::Failing => {
            json!({ "eds_health_status": "HEALTHY", "failed_outlier_check": true })
        }
        _ => json!({ "eds_health_status": "HEALTHY" }),
    };
    json!({
        "address": render_address(&endpoint.address),
        "stats": stats,
        "health_status": health,
        "weight": endpoint.weight,
        "hostname": details.hostname,
        "priority": details.priority,
        "locality": {
            "region": details.region,
            "zone": details.zone,
            "sub_zone": details.sub_zone,
        },
    })
}
