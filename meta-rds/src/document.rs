//! A bootstrap as it is shown: JSON without secrets.

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, SerializeOptions, Value,
};
use serde_json::Value as Json;

use crate::tree::{MessageTree, Tree, TreeKind};

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";
/// The option of fields that hold secrets.
const SENSITIVE: &str = "udpa.annotations.sensitive";
/// Names under which free-form objects hold secrets, in snake_case.
const SECRETS: [&str; 8] = [
    "private_key",
    "password",
    "passphrase",
    "secret",
    "client_secret",
    "token",
    "session_ticket_keys",
    "api_key",
];
/// Fields of secrets that say where they are, which is none.
const PLACES: [&str; 4] = [
    "filename",
    "environment_variable",
    "watched_directory",
    "path",
];

/// A message as JSON, its fields in snake_case, without what is marked as a secret.
pub(crate) fn text(message: &MessageTree) -> String {
    let mut message = message.clone();
    let pool = message.descriptor.parent_pool();
    if let Some(option) = pool.get_extension_by_name(SENSITIVE) {
        redact_marked(&mut message, &option);
    }
    let mut json = json(&message.build());
    redact(&mut json);
    json.to_string()
}

fn json(message: &DynamicMessage) -> Json {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(true);
    let serialized = message.serialize_with_options(serde_json::value::Serializer, &options);
    serialized.unwrap_or_default()
}

/// Puts `[redacted]` in the place of what stands under names of secrets, such as
/// `password` or `private_key`, in an object of whatever form. File names and the
/// names of environment variables stay.
pub fn redact(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                match SECRETS.contains(&&*snake_case(name)) {
                    true => hide(value),
                    false => redact(value),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

/// Redacts all text but names of places.
fn hide(value: &mut Json) {
    match value {
        Json::String(text) if text.is_empty() || is_redacted(text) => {}
        Json::String(_) | Json::Number(_) => *value = REDACTED.into(),
        Json::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| !PLACES.contains(&&*snake_case(name)))
            .for_each(|(_, value)| hide(value)),
        Json::Array(items) => items.iter_mut().for_each(hide),
        Json::Null | Json::Bool(_) => {}
    }
}

/// Whether it is so already; as bytes it is in base64.
fn is_redacted(text: &str) -> bool {
    text == REDACTED || text == "W3JlZGFjdGVkXQ=="
}

fn redact_marked(message: &mut MessageTree, option: &ExtensionDescriptor) {
    for (field, tree) in &mut message.fields {
        match is_marked(field, option) {
            true => hide_tree(tree),
            false => each_message(tree, &mut |message| redact_marked(message, option)),
        }
    }
}

fn is_marked(field: &FieldDescriptor, option: &ExtensionDescriptor) -> bool {
    field.options().get_extension(option).as_bool() == Some(true)
}

fn each_message(tree: &mut Tree, call: &mut dyn FnMut(&mut MessageTree)) {
    match &mut tree.kind {
        TreeKind::Value(_) => {}
        TreeKind::Message(message) | TreeKind::Any(_, message) => call(message),
        TreeKind::List(items) => items.iter_mut().for_each(|item| each_message(item, call)),
        TreeKind::Map(pairs) => pairs
            .iter_mut()
            .for_each(|(_, value)| each_message(value, call)),
    }
}

fn hide_tree(tree: &mut Tree) {
    match &mut tree.kind {
        TreeKind::Value(Value::String(text)) => REDACTED.clone_into(text),
        TreeKind::Value(Value::Bytes(bytes)) => *bytes = REDACTED.as_bytes().into(),
        TreeKind::Value(_) => {}
        TreeKind::List(items) => items.iter_mut().for_each(hide_tree),
        TreeKind::Map(pairs) => pairs.iter_mut().for_each(|(_, value)| hide_tree(value)),
        TreeKind::Message(message) | TreeKind::Any(_, message) => {
            let fields = message.fields.iter_mut();
            fields
                .filter(|(field, _)| !PLACES.contains(&field.name()))
                .for_each(|(_, tree)| hide_tree(tree));
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(if c == '-' {
            '_'
        } else {
            c.to_ascii_lowercase()
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn free_form_secrets_are_redacted() {
        let mut value = json!({
            "password": "p", "privateKey": { "inline_string": "k", "filename": "/k.pem" },
            "inner": [ { "client-secret": ["a"], "user": "u" } ],
            "token": "", "secret": true,
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "password": "[redacted]",
                "privateKey": { "inline_string": "[redacted]", "filename": "/k.pem" },
                "inner": [ { "client-secret": ["[redacted]"], "user": "u" } ],
                "token": "", "secret": true,
            })
        );
    }
}
