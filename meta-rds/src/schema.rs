//! The JSON Schema of bootstraps, from the descriptors.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::{
    load::descriptors,
    problem::LoadError,
    read::any::{DOMAIN, TYPED_STRUCTS},
};

/// The schema of a bootstrap, in JSON Schema's draft 2020-12.
///
/// It knows the names of fields in both spellings, their types, and what may stand
/// in an `Any`; bounds on values are checked by [`Loader`](crate::Loader) alone.
///
/// # Errors
///
/// Never but where this crate was built wrong.
pub fn schema() -> Result<Value, LoadError> {
    let (pool, bootstrap) = descriptors()?;
    let mut writer = Writer {
        any: allowed(&pool),
        definitions: BTreeMap::new(),
    };
    let root = writer.message(&bootstrap);
    for message in writer.any.clone() {
        writer.message(&message);
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bootstrap of meta-proxy",
    });
    if let (Value::Object(own), Value::Object(root)) = (&mut schema, root) {
        own.extend(root);
        let definitions: Map<_, _> = writer.definitions.into_iter().collect();
        own.insert("$defs".to_owned(), definitions.into());
    }
    Ok(schema)
}

/// The messages that may stand in an `Any`: configurations of extensions.
fn allowed(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let is_extension = |message: &MessageDescriptor| {
        let package = message.package_name();
        message.parent_message().is_none()
            && (package.starts_with("envoy.extensions.")
                || package.starts_with("aeraki.meta_protocol_proxy.")
                || message.full_name() == "envoy.config.trace.v3.ZipkinConfig"
                || TYPED_STRUCTS.contains(&message.full_name()))
    };
    pool.all_messages().filter(is_extension).collect()
}

struct Writer {
    any: Vec<MessageDescriptor>,
    definitions: BTreeMap<String, Value>,
}

impl Writer {
    /// A reference to a message, which is defined on the way.
    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.full_name();
        if let Some(special) = special(name) {
            return special;
        }
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        if self.definitions.contains_key(name) {
            return reference;
        }
        // Messages may hold themselves.
        self.definitions.insert(name.to_owned(), Value::Null);
        let definition = match name {
            "google.protobuf.Any" => self.any(),
            _ => self.fields(message),
        };
        self.definitions.insert(name.to_owned(), definition);
        reference
    }

    fn fields(&mut self, message: &MessageDescriptor) -> Value {
        let mut properties = Map::new();
        for field in message.fields() {
            let mut schema = self.field(&field);
            let options = field.field_descriptor_proto().options.as_ref();
            if let (true, Value::Object(schema)) = (
                options.is_some_and(|options| options.deprecated()),
                &mut schema,
            ) {
                schema.insert("deprecated".to_owned(), true.into());
            }
            if field.json_name() != field.name() {
                properties.insert(field.json_name().to_owned(), schema.clone());
            }
            properties.insert(field.name().to_owned(), schema);
        }
        if self.any.contains(message) {
            let type_url = format!("{DOMAIN}{}", message.full_name());
            properties.insert("@type".to_owned(), json!({ "const": type_url }));
        }
        json!({
            "type": ["object", "null"],
            "properties": properties,
            "additionalProperties": false,
        })
    }

    fn any(&self) -> Value {
        let choices = self.any.iter().map(|message| {
            let name = message.full_name();
            json!({
                "if": { "properties": { "@type": { "const": format!("{DOMAIN}{name}") } } },
                "then": { "$ref": format!("#/$defs/{name}") },
            })
        });
        let choices: Vec<_> = choices.collect();
        let urls = self
            .any
            .iter()
            .map(|message| format!("{DOMAIN}{}", message.full_name()));
        let urls: Vec<_> = urls.collect();
        json!({
            "type": "object",
            "required": ["@type"],
            "properties": { "@type": { "enum": urls } },
            "allOf": choices,
        })
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map()
            && let Kind::Message(entry) = field.kind()
        {
            let value = self.single(&entry.map_entry_value_field().kind());
            return json!({ "type": "object", "additionalProperties": value });
        }
        let single = self.single(&field.kind());
        match field.is_list() {
            // One value stands for a list of one.
            true => json!({ "anyOf": [{ "type": "array", "items": single }, single] }),
            false => single,
        }
    }

    fn single(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Message(message) => self.message(message),
            Kind::Enum(values) => enumeration(values),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String | Kind::Bytes => json!({ "type": "string" }),
            Kind::Double | Kind::Float => json!({ "type": ["number", "string"] }),
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": ["integer", "string"], "minimum": 0, "maximum": u32::MAX })
            }
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": ["integer", "string"], "minimum": 0 }),
            _ => json!({ "type": ["integer", "string"] }),
        }
    }
}

fn enumeration(values: &EnumDescriptor) -> Value {
    let names: Vec<_> = values
        .values()
        .map(|value| value.name().to_owned())
        .collect();
    json!({ "anyOf": [{ "enum": names }, { "type": "integer" }] })
}

/// The messages that have a form of their own in JSON.
fn special(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Duration" => json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" }),
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "FieldMask" | "StringValue" | "BytesValue" => json!({ "type": "string" }),
        "BoolValue" => json!({ "type": "boolean" }),
        "DoubleValue" | "FloatValue" => json!({ "type": ["number", "string"] }),
        "Int32Value" | "Int64Value" => json!({ "type": ["integer", "string"] }),
        "UInt32Value" | "UInt64Value" => json!({ "type": ["integer", "string"], "minimum": 0 }),
        "Struct" => json!({ "type": "object" }),
        "ListValue" => json!({ "type": "array" }),
        "Value" => json!({}),
        _ => return None,
    })
}
