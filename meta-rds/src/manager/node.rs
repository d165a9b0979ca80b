//! Who the proxy is, as control planes are told.

use std::collections::HashMap;

use envoy_types::pb::{
    envoy::config::core::v3::{Locality, Node, node::UserAgentVersionType},
    google::protobuf::{ListValue, Struct, Value, value::Kind},
};
use serde_json::{Map, Value as Json};

use crate::bootstrap::NodeInfo;

/// What servers may count on: a time to live, and resources that are wrapped to have one.
const FEATURES: [&str; 2] = [
    "xds.config.resource-in-sotw",
    "xds.config.supports-resource-ttl",
];

pub(super) fn message(node: &NodeInfo) -> Node {
    let [region, zone, sub_zone] = node.locality.clone();
    let locality = Locality {
        region,
        zone,
        sub_zone,
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        metadata: (!node.metadata.is_empty()).then(|| object(&node.metadata)),
        locality: (locality != Locality::default()).then_some(locality),
        user_agent_name: "meta-proxy".to_owned(),
        user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(version)),
        client_features: FEATURES.map(str::to_owned).into(),
        ..Node::default()
    }
}

fn object(map: &Map<String, Json>) -> Struct {
    let fields = map.iter().map(|(key, json)| (key.clone(), value(json)));
    let fields: HashMap<_, _> = fields.collect();
    Struct {
        fields: fields.into_iter().collect(),
    }
}

fn value(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(value).collect(),
        }),
        Json::Object(map) => Kind::StructValue(object(map)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_a_bootstrap_says_is_told() {
        let metadata = json!({ "NAME": "a", "PORTS": [1, null, true], "LABELS": { "app": "x" } });
        let told = message(&NodeInfo {
            id: "proxy-1".to_owned(),
            cluster: "shops".to_owned(),
            metadata: metadata.as_object().cloned().expect("an object"),
            locality: ["here", "", "there"].map(str::to_owned),
        });
        assert_eq!((&*told.id, &*told.cluster), ("proxy-1", "shops"));
        let locality = told.locality.expect("it is told");
        assert_eq!((&*locality.region, &*locality.sub_zone), ("here", "there"));
        let fields = told.metadata.expect("it is told").fields;
        let Some(Kind::ListValue(ports)) = &fields["PORTS"].kind else {
            panic!("a list: {:?}", fields["PORTS"]);
        };
        let kinds = [
            Some(Kind::NumberValue(1.0)),
            Some(Kind::NullValue(0)),
            Some(Kind::BoolValue(true)),
        ];
        assert!(ports.values.iter().map(|value| &value.kind).eq(&kinds));
        assert_eq!(told.user_agent_name, "meta-proxy");
        assert_eq!(told.client_features, FEATURES);
    }
}
