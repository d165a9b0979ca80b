//! The messages that have a form of their own in JSON.

use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use super::Reader;
use crate::{node::Node, path::Path, tree::TreeKind};

impl Reader<'_> {
    /// `None`: the message is an ordinary one; `Some(None)`: it is special, and a
    /// problem.
    pub(super) fn special(
        &mut self,
        node: &Node,
        descriptor: &MessageDescriptor,
        path: &Path<'_>,
    ) -> Option<Option<TreeKind>> {
        let name = descriptor.full_name().strip_prefix("google.protobuf.")?;
        let expected = match name {
            "Any" => return Some(self.any(node, path)),
            "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue" | "Int32Value"
            | "Int64Value" | "StringValue" | "UInt32Value" | "UInt64Value" => {
                return Some(self.wrapper(node, descriptor, path));
            }
            "Duration" => "a duration such as 1.5s",
            "Timestamp" => "a time such as 2026-01-31T12:00:00Z",
            "Struct" => "a map",
            "ListValue" => "a list",
            "Value" => "a value",
            "FieldMask" => "names of fields, separated by commas",
            _ => return None,
        };
        match DynamicMessage::deserialize(descriptor.clone(), node.to_json()) {
            Ok(message) => Some(Some(TreeKind::Value(Value::Message(message)))),
            Err(_) => {
                self.expected(node, path, expected);
                Some(None)
            }
        }
    }

    /// A scalar that may be absent.
    fn wrapper(
        &mut self,
        node: &Node,
        descriptor: &MessageDescriptor,
        path: &Path<'_>,
    ) -> Option<TreeKind> {
        let field = descriptor.get_field_by_name("value")?;
        let value = self.scalar(node, &field.kind(), path)?;
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field(&field, value);
        Some(TreeKind::Value(Value::Message(message)))
    }
}
