//! The fields of the resources, as far as routes are made of them.

use serde::Deserialize;
use serde_json::Value;

use super::Attributes;

/// Aeraki's `MetaRouter`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MetaRouter {
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    pub(super) routes: Vec<MetaRoute>,
    /// Rate limits are served with listeners.
    #[serde(default, rename = "localRateLimit")]
    _local_rate_limit: Value,
    #[serde(default, rename = "globalRateLimit")]
    _global_rate_limit: Value,
    /// Gateways have listeners of their own.
    #[serde(default, rename = "gateways")]
    _gateways: Value,
    #[serde(default, rename = "exportTo")]
    _export_to: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MetaRoute {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, rename = "match")]
    pub(super) matches: Option<MetaMatch>,
    #[serde(default)]
    pub(super) route: Vec<Weighted>,
    #[serde(default)]
    pub(super) mirror: Option<Destination>,
    #[serde(default)]
    pub(super) mirror_percentage: Option<Percentage>,
    #[serde(default)]
    pub(super) request_mutation: Vec<KeyValue>,
    #[serde(default)]
    pub(super) response_mutation: Vec<KeyValue>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetaMatch {
    #[serde(default)]
    pub(super) attributes: Attributes,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Attribute {
    Exact(String),
    Prefix(String),
    Regex(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weighted {
    pub(super) destination: Destination,
    #[serde(default)]
    pub(super) weight: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Destination {
    pub(super) host: String,
    #[serde(default)]
    pub(super) subset: String,
    #[serde(default)]
    pub(super) port: Option<PortSelector>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortSelector {
    pub(super) number: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Percentage {
    pub(super) value: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyValue {
    pub(super) key: String,
    pub(super) value: String,
}

/// Istio's `ServiceEntry`: a service and its ports.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServiceEntry {
    hosts: Vec<String>,
    #[serde(default)]
    pub(super) ports: Vec<Port>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Port {
    pub(super) number: u32,
    #[serde(default)]
    name: String,
}

/// Istio's `DestinationRule`: by which key endpoints are chosen.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationRule {
    host: String,
    #[serde(default)]
    traffic_policy: Policy,
    #[serde(default)]
    subsets: Vec<Subset>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subset {
    name: String,
    #[serde(default)]
    traffic_policy: Policy,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Policy {
    load_balancer: LoadBalancer,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LoadBalancer {
    consistent_hash: ConsistentHash,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConsistentHash {
    http_header_name: Option<String>,
}

impl ServiceEntry {
    /// The first, which is the one that counts.
    pub(super) fn host(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }
}

impl Port {
    /// Whether its protocol is one of ours, as its name tells.
    pub(super) fn is_ours(&self) -> bool {
        self.name.starts_with("tcp-metaprotocol")
    }
}

impl DestinationRule {
    /// Whether it is of that service; short names are of the rule's namespace.
    pub(super) fn is_of(&self, host: &str, namespace: &str) -> bool {
        if self.host.contains('.') {
            return self.host == host;
        }
        host == format!("{}.{namespace}.svc.cluster.local", self.host)
    }

    /// The key of a subset: its own, or that of all.
    pub(super) fn hash_key(&self, subset: &str) -> Option<&str> {
        let mut subsets = self.subsets.iter();
        let own = subsets.find(|own| own.name == subset);
        let own = own.and_then(|own| own.traffic_policy.hash_key());
        own.or_else(|| self.traffic_policy.hash_key())
    }
}

impl Policy {
    fn hash_key(&self) -> Option<&str> {
        let name = &self.load_balancer.consistent_hash.http_header_name;
        name.as_deref().filter(|name| !name.is_empty())
    }
}
