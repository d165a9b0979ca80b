//! `/runtime`: the runtime's values, those that have an effect.

use serde_json::{Map, Value, json};

use super::pages::{Effect, Page, json};
use crate::document;

pub(super) const RUNTIME: Page = Page {
    path: "/runtime",
    effect: Effect::None,
    text: "the runtime's values that have an effect: bounds on connections",
    queries: &[],
    answer: |asked| Ok(json(&runtime(&document::of(asked.shared)))),
};

/// Envoy's form: the names of layers, and of each key the value in each of them and
/// that in force.
fn runtime(document: &Value) -> Value {
    let layers = document["layered_runtime"]["layers"].as_array();
    let layers = layers.map_or(&[][..], Vec::as_slice);
    let mut entries = Map::new();
    for (index, layer) in layers.iter().enumerate() {
        let mut values = Vec::new();
        flatten("", &layer["static_layer"], &mut values);
        for (key, value) in values {
            let entry = entries.entry(key).or_insert_with(
                || json!({ "layer_values": vec![""; layers.len()], "final_value": "" }),
            );
            entry["layer_values"][index] = value.as_str().into();
            // The last layer that has it counts.
            entry["final_value"] = value.into();
        }
    }
    let names: Vec<_> = layers.iter().map(|layer| &layer["name"]).collect();
    json!({ "layers": names, "entries": entries })
}

/// The keys that are read; those of nested objects are joined by dots.
fn flatten(prefix: &str, value: &Value, values: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let key = match prefix {
                    "" => name.clone(),
                    prefix => format!("{prefix}.{name}"),
                };
                flatten(&key, value, values);
            }
        }
        value if is_read(prefix) => {
            let text = match value {
                Value::String(text) => text.clone(),
                // Whole numbers of free-form objects are floating.
                Value::Number(number) => match number.as_f64() {
                    Some(float) if float.fract() == 0.0 => format!("{float:.0}"),
                    _ => number.to_string(),
                },
                value => value.to_string(),
            };
            values.push((prefix.to_owned(), text));
        }
        _ => {}
    }
}

fn is_read(key: &str) -> bool {
    key == "overload.global_downstream_max_connections"
        || (key.starts_with("envoy.resource_limits.listener.")
            && key.ends_with(".connection_limit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_by_layer() {
        let bootstrap = json!({ "layered_runtime": { "layers": [
            { "name": "a", "static_layer": {
                "overload.global_downstream_max_connections": 10.0, "unknown": 1,
            } },
            { "name": "b", "static_layer": {
                "overload": { "global_downstream_max_connections": 20 },
                "envoy": { "resource_limits": { "listener": { "in": { "connection_limit": "5" } } } },
            } },
        ] } });
        assert_eq!(
            runtime(&bootstrap),
            json!({
                "layers": ["a", "b"],
                "entries": {
                    "overload.global_downstream_max_connections": {
                        "layer_values": ["10", "20"], "final_value": "20",
                    },
                    "envoy.resource_limits.listener.in.connection_limit": {
                        "layer_values": ["", "5"], "final_value": "5",
                    },
                },
            })
        );
        assert_eq!(runtime(&json!({})), json!({ "layers": [], "entries": {} }));
    }
}
