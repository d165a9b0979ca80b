//! What a bootstrap says of endpoints that the router does not need to know.

use std::collections::HashMap;

use meta_core::Address;
use serde_json::Value;

/// Details of endpoints, by cluster.
pub(super) struct Described {
    by_address: HashMap<String, HashMap<String, Details>>,
}

/// What is said of an endpoint; what is not said is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// Its name, where it is found by one.
    pub(super) hostname: String,
    pub(super) region: String,
    pub(super) zone: String,
    pub(super) sub_zone: String,
    pub(super) is_canary: bool,
    pub(super) priority: u64,
}

impl Described {
    pub(super) fn new(document: &Value) -> Self {
        let clusters = document["static_resources"]["clusters"].as_array();
        let clusters = clusters.into_iter().flatten();
        let by_address = clusters.map(|cluster| (text(&cluster["name"]), of_cluster(cluster)));
        Self {
            by_address: by_address.collect(),
        }
    }

    /// Of an endpoint that was found by a name, what is said of the name where that is
    /// the only one.
    pub(super) fn of(&self, cluster: &str, address: &Address) -> Details {
        let Some(details) = self.by_address.get(cluster) else {
            return Details::default();
        };
        let listed = details.get(&address.to_string());
        let mut all = details.values();
        let only = match (all.next(), all.next()) {
            (Some(only), None) if !only.hostname.is_empty() => Some(only),
            _ => None,
        };
        listed.or(only).cloned().unwrap_or_default()
    }
}

fn of_cluster(cluster: &Value) -> HashMap<String, Details> {
    let mut details = HashMap::new();
    let by_name = matches!(cluster["type"].as_str(), Some("STRICT_DNS" | "LOGICAL_DNS"));
    for locality in list(&cluster["load_assignment"]["endpoints"]) {
        let place = &locality["locality"];
        for endpoint in list(&locality["lb_endpoints"]) {
            let metadata = &endpoint["metadata"]["filter_metadata"]["envoy.lb"];
            let endpoint = &endpoint["endpoint"];
            let Some(address) = address(&endpoint["address"]) else {
                continue;
            };
            let hostname = match (endpoint["hostname"].as_str(), by_name) {
                (Some(name), _) => name.to_owned(),
                (None, true) => text(&endpoint["address"]["socket_address"]["address"]),
                (None, false) => String::new(),
            };
            let own = Details {
                hostname,
                region: text(&place["region"]),
                zone: text(&place["zone"]),
                sub_zone: text(&place["sub_zone"]),
                is_canary: metadata["canary"].as_bool().unwrap_or_default(),
                priority: locality["priority"].as_u64().unwrap_or_default(),
            };
            details.insert(address, own);
        }
    }
    details
}

/// An address as the endpoints' own is shown.
fn address(address: &Value) -> Option<String> {
    if let Some(path) = address["pipe"]["path"].as_str() {
        return Some(format!("unix:{path}"));
    }
    let socket = &address["socket_address"];
    let (host, port) = (socket["address"].as_str()?, socket["port_value"].as_u64()?);
    Some(match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_of_an_endpoint_is_found() {
        let endpoint = |host: &str| json!({ "endpoint": { "address": { "socket_address": { "address": host, "port_value": 80 } } } });
        let described = Described::new(&json!({ "static_resources": { "clusters": [
            { "name": "listed", "load_assignment": { "endpoints": [
                { "locality": { "zone": "z" }, "priority": 1, "lb_endpoints": [ endpoint("::1") ] },
                { "lb_endpoints": [ endpoint("10.0.0.1") ] },
            ] } },
            { "name": "named", "type": "STRICT_DNS", "load_assignment": { "endpoints": [
                { "locality": { "region": "r" }, "lb_endpoints": [ endpoint("greeter") ] },
            ] } },
        ] } }));
        let of = |cluster, address: &str| {
            let address: std::net::SocketAddr = address.parse().expect("an address");
            described.of(cluster, &address.into())
        };
        let first = of("listed", "[::1]:80");
        assert_eq!((&*first.zone, first.priority), ("z", 1));
        assert_eq!(of("listed", "10.0.0.1:80"), Details::default());
        assert_eq!(of("listed", "10.0.0.2:80"), Details::default());
        let named = of("named", "10.0.0.3:80");
        assert_eq!((&*named.hostname, &*named.region), ("greeter", "r"));
        assert_eq!(of("unknown", "10.0.0.3:80"), Details::default());
    }
}
