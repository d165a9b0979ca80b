//! Extensions: names, and what they are told as JSON.

use envoy_types::pb::google::protobuf::{self, value::Kind};
use prost::Message as _;
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde_json::{Map, Number, Value};

use super::Converter;
use crate::{
    bootstrap::ExtensionSettings,
    path::Path,
    proto::xds::r#type::v3::TypedStruct,
    read::any::{TYPED_STRUCTS, lookup},
};

impl Converter<'_> {
    /// An extension of this name, told what is in `any`.
    pub(super) fn extension(
        &mut self,
        name: &str,
        any: Option<&protobuf::Any>,
        path: &Path<'_>,
    ) -> ExtensionSettings {
        let (type_url, config) = match any {
            Some(any) => self.any(any),
            None => (String::new(), Value::Null),
        };
        ExtensionSettings {
            name: name.to_owned(),
            type_url,
            config,
            place: self.place(path),
        }
    }

    /// The type of what is in an `Any`, and the message as JSON.
    fn any(&mut self, any: &protobuf::Any) -> (String, Value) {
        let Some(descriptor) = lookup(self.pool, &any.type_url) else {
            return (any.type_url.clone(), Value::Null);
        };
        if TYPED_STRUCTS.contains(&descriptor.full_name()) {
            // Both have the same fields under the same numbers.
            let inner = TypedStruct::decode(&*any.value).unwrap_or_default();
            let config = inner.value.as_ref().map(object).unwrap_or_default();
            return (inner.type_url, Value::Object(config));
        }
        let message = DynamicMessage::decode(descriptor, &*any.value);
        let config = message.map_or(Value::Null, |message| json(&message));
        (any.type_url.clone(), config)
    }
}

fn json(message: &DynamicMessage) -> Value {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(true)
        .stringify_64_bit_integers(false);
    let serialized = message.serialize_with_options(serde_json::value::Serializer, &options);
    whole(serialized.unwrap_or_default())
}

/// Numbers in free-form objects are floating; whole ones become integers, so that
/// they can be read as such.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole_number(number)),
        Value::Array(items) => items.into_iter().map(whole).collect(),
        Value::Object(map) => {
            let pairs = map.into_iter().map(|(key, value)| (key, whole(value)));
            Value::Object(pairs.collect())
        }
        other => other,
    }
}

fn whole_number(number: Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
            Number::from(float as i64)
        }
        _ => number,
    }
}

/// A free-form object as JSON.
pub(super) fn object(object: &protobuf::Struct) -> Map<String, Value> {
    let fields = object.fields.iter();
    fields
        .map(|(key, value)| (key.clone(), free(value)))
        .collect()
}

fn free(value: &protobuf::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => {
            let number = Number::from_f64(*number).map(whole_number);
            number.map_or(Value::Null, Value::Number)
        }
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::StructValue(inner)) => Value::Object(object(inner)),
        Some(Kind::ListValue(list)) => list.values.iter().map(free).collect(),
    }
}
