//! Who the proxy is, as control planes are told.

use std::collections::HashMap;

use envoy_types::pb::{
    envoy::config::core::v3::{Locality, Node, node::UserAgentVersionType},
    google::protobuf::{ListValue, Struct, Value, value::Kind},
};
use serde_json::{Map, Value as Json};

use crate::bootstrap::NodeInfo;

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
