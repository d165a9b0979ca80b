//! Scalars and enums.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{EnumDescriptor, Kind, MapKey, Value};
use serde_json::Value as Json;

use super::Reader;
use crate::{
    node::{Node, NodeKind, scalar},
    path::Path,
    problem::Severity,
};

impl Reader<'_> {
    pub(super) fn scalar(&mut self, node: &Node, kind: &Kind, path: &Path<'_>) -> Option<Value> {
        let wanted = describe(kind);
        let NodeKind::Scalar { text, plain } = &node.kind else {
            self.expected(node, path, wanted);
            return None;
        };
        if let Kind::Enum(values) = kind {
            return self.enumerated(node, values, text, *plain, path);
        }
        // Numbers may be quoted, as 64-bit ones are in JSON.
        let number = scalar(text, true);
        let value = match kind {
            Kind::Bool => match (plain, &number) {
                (true, Json::Bool(value)) => Some(Value::Bool(*value)),
                _ => None,
            },
            Kind::String => match scalar(text, *plain) {
                Json::String(text) => Some(Value::String(text)),
                _ => {
                    let found = node.describe();
                    self.error(
                        node,
                        path,
                        format!("expected text, found {found}; quote it"),
                    );
                    return None;
                }
            },
            Kind::Bytes => bytes(text).map(|bytes| Value::Bytes(bytes.into())),
            Kind::Double => float(text, &number).map(Value::F64),
            Kind::Float => {
                let value = float(text, &number).map(|value| value as f32);
                value.map(Value::F32)
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                let value = integer(&number).and_then(|value| i32::try_from(value).ok());
                value.map(Value::I32)
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                let value = integer(&number).and_then(|value| i64::try_from(value).ok());
                value.map(Value::I64)
            }
            Kind::Uint32 | Kind::Fixed32 => {
                let value = integer(&number).and_then(|value| u32::try_from(value).ok());
                value.map(Value::U32)
            }
            Kind::Uint64 | Kind::Fixed64 => {
                let value = integer(&number).and_then(|value| u64::try_from(value).ok());
                value.map(Value::U64)
            }
            Kind::Message(_) | Kind::Enum(_) => None,
        };
        if value.is_none() {
            self.expected(node, path, wanted);
        }
        value
    }

    fn enumerated(
        &mut self,
        node: &Node,
        values: &EnumDescriptor,
        text: &str,
        plain: bool,
        path: &Path<'_>,
    ) -> Option<Value> {
        let found = match (values.get_value_by_name(text), plain) {
            (None, true) => text.parse().ok().and_then(|n| values.get_value(n)),
            (found, _) => found,
        };
        let Some(value) = found else {
            let names: Vec<_> = values.values().map(|v| v.name().to_owned()).collect();
            let wanted = format!("one of {}", names.join(", "));
            self.expected(node, path, &wanted);
            return None;
        };
        let options = value.enum_value_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            let at = self.at(node.line);
            let text = format!("{} is deprecated", value.name());
            self.problems.add(Severity::Warning, at, path, text);
        }
        Some(Value::EnumNumber(value.number()))
    }
}

/// The key of a map, which is written as text.
pub(super) fn map_key(text: &str, kind: &Kind) -> Option<MapKey> {
    match kind {
        Kind::String => Some(MapKey::String(text.to_owned())),
        Kind::Bool => text.parse().ok().map(MapKey::Bool),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => text.parse().ok().map(MapKey::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(MapKey::I64),
        Kind::Uint32 | Kind::Fixed32 => text.parse().ok().map(MapKey::U32),
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(MapKey::U64),
        _ => None,
    }
}

fn describe(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double | Kind::Float => "a number",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number of 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "a whole number from 0 to 4294967295",
        Kind::Uint64 | Kind::Fixed64 => "a whole number from 0 to 18446744073709551615",
        Kind::Bool => "true or false",
        Kind::String => "text",
        Kind::Bytes => "text in base64",
        Kind::Message(_) => "a map of fields",
        Kind::Enum(_) => "a name",
    }
}

fn integer(number: &Json) -> Option<i128> {
    let Json::Number(number) = number else {
        return None;
    };
    if let Some(value) = number.as_i64() {
        return Some(value.into());
    }
    if let Some(value) = number.as_u64() {
        return Some(value.into());
    }
    // 1e3 and 2.0 are whole.
    let value = number.as_f64()?;
    (value.fract() == 0.0 && value.abs() < 1e18).then_some(value as i128)
}

fn float(text: &str, number: &Json) -> Option<f64> {
    match text {
        "NaN" | ".nan" => Some(f64::NAN),
        "Infinity" | ".inf" => Some(f64::INFINITY),
        "-Infinity" | "-.inf" => Some(f64::NEG_INFINITY),
        _ => number.as_f64(),
    }
}

/// Base64 of either alphabet, padded or not.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let text: String = text.split_ascii_whitespace().collect();
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}
