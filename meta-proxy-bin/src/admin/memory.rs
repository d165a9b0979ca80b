//! `/memory`: what the process has of it.

use serde_json::{Map, Value};

use super::pages::{Effect, Page, json};
use crate::{supervisor::Shared, sys};

pub(super) const MEMORY: Page = Page {
    path: "/memory",
    effect: Effect::None,
    text: "memory of the process in bytes, in JSON; what is not known is not there",
    queries: &[],
    answer: |asked| Ok(json(&memory(asked.shared))),
};

/// `envoy.admin.v3.Memory`, whose numbers are strings, as 64 bits are in JSON.
fn memory(shared: &Shared) -> Value {
    let known = shared.memory();
    let fields = [
        ("allocated", known.allocated_bytes),
        ("heap_size", known.heap_bytes),
        ("total_physical_bytes", sys::resident_bytes()),
    ];
    let mut memory = Map::new();
    for (name, bytes) in fields {
        if let Some(bytes) = bytes {
            memory.insert(name.to_owned(), bytes.to_string().into());
        }
    }
    Value::Object(memory)
}
