//! Bounds on connections: keys of the runtime, and the overload manager.

use std::collections::BTreeMap;

use envoy_types::pb::{
    envoy::{
        config::{
            bootstrap::v3::{self as pb, runtime_layer::LayerSpecifier},
            overload::v3::{OverloadManager, resource_monitor::ConfigType},
        },
        extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig,
    },
    google::protobuf::{Struct, value::Kind},
};
use prost::Message as _;

use super::Converter;
use crate::path::Path;

/// The key of a listener's bound stands between these.
const LISTENER: [&str; 2] = ["envoy.resource_limits.listener.", ".connection_limit"];
const GLOBAL: &str = "overload.global_downstream_max_connections";
/// Envoy's name for the monitor that counts connections.
const CONNECTIONS: &str = "envoy.resource_monitors.global_downstream_max_connections";

/// Bounds on connections.
#[derive(Default)]
pub(super) struct Limits {
    /// By the names of listeners.
    listeners: BTreeMap<String, usize>,
    /// On those of all listeners together.
    pub(super) global: Option<usize>,
}

impl Limits {
    pub(super) fn of_listener(&self, name: &str) -> Option<usize> {
        self.listeners.get(name).copied()
    }
}

impl Converter<'_> {
    pub(super) fn connection_limits(&mut self, raw: &pb::Bootstrap) -> Limits {
        let mut limits = Limits::default();
        let path = Path::ROOT.field("layered_runtime");
        let path = path.field("layers");
        let layers = raw.layered_runtime.iter().flat_map(|r| &r.layers);
        for (index, layer) in layers.enumerate() {
            // Of a key that several layers have, the last counts.
            if let Some(LayerSpecifier::StaticLayer(layer)) = &layer.layer_specifier {
                let path = path.index(index);
                self.layer(layer, "", &path.field("static_layer"), &mut limits);
            }
        }
        if let Some(manager) = &raw.overload_manager {
            self.overload_manager(manager, &mut limits);
        }
        limits
    }

    /// A layer's keys, which may be written out or nested.
    fn layer(&mut self, layer: &Struct, before: &str, path: &Path<'_>, limits: &mut Limits) {
        // In an order of its own, so that messages are.
        let fields: BTreeMap<_, _> = layer.fields.iter().collect();
        for (name, value) in fields {
            let key = match before {
                "" => name.clone(),
                before => format!("{before}.{name}"),
            };
            let path = path.key(name);
            match &value.kind {
                Some(Kind::StructValue(inner)) if is_prefix(&key) => {
                    self.layer(inner, &key, &path, limits);
                }
                Some(kind) => self.key(&key, kind, &path, limits),
                None => {}
            }
        }
    }

    fn key(&mut self, key: &str, value: &Kind, path: &Path<'_>, limits: &mut Limits) {
        let [before, after] = LISTENER;
        let listener = key.strip_prefix(before);
        let listener = listener.and_then(|rest| rest.strip_suffix(after));
        if listener.is_none() && key != GLOBAL {
            let text = format!("no effect: nothing here asks the runtime for {key}");
            self.warn(path, text);
            return;
        }
        let number = match value {
            Kind::NumberValue(number) => Some(*number),
            Kind::StringValue(text) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n)) else {
            self.error(path, "expected a number of connections");
            return;
        };
        let bound = number as usize;
        match listener {
            Some(name) => drop(limits.listeners.insert(name.to_owned(), bound)),
            None => limits.global = Some(bound),
        }
    }

    fn overload_manager(&mut self, raw: &OverloadManager, limits: &mut Limits) {
        let path = Path::ROOT.field("overload_manager");
        let monitors = path.field("resource_monitors");
        for (index, monitor) in raw.resource_monitors.iter().enumerate() {
            let path = monitors.index(index);
            if monitor.name != CONNECTIONS {
                let text = format!("the monitor {} is not implemented yet", monitor.name);
                self.unsupported(&path, text);
                continue;
            }
            let any = monitor.config_type.as_ref();
            let decoded = any.map(|ConfigType::TypedConfig(any)| {
                DownstreamConnectionsConfig::decode(&*any.value).unwrap_or_default()
            });
            match decoded.map(|raw| usize::try_from(raw.max_active_downstream_connections)) {
                // It takes the place of the runtime's key.
                Some(Ok(bound)) => limits.global = Some(bound),
                _ => self.error(&path.field("typed_config"), "required"),
            }
        }
    }
}

/// Whether keys that are known begin so.
fn is_prefix(key: &str) -> bool {
    let [listener, _] = LISTENER;
    listener.starts_with(key) || key.starts_with(listener) || GLOBAL.starts_with(key)
}
