//! A document as it is written, before anyone knows what its fields mean.

use serde_json::{Map, Number, Value};

use crate::{problem::Problem, source::Source};

mod json;
mod yaml;

/// How deep values may be nested.
const MAX_DEPTH: usize = 96;
/// How many values a document may hold, those that aliases repeat included.
const MAX_NODES: usize = 4_000_000;

/// A value, and the line it stands on (0: unknown).
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    /// Text; `plain` where it is not quoted, so that it may mean a number.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// The pairs as they are written, the same key perhaps twice.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) line: u32,
}

/// Reads a text in YAML or JSON. `None`: it is empty.
pub(crate) fn parse(source: &Source) -> Result<Option<Node>, Problem> {
    if source.text().trim_start().starts_with('{') {
        // What is not JSON may be YAML in braces; whose error tells the line, too.
        if let Some(node) = json::parse(source.text()) {
            return Ok(Some(node));
        }
    }
    yaml::parse(source)
}

/// Reads every document of a text in YAML or JSON, but for the empty ones.
pub(crate) fn parse_all(source: &Source) -> Result<Vec<Node>, Problem> {
    if source.text().trim_start().starts_with('{')
        && let Some(node) = json::parse(source.text())
    {
        return Ok(vec![node]);
    }
    let mut nodes = yaml::parse_all(source)?;
    nodes.retain(|node| !node.is_null());
    Ok(nodes)
}

impl Node {
    /// What the text of a scalar means by itself, as YAML's core schema and JSON
    /// have it; the rest as it is. Of equal keys the last counts.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar { text, plain } => scalar(text, *plain),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Map(pairs) => {
                let pairs = pairs.iter();
                let map: Map<_, _> = pairs.map(|(k, v)| (k.text.clone(), v.to_json())).collect();
                Value::Object(map)
            }
        }
    }

    /// Whether it says that there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        match &self.kind {
            NodeKind::Scalar { text, plain } => *plain && is_null(text),
            _ => false,
        }
    }

    /// What it is, for error messages.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a map".to_owned(),
            NodeKind::Scalar { text, plain } => match scalar(text, *plain) {
                Value::String(text) => {
                    let mut short: String = text.chars().take(60).collect();
                    if short.len() < text.len() {
                        short.push('…');
                    }
                    format!("{short:?}")
                }
                other => other.to_string(),
            },
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The value of a scalar.
pub(crate) fn scalar(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::String(text.to_owned());
    }
    match text {
        text if is_null(text) => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => match number(text) {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix, radix| {
        let digits = unsigned.strip_prefix(prefix)?;
        let value = u64::from_str_radix(digits, radix).ok()?;
        (unsigned.len() == text.len()).then(|| Number::from(value))
    };
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(number);
    }
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !begins(unsigned) && !unsigned.strip_prefix('.').is_some_and(begins) {
        return None;
    }
    let bare = text.strip_prefix('+').unwrap_or(text);
    if let Ok(value) = bare.parse::<i64>() {
        return Some(value.into());
    }
    if let Ok(value) = bare.parse::<u64>() {
        return Some(value.into());
    }
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    let value = bare.chars().all(digits).then(|| bare.parse().ok());
    value.flatten().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_yaml_says() {
        for (text, expected) in [
            ("~", Value::Null),
            ("", Value::Null),
            ("true", true.into()),
            ("yes", "yes".into()),
            ("12", 12.into()),
            ("-3", (-3).into()),
            ("+3", 3.into()),
            ("0x1F", 31.into()),
            ("0o17", 15.into()),
            ("18446744073709551615", u64::MAX.into()),
            ("1.5e3", 1500.0.into()),
            (".5", 0.5.into()),
            ("5s", "5s".into()),
            ("1.2.3", "1.2.3".into()),
            ("127.0.0.1", "127.0.0.1".into()),
            ("inf", "inf".into()),
            ("e5", "e5".into()),
        ] {
            assert_eq!(scalar(text, true), expected, "{text}");
            assert_eq!(scalar(text, false), Value::from(text));
        }
    }
}
