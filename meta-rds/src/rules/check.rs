//! One field against its rules.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

use super::is_message;
use crate::tree::{Tree, TreeKind};

/// What is wrong with a field, or with an element of it.
pub(super) struct Finding {
    pub(super) index: Option<usize>,
    pub(super) text: String,
}

fn finding(index: Option<usize>, text: impl Into<String>) -> Finding {
    let text = text.into();
    Finding { index, text }
}

/// All that is wrong with a field; `tree` is `None` where it is absent.
pub(super) fn field(
    field: &FieldDescriptor,
    rules: &DynamicMessage,
    tree: Option<&Tree>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, value) in rules.fields() {
        let Value::Message(rules) = value else {
            continue;
        };
        match (kind.name(), tree) {
            ("repeated" | "map", tree) => collection(rules, tree, &mut findings),
            (_, None) if is_message(field) => {
                if flag(rules, "required") {
                    findings.push(finding(None, "required"));
                }
            }
            (_, None) if field.supports_presence() => {}
            (_, None) => {
                let value = field.default_value();
                single(rules, &value, None, &mut findings);
            }
            (_, Some(tree)) => {
                if let TreeKind::Value(value) = &tree.kind {
                    single(rules, value, None, &mut findings);
                }
            }
        }
    }
    findings
}

fn collection(rules: &DynamicMessage, tree: Option<&Tree>, findings: &mut Vec<Finding>) {
    let length = match tree.map(|tree| &tree.kind) {
        Some(TreeKind::List(items)) => items.len(),
        Some(TreeKind::Map(pairs)) => pairs.len(),
        _ => 0,
    };
    for (rule, bound) in rules.fields() {
        let limit = bound.as_u64().and_then(|limit| usize::try_from(limit).ok());
        match (rule.name(), limit) {
            ("min_items" | "min_pairs", Some(min)) if length < min => {
                findings.push(finding(
                    None,
                    format!("must have at least {min}, has {length}"),
                ));
            }
            ("max_items" | "max_pairs", Some(max)) if length > max => {
                findings.push(finding(
                    None,
                    format!("must have at most {max}, has {length}"),
                ));
            }
            _ => {}
        }
    }
    let Some(TreeKind::List(items)) = tree.map(|tree| &tree.kind) else {
        return;
    };
    if flag(rules, "unique") {
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            if !seen.insert(format!("{:?}", item.kind)) {
                findings.push(finding(Some(index), "is there twice"));
            }
        }
    }
    let items_rules = rules.get_field_by_name("items");
    let items_rules = items_rules.as_deref().and_then(Value::as_message);
    for (_, rules) in items_rules.into_iter().flat_map(DynamicMessage::fields) {
        let Value::Message(rules) = rules else {
            continue;
        };
        for (index, item) in items.iter().enumerate() {
            if let TreeKind::Value(value) = &item.kind {
                single(rules, value, Some(index), findings);
            }
        }
    }
}

/// One value against the rules of its type.
fn single(
    rules: &DynamicMessage,
    value: &Value,
    index: Option<usize>,
    findings: &mut Vec<Finding>,
) {
    let value = unwrap(value);
    if flag(rules, "ignore_empty") && is_empty(&value) {
        return;
    }
    for (rule, bound) in rules.fields() {
        if let Some(text) = violation(rule.name(), bound, &value) {
            findings.push(finding(index, text));
        }
    }
}

fn violation(rule: &str, bound: &Value, value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        return text_violation(rule, bound, text);
    }
    if rule == "defined_only" {
        return None;
    }
    let own = number(value)?;
    if let Value::List(list) = bound {
        let contained = list.iter().filter_map(number).any(|other| other == own);
        return match rule {
            "in" if !contained => Some("is none of the values allowed".to_owned()),
            "not_in" if contained => Some("is a value that is not allowed".to_owned()),
            _ => None,
        };
    }
    let other = number(bound)?;
    let (holds, what) = match rule {
        "const" => (own == other, "must be"),
        "gt" => (own > other, "must be greater than"),
        "gte" => (own >= other, "must be at least"),
        "lt" => (own < other, "must be less than"),
        "lte" => (own <= other, "must be at most"),
        _ => return None,
    };
    (!holds).then(|| format!("{what} {}, is {}", show(bound, other), show(value, own)))
}

fn text_violation(rule: &str, bound: &Value, text: &str) -> Option<String> {
    let limit = bound.as_u64().and_then(|limit| usize::try_from(limit).ok());
    let part = bound.as_str();
    let characters = || text.chars().count();
    match (rule, limit, part) {
        ("min_len", Some(1), _) | ("min_bytes", Some(1), _) if text.is_empty() => {
            Some("must not be empty".to_owned())
        }
        ("min_len", Some(min), _) if characters() < min => {
            Some(format!("must have at least {min} characters"))
        }
        ("max_len", Some(max), _) if characters() > max => Some(format!(
            "must have at most {max} characters, has {}",
            characters()
        )),
        ("min_bytes", Some(min), _) if text.len() < min => {
            Some(format!("must have at least {min} bytes"))
        }
        ("max_bytes", Some(max), _) if text.len() > max => {
            Some(format!("must have at most {max} bytes, has {}", text.len()))
        }
        ("const", _, Some(part)) if text != part => Some(format!("must be {part:?}")),
        ("prefix", _, Some(part)) if !text.starts_with(part) => {
            Some(format!("must begin with {part:?}"))
        }
        ("suffix", _, Some(part)) if !text.ends_with(part) => {
            Some(format!("must end with {part:?}"))
        }
        ("contains", _, Some(part)) if !text.contains(part) => {
            Some(format!("must contain {part:?}"))
        }
        ("pattern", _, Some(pattern)) => {
            let regex = regex::Regex::new(pattern).ok()?;
            (!regex.is_match(text)).then(|| format!("must match {pattern:?}"))
        }
        // HTTP_HEADER_NAME and HTTP_HEADER_VALUE, strict or not.
        ("well_known_regex", ..) if text.contains(['\0', '\n', '\r']) => {
            Some("must not contain line breaks or NUL".to_owned())
        }
        ("in" | "not_in", ..) => {
            let Value::List(list) = bound else {
                return None;
            };
            let contained = list.iter().any(|item| item.as_str() == Some(text));
            (contained != (rule == "in")).then(|| "is not a text that is allowed".to_owned())
        }
        _ => None,
    }
}

/// What a wrapper holds.
fn unwrap(value: &Value) -> Value {
    match value {
        Value::Message(message) if message.descriptor().full_name().ends_with("Value") => {
            match message.get_field_by_name("value") {
                Some(value) => value.into_owned(),
                None => value.clone(),
            }
        }
        value => value.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        value => number(value) == Some(0.0),
    }
}

fn flag(rules: &DynamicMessage, name: &str) -> bool {
    let value = rules.get_field_by_name(name);
    value.is_some_and(|value| value.as_bool() == Some(true))
}

/// Numbers, and durations in seconds.
fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::I32(value) | Value::EnumNumber(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::I64(value) => *value as f64,
        Value::U64(value) => *value as f64,
        Value::F32(value) => (*value).into(),
        Value::F64(value) => *value,
        Value::Bool(value) => u8::from(*value).into(),
        Value::Message(message) => {
            let part = |name| message.get_field_by_name(name).map(|v| v.into_owned());
            let (seconds, nanos) = (part("seconds")?.as_i64()?, part("nanos")?.as_i32()?);
            seconds as f64 + f64::from(nanos) / 1e9
        }
        _ => return None,
    })
}

fn show(value: &Value, number: f64) -> String {
    match value {
        Value::Message(_) => format!("{number}s"),
        Value::Bool(value) => value.to_string(),
        _ => number.to_string(),
    }
}
