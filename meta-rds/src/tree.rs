//! A document whose fields are known: a message, with the place of each value.

use prost_reflect::{DynamicMessage, FieldDescriptor, MapKey, MessageDescriptor, Value};

use crate::{
    path::{Path, Step},
    problem::At,
};

mod merge;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) at: At,
    pub(crate) kind: TreeKind,
}

#[derive(Clone, Debug)]
pub(crate) enum TreeKind {
    /// A scalar, an enum's number, or a message that has a form of its own in JSON.
    Value(Value),
    Message(MessageTree),
    List(Vec<Tree>),
    Map(Vec<(MapKey, Tree)>),
    /// An `Any` and the message in it.
    Any(String, MessageTree),
}

/// A message and the fields that are set, each once.
#[derive(Clone, Debug)]
pub(crate) struct MessageTree {
    pub(crate) descriptor: MessageDescriptor,
    pub(crate) fields: Vec<(FieldDescriptor, Tree)>,
}

impl MessageTree {
    pub(crate) fn new(descriptor: MessageDescriptor) -> Self {
        let fields = Vec::new();
        Self { descriptor, fields }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Tree> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, tree)| (field.name() == name).then_some(tree))
    }

    /// The message, without places.
    pub(crate) fn build(&self) -> DynamicMessage {
        let mut message = DynamicMessage::new(self.descriptor.clone());
        for (field, tree) in &self.fields {
            // What does not fit has been reported where it was read.
            let _ = message.try_set_field(field, tree.build());
        }
        message
    }
}

impl Tree {
    fn build(&self) -> Value {
        match &self.kind {
            TreeKind::Value(value) => value.clone(),
            TreeKind::Message(message) => Value::Message(message.build()),
            TreeKind::List(items) => Value::List(items.iter().map(Self::build).collect()),
            TreeKind::Map(pairs) => {
                let pairs = pairs.iter();
                Value::Map(
                    pairs
                        .map(|(key, tree)| (key.clone(), tree.build()))
                        .collect(),
                )
            }
            TreeKind::Any(type_url, message) => any(type_url, message),
        }
    }

    /// The place of what stands at `path`, or of the innermost that is there.
    pub(crate) fn place(&self, path: &Path<'_>) -> At {
        let mut tree = self;
        for step in path.steps() {
            match tree.step(step) {
                Some(next) => tree = next,
                None => break,
            }
        }
        tree.at
    }

    fn step(&self, step: Step<'_>) -> Option<&Self> {
        match (&self.kind, step) {
            (_, Step::Root) => Some(self),
            (TreeKind::Message(message) | TreeKind::Any(_, message), Step::Field(name)) => {
                message.field(name)
            }
            (TreeKind::List(items), Step::Index(index)) => items.get(index),
            (TreeKind::Map(pairs), Step::Key(text)) => {
                let mut pairs = pairs.iter();
                pairs.find_map(|(key, tree)| (key_text(key) == text).then_some(tree))
            }
            _ => None,
        }
    }
}

fn any(type_url: &str, message: &MessageTree) -> Value {
    use prost_reflect::prost::Message as _;
    let pool = message.descriptor.parent_pool();
    let Some(descriptor) = pool.get_message_by_name("google.protobuf.Any") else {
        return Value::Bool(false);
    };
    let mut any = DynamicMessage::new(descriptor);
    any.set_field_by_name("type_url", Value::String(type_url.to_owned()));
    let bytes = message.build().encode_to_vec();
    any.set_field_by_name("value", Value::Bytes(bytes.into()));
    Value::Message(any)
}

/// A map's key as it is written.
pub(crate) fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
