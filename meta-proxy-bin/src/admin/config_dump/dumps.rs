//! What each dump holds.

use meta_rds::{RdsState, render_load_assignment, render_routes};
use meta_router::Endpoints;
use serde_json::{Value, json};

use super::{Dump, Item, with_type};
use crate::{
    live::LiveRoutes,
    supervisor::{Shared, Updated},
};

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str =
    "type.googleapis.com/aeraki.meta_protocol_proxy.config.route.v1alpha.RouteConfiguration";
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/// The name of a dump or of what is in it.
macro_rules! admin {
    ($name:literal) => {
        concat!("type.googleapis.com/envoy.admin.v3.", $name)
    };
}

pub(super) fn bootstrap(shared: &Shared, document: Value) -> Value {
    json!({
        "@type": admin!("BootstrapConfigDump"),
        "bootstrap": document,
        "last_updated": shared.updates().bootstrap().1.to_string(),
    })
}

/// All but the bootstrap.
pub(super) fn dumps(shared: &Shared, document: &Value, with_endpoints: bool) -> Vec<Dump> {
    let mut dumps = vec![
        clusters(shared, document),
        listeners(shared, document),
        routes(shared),
        secrets(shared, document),
    ];
    if with_endpoints {
        dumps.insert(1, endpoints(shared));
    }
    dumps
}

fn clusters(shared: &Shared, document: &Value) -> Dump {
    let clusters = resources(document, "clusters").iter().map(|cluster| {
        let name = name_of(cluster);
        let mut cluster = cluster.clone();
        let updated = shared.updates().cluster(&name);
        if let Some(assignment) = replaced(shared, &name) {
            cluster["load_assignment"] = assignment;
        }
        static_item(name, "cluster", CLUSTER, cluster, updated)
    });
    Dump {
        type_url: admin!("ClustersConfigDump"),
        lists: vec![(
            "static_clusters",
            admin!("ClustersConfigDump.StaticCluster"),
            clusters.collect(),
        )],
    }
}

/// The endpoints in force of a cluster that lists them, where they are others than
/// at the start.
fn replaced(shared: &Shared, name: &str) -> Option<Value> {
    let config = shared.clusters.iter().find(|own| *own.name == *name)?;
    let Endpoints::Static(listed) = &config.endpoints else {
        return None;
    };
    let endpoints = shared.plan.clusters.membership(name)?.addresses();
    (endpoints != *listed).then(|| render_load_assignment(name, &endpoints))
}

fn listeners(shared: &Shared, document: &Value) -> Dump {
    let listeners = resources(document, "listeners").iter().map(|listener| {
        let name = name_of(listener);
        let updated = listener_updated(shared, &name);
        static_item(name, "listener", LISTENER, listener.clone(), updated)
    });
    Dump {
        type_url: admin!("ListenersConfigDump"),
        lists: vec![(
            "static_listeners",
            admin!("ListenersConfigDump.StaticListener"),
            listeners.collect(),
        )],
    }
}

/// When a listener, or one of the route tables in it, was put in force.
fn listener_updated(shared: &Shared, name: &str) -> Updated {
    let listeners = shared.plan.listeners.iter();
    let of_listeners = listeners.flat_map(|l| l.chains.iter().map(|_| &*l.config.name == name));
    let updates = shared.updates();
    let times = of_listeners.enumerate().filter(|(_, is_its)| *is_its);
    let times = times.map(|(chain, _)| updates.routes(chain));
    times.max().unwrap_or(shared.began_at)
}

/// The route tables in force, in the order of their listeners and chains.
fn routes(shared: &Shared) -> Dump {
    let chains = shared.plan.chains().enumerate();
    let is_live = |chain| shared.live().is_some_and(|live| live.has(chain));
    let chains = chains.filter(|(index, _)| !is_live(*index));
    let tables = chains.map(|(index, chain)| {
        let table = chain.routes.current();
        let updated = shared.updates().routes(index);
        let name = table.name().to_string();
        let routes = render_routes(&table);
        static_item(name, "route_config", ROUTES, routes, updated)
    });
    Dump {
        type_url: "type.googleapis.com/aeraki.meta_protocol_proxy.admin.v1alpha.RoutesConfigDump",
        lists: vec![
            (
                "static_route_configs",
                "type.googleapis.com/aeraki.meta_protocol_proxy.admin.v1alpha.\
                 RoutesConfigDump.StaticRouteConfig",
                tables.collect(),
            ),
            (
                "dynamic_route_configs",
                "type.googleapis.com/aeraki.meta_protocol_proxy.admin.v1alpha.\
                 RoutesConfigDump.DynamicRouteConfig",
                live_routes(shared),
            ),
        ],
    }
}

/// The route tables that come from elsewhere, and what was refused of them.
fn live_routes(shared: &Shared) -> Vec<Item> {
    let tables = shared.live().into_iter().flat_map(LiveRoutes::tables);
    let items = tables.map(|(chain, status)| {
        let mut value = json!({ "client_status": client_status(status.state) });
        if !status.version.is_empty() {
            value["version_info"] = status.version.as_str().into();
        }
        if let Some(chain) = shared.plan.chains().nth(chain) {
            let mut routes = render_routes(&chain.routes.current());
            // Before the first there is none, which has no name.
            routes["name"] = (*status.name).into();
            value["route_config"] = with_type(ROUTES, routes);
        }
        if let Some(updated) = status.last_updated {
            value["last_updated"] = Updated::at(updated).to_string().into();
        }
        if let Some(refused) = &status.refused {
            value["error_state"] = json!({
                "last_update_attempt": Updated::at(refused.at).to_string(),
                "details": refused.reason,
                "version_info": refused.version,
            });
        }
        Item {
            name: status.name.to_string(),
            value,
        }
    });
    items.collect()
}

/// `envoy.admin.v3.ClientResourceStatus`.
fn client_status(state: RdsState) -> &'static str {
    match state {
        RdsState::Requested => "REQUESTED",
        RdsState::Absent => "DOES_NOT_EXIST",
        RdsState::Accepted => "ACKED",
        RdsState::Refused => "NACKED",
        RdsState::TimedOut => "TIMEOUT",
        _ => "UNKNOWN",
    }
}

fn secrets(shared: &Shared, document: &Value) -> Dump {
    let secrets = resources(document, "secrets").iter().map(|secret| {
        let name = name_of(secret);
        let mut item = static_item(name, "secret", SECRET, secret.clone(), shared.began_at);
        item.value["name"] = item.name.as_str().into();
        item
    });
    Dump {
        type_url: admin!("SecretsConfigDump"),
        lists: vec![(
            "static_secrets",
            admin!("SecretsConfigDump.StaticSecret"),
            secrets.collect(),
        )],
    }
}

fn endpoints(shared: &Shared) -> Dump {
    let clusters = shared.clusters.iter().filter_map(|cluster| {
        let endpoints = shared.plan.clusters.membership(&cluster.name)?.addresses();
        let config = render_load_assignment(&cluster.name, &endpoints);
        let updated = shared.updates().cluster(&cluster.name);
        let name = cluster.name.to_string();
        Some(static_item(
            name,
            "endpoint_config",
            ENDPOINTS,
            config,
            updated,
        ))
    });
    Dump {
        type_url: admin!("EndpointsConfigDump"),
        lists: vec![(
            "static_endpoint_configs",
            admin!("EndpointsConfigDump.StaticEndpointConfig"),
            clusters.collect(),
        )],
    }
}

fn resources<'a>(document: &'a Value, list: &str) -> &'a [Value] {
    let resources = &document["static_resources"][list];
    resources.as_array().map_or(&[], Vec::as_slice)
}

fn name_of(resource: &Value) -> String {
    resource["name"].as_str().unwrap_or_default().to_owned()
}

fn static_item(
    name: String,
    field: &str,
    type_url: &str,
    resource: Value,
    updated: Updated,
) -> Item {
    let mut value = json!({ "last_updated": updated.to_string() });
    value[field] = with_type(type_url, resource);
    Item { name, value }
}
