//! `/server_info`: what the process is.

use meta_rds::NodeInfo;
use serde_json::{Map, Value, json};

use super::pages::{Effect, Page, json};
use crate::{handle::Phase, supervisor::Shared};

pub(super) const SERVER_INFO: Page = Page {
    path: "/server_info",
    effect: Effect::None,
    text: "version, state, uptime, command line and node, in JSON",
    queries: &[],
    answer: |asked| Ok(json(&server_info(asked.shared))),
};

/// What `ServerInfo` says of the version; Envoy has a commit in the place of the
/// name.
fn version() -> String {
    let build = match cfg!(debug_assertions) {
        true => "DEBUG",
        false => "RELEASE",
    };
    format!("meta-proxy/{}/{build}", env!("CARGO_PKG_VERSION"))
}

/// `envoy.admin.v3.ServerInfo`.
fn server_info(shared: &Shared) -> Value {
    let state = match shared.phase() {
        Phase::Starting => "INITIALIZING",
        Phase::Ready if shared.is_live() => "LIVE",
        _ => "DRAINING",
    };
    let uptime = format!("{}s", shared.began.elapsed().as_secs());
    let about = &shared.about;
    let mut options = about.command_line.clone();
    options.insert("concurrency".to_owned(), shared.workers().len().into());
    let drain_time = about.drain_time.as_secs_f64();
    options.insert("drain_time".to_owned(), format!("{drain_time}s").into());
    options.insert("mode".to_owned(), "Serve".into());
    options.insert("disable_hot_restart".to_owned(), true.into());
    json!({
        "version": version(),
        "state": state,
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "hot_restart_version": "disabled",
        "command_line_options": options,
        "node": node(&about.node),
    })
}

/// `envoy.config.core.v3.Node`.
fn node(node: &NodeInfo) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| {
        let is_empty = match &value {
            Value::String(text) => text.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !is_empty {
            fields.insert(name.to_owned(), value);
        }
    };
    set("id", node.id.as_str().into());
    set("cluster", node.cluster.as_str().into());
    let mut metadata = Value::Object(node.metadata.clone());
    meta_rds::redact(&mut metadata);
    set("metadata", metadata);
    let names = ["region", "zone", "sub_zone"];
    let locality = names.into_iter().zip(&node.locality);
    let locality = locality.filter(|(_, value)| !value.is_empty());
    let locality = locality.map(|(name, value)| (name.to_owned(), value.as_str().into()));
    set("locality", Value::Object(locality.collect()));
    set("user_agent_name", "meta-proxy".into());
    Value::Object(fields)
}
