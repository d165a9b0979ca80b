//! Reading a document by the descriptors: every field is known, every value fits,
//! or there is a problem.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    node::{Key, Node, NodeKind},
    path::Path,
    problem::{At, Problems, Severity},
    tree::{MessageTree, Tree, TreeKind},
};

pub(crate) mod any;
mod scalar;
mod special;

/// Reads documents of one source.
pub(crate) struct Reader<'a> {
    pub(crate) pool: DescriptorPool,
    pub(crate) problems: &'a mut Problems,
    /// The number of the source.
    pub(crate) source: usize,
    /// Whether fields that nobody knows are merely warned of.
    pub(crate) allow_unknown: bool,
}

impl Reader<'_> {
    /// The whole of a document.
    pub(crate) fn document(&mut self, node: &Node, descriptor: &MessageDescriptor) -> Tree {
        let path = Path::ROOT;
        let message = match &node.kind {
            NodeKind::Map(pairs) => self.fields(pairs, descriptor, &path, false),
            _ => {
                let text = format!("expected a map of fields, found {}", node.describe());
                self.problems.error(self.at(node.line), path, text);
                MessageTree::new(descriptor.clone())
            }
        };
        let kind = TreeKind::Message(message);
        let at = self.at(node.line);
        Tree { at, kind }
    }

    fn at(&self, line: u32) -> At {
        let source = self.source;
        At { source, line }
    }

    fn error(&mut self, node: &Node, path: &Path<'_>, text: impl Into<String>) {
        let at = self.at(node.line);
        self.problems.error(at, path, text);
    }

    fn expected(&mut self, node: &Node, path: &Path<'_>, what: &str) {
        self.error(
            node,
            path,
            format!("expected {what}, found {}", node.describe()),
        );
    }

    /// The fields of a message; `in_any` lets `@type` pass.
    fn fields(
        &mut self,
        pairs: &[(Key, Node)],
        descriptor: &MessageDescriptor,
        path: &Path<'_>,
        in_any: bool,
    ) -> MessageTree {
        let mut message = MessageTree::new(descriptor.clone());
        let mut seen: HashMap<u32, &str> = HashMap::new();
        let mut oneofs: HashMap<String, FieldDescriptor> = HashMap::new();
        for (key, node) in pairs {
            if in_any && key.text == "@type" {
                continue;
            }
            let field = descriptor
                .get_field_by_name(&key.text)
                .or_else(|| descriptor.get_field_by_json_name(&key.text));
            let Some(field) = field else {
                self.unknown(key, descriptor, path);
                continue;
            };
            let place = path.field(field.name());
            let before = seen.insert(field.number(), &key.text);
            if let Some(spelling) = before {
                self.again(key, spelling, &place);
                message
                    .fields
                    .retain(|(own, _)| own.number() != field.number());
            }
            if node.is_null() && !takes_null(&field) {
                continue;
            }
            self.deprecated(key, &field, &place);
            if let Some(oneof) = field
                .containing_oneof()
                .filter(|oneof| !oneof.is_synthetic())
            {
                let other = oneofs.insert(oneof.name().to_owned(), field.clone());
                if let Some(other) = other.filter(|other| other.number() != field.number()) {
                    let text = format!("only one of it and {} may be there", other.name());
                    self.problems.error(self.at(key.line), place, text);
                }
            }
            if let Some(kind) = self.value(node, &field, &place) {
                let at = self.at(key.line);
                message.fields.push((field, Tree { at, kind }));
            }
        }
        message
    }

    fn unknown(&mut self, key: &Key, descriptor: &MessageDescriptor, path: &Path<'_>) {
        let severity = match self.allow_unknown {
            true => Severity::Warning,
            false => Severity::Error,
        };
        let text = format!("unknown field; it is none of {}", descriptor.full_name());
        let at = self.at(key.line);
        self.problems.add(severity, at, path.field(&key.text), text);
    }

    fn again(&mut self, key: &Key, before: &str, place: &Path<'_>) {
        let at = self.at(key.line);
        match before == key.text {
            true => {
                let text = "given twice; the last counts";
                self.problems.add(Severity::Warning, at, place, text);
            }
            false => {
                let text = format!("given twice, as {before} and as {}", key.text);
                self.problems.error(at, place, text);
            }
        }
    }

    fn deprecated(&mut self, key: &Key, field: &FieldDescriptor, place: &Path<'_>) {
        let options = field.field_descriptor_proto().options.as_ref();
        if options.is_some_and(|options| options.deprecated()) {
            let at = self.at(key.line);
            let text = "this field is deprecated";
            self.problems.warn_once(field.full_name(), at, place, text);
        }
    }

    /// The value of a field, whatever its cardinality.
    fn value(&mut self, node: &Node, field: &FieldDescriptor, path: &Path<'_>) -> Option<TreeKind> {
        if field.is_map() {
            return self.map(node, field, path);
        }
        if !field.is_list() {
            return self.single(node, field, path);
        }
        let items = match &node.kind {
            NodeKind::List(items) => items.as_slice(),
            // One value stands for a list of one.
            _ => std::slice::from_ref(node),
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = path.index(index);
            if let Some(kind) = self.single(item, field, &place) {
                let at = self.at(item.line);
                list.push(Tree { at, kind });
            }
        }
        Some(TreeKind::List(list))
    }

    fn map(&mut self, node: &Node, field: &FieldDescriptor, path: &Path<'_>) -> Option<TreeKind> {
        let NodeKind::Map(pairs) = &node.kind else {
            self.expected(node, path, "a map");
            return None;
        };
        let Kind::Message(entry) = field.kind() else {
            return None;
        };
        let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let mut map: Vec<(_, Tree)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let place = path.key(&key.text);
            let at = self.at(key.line);
            let Some(map_key) = scalar::map_key(&key.text, &key_field.kind()) else {
                self.problems.error(at, place, "not a key of this map");
                continue;
            };
            if map.iter().any(|(own, _)| *own == map_key) {
                let text = "given twice; the last counts";
                self.problems.add(Severity::Warning, at, place, text);
                map.retain(|(own, _)| *own != map_key);
            }
            if let Some(kind) = self.single(value, &value_field, &place) {
                map.push((map_key, Tree { at, kind }));
            }
        }
        Some(TreeKind::Map(map))
    }

    /// One value, that of a field or an element of a list.
    fn single(
        &mut self,
        node: &Node,
        field: &FieldDescriptor,
        path: &Path<'_>,
    ) -> Option<TreeKind> {
        let descriptor = match field.kind() {
            Kind::Message(descriptor) => descriptor,
            kind => return self.scalar(node, &kind, path).map(TreeKind::Value),
        };
        if let Some(kind) = self.special(node, &descriptor, path) {
            return kind;
        }
        match &node.kind {
            NodeKind::Map(pairs) => {
                let message = self.fields(pairs, &descriptor, path, false);
                Some(TreeKind::Message(message))
            }
            _ => {
                self.expected(node, path, "a map of fields");
                None
            }
        }
    }
}

/// Whether `null` is a value of the field rather than its absence.
fn takes_null(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(values) => values.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}
