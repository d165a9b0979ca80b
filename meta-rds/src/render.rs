//! Plain types as resources in JSON: the way back.
//!
//! Fields have their names in snake_case, and those that hold their default are left
//! out. What the resources have no field for is left out, too.

use std::time::Duration;

use meta_core::Address;
use meta_router::DnsHost;
use serde_json::{Map, Value, json};

mod cluster;
mod routes;

pub use self::{
    cluster::{render_cluster, render_load_assignment},
    routes::render_routes,
};

/// `envoy.config.core.v3.Address`.
pub fn render_address(address: &Address) -> Value {
    match address {
        Address::Ip(at) => socket(&at.ip().to_string(), at.port()),
        Address::Unix(path) => json!({ "pipe": { "path": path.to_string_lossy() } }),
        other => json!({ "envoy_internal_address": { "server_listener_name": other.to_string() } }),
    }
}

/// `google.protobuf.Duration`.
pub fn render_duration(duration: Duration) -> Value {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let text = match nanos {
        0 => format!("{seconds}s"),
        nanos if nanos % 1_000_000 == 0 => format!("{seconds}.{:03}s", nanos / 1_000_000),
        nanos => format!("{seconds}.{nanos:09}s"),
    };
    Value::String(text)
}

fn host(host: &DnsHost) -> Value {
    socket(&host.name, host.port)
}

fn socket(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}

/// The fields of a message.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Leaves out what is as it would be without the field.
    fn set_unless<T: PartialEq>(
        &mut self,
        name: &str,
        value: T,
        default: T,
        render: fn(T) -> Value,
    ) {
        if value != default {
            self.set(name, render(value));
        }
    }

    fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}
