//! What the proxy of this program is made of, and what it does.

use meta_proxy::{
    ExtensionConfig, FilterChainConfig, ListenerConfig, Registry, Snapshot,
    meta_core::{Address, MetadataMatcher, Route, Rule},
    meta_router::{ClusterConfig, RouteEntry, RouteTable},
};
use serde_json::json;

/// The name of the one listener.
pub const LISTENER: &str = "in";

/// The codecs and filters there are.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry
        .codec(codec_parcel::Parcel)
        .and_then(|registry| registry.filter(filter_fair_share::FairShare))
        .expect("no two have a name in common");
    registry
}

/// All goes to `v1`, but for what the canary tenant calls, if there is one.
pub fn snapshot(v1: &Address, v2: &Address, canary: Option<&str>) -> Snapshot {
    let mut routes = vec![RouteEntry::new(vec![], Route::to_cluster("rest", "v1"))];
    if let Some(tenant) = canary {
        let is_canary = MetadataMatcher::new("tenant", Rule::Exact(tenant.into()));
        let route = Route::to_cluster("canary", "v2");
        routes.insert(0, RouteEntry::new(vec![is_canary], route));
    }
    let routes = RouteTable::new("greeter", routes).expect("every route has a destination");
    let mut chain = FilterChainConfig::new(LISTENER, "parcel", routes);
    chain.filters = vec![ExtensionConfig::new(
        "fair_share",
        json!({
            "class_header": "x-class",
            "tenants": {
                "gold": { "in_flight": 100, "class": "first" },
                "thief": { "in_flight": 0 },
            },
            "others": { "in_flight": 10 },
        }),
    )];
    Snapshot {
        listeners: vec![ListenerConfig::with_chains(LISTENER, vec![chain])],
        clusters: vec![
            ClusterConfig::new("v1", vec![v1.clone()]),
            ClusterConfig::new("v2", vec![v2.clone()]),
        ],
    }
}
