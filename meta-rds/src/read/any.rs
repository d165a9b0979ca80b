//! `Any` and `TypedStruct`: messages that say what they are.

use prost_reflect::{DescriptorPool, MessageDescriptor};

use super::Reader;
use crate::{
    node::{Key, Node, NodeKind},
    path::Path,
    problem::{At, Severity},
    tree::{MessageTree, Tree, TreeKind},
};

/// What type URLs begin with.
pub(crate) const DOMAIN: &str = "type.googleapis.com/";
/// The messages of Envoy's extensions.
const EXTENSIONS: &str = include_str!("extensions.txt");
/// The messages that hold another one in the shape of a free-form object.
pub(crate) const TYPED_STRUCTS: [&str; 2] = ["udpa.type.v1.TypedStruct", "xds.type.v3.TypedStruct"];

impl Reader<'_> {
    pub(super) fn any(&mut self, node: &Node, path: &Path<'_>) -> Option<TreeKind> {
        let NodeKind::Map(pairs) = &node.kind else {
            self.expected(node, path, "a map of fields with @type");
            return None;
        };
        let Some((at, type_url)) = self.text_of(pairs, &["@type"]) else {
            self.error(node, path, "there is no @type, or it is not text");
            return None;
        };
        let place = path.field("@type");
        let descriptor = self.descriptor(at, &place, type_url)?;
        if TYPED_STRUCTS.contains(&descriptor.full_name()) {
            return self.typed_struct(node, pairs, type_url, descriptor, path);
        }
        let name = descriptor.full_name();
        if name.starts_with("google.protobuf.") && name != "google.protobuf.Empty" {
            return self.wrapped(node, pairs, type_url, descriptor, path);
        }
        let message = self.fields(pairs, &descriptor, path, true);
        Some(TreeKind::Any(type_url.to_owned(), message))
    }

    /// A message whose own form is not a map of fields stands under `value`.
    fn wrapped(
        &mut self,
        node: &Node,
        pairs: &[(Key, Node)],
        type_url: &str,
        descriptor: MessageDescriptor,
        path: &Path<'_>,
    ) -> Option<TreeKind> {
        let Some((_, value)) = pairs.iter().find(|(key, _)| key.text == "value") else {
            self.error(
                node,
                path,
                format!("there is no value of the type {type_url}"),
            );
            return None;
        };
        let kind = self.special(value, &descriptor, &path.field("value"))??;
        let mut message = MessageTree::new(descriptor);
        if let TreeKind::Value(prost_reflect::Value::Message(mut value)) = kind {
            let at = self.at(node.line);
            for (field, value) in value.take_fields() {
                let kind = TreeKind::Value(value);
                message.fields.push((field, Tree { at, kind }));
            }
        }
        Some(TreeKind::Any(type_url.to_owned(), message))
    }

    /// Where the type inside is known, it is as if it stood there itself.
    fn typed_struct(
        &mut self,
        node: &Node,
        pairs: &[(Key, Node)],
        outer_url: &str,
        outer: MessageDescriptor,
        path: &Path<'_>,
    ) -> Option<TreeKind> {
        let Some((_, type_url)) = self.text_of(pairs, &["type_url", "typeUrl"]) else {
            self.error(node, path, "there is no type_url, or it is not text");
            return None;
        };
        let value = pairs.iter().find(|(key, _)| key.text == "value");
        let known = lookup(outer.parent_pool(), type_url);
        let (Some(inner), Some((_, value))) = (known, value) else {
            // Only whoever registered the type knows more of it.
            let message = self.fields(pairs, &outer, path, true);
            return Some(TreeKind::Any(outer_url.to_owned(), message));
        };
        for (key, _) in pairs {
            if !["@type", "type_url", "typeUrl", "value"].contains(&&*key.text) {
                self.unknown(key, &outer, path);
            }
        }
        let place = path.field("value");
        let message = match &value.kind {
            NodeKind::Map(fields) => self.fields(fields, &inner, &place, false),
            _ if value.is_null() => MessageTree::new(inner),
            _ => {
                self.expected(value, &place, "a map of fields");
                return None;
            }
        };
        Some(TreeKind::Any(type_url.to_owned(), message))
    }

    fn descriptor(&mut self, at: At, path: &Path<'_>, url: &str) -> Option<MessageDescriptor> {
        let found = lookup(&self.pool, url);
        if found.is_none() && is_extension(url) {
            let text = format!("{url} is not implemented");
            self.problems.add(Severity::Unsupported, at, path, text);
        } else if found.is_none() {
            let text = match url.contains('/') {
                true => format!("unknown type {url:?}"),
                false => format!("unknown type {url:?}; types begin with {DOMAIN}"),
            };
            self.problems.error(at, path, text);
        }
        found
    }

    /// The text under the last of these keys, and where it stands.
    fn text_of<'n>(&self, pairs: &'n [(Key, Node)], keys: &[&str]) -> Option<(At, &'n str)> {
        let mut found = pairs.iter().rev();
        let (key, node) = found.find(|(key, _)| keys.contains(&&*key.text))?;
        match &node.kind {
            NodeKind::Scalar { text, .. } if !node.is_null() => Some((self.at(key.line), text)),
            _ => None,
        }
    }
}

/// Whether it is the type URL of an extension of Envoy, whatever becomes of it here.
pub(crate) fn is_extension(url: &str) -> bool {
    let name = url.strip_prefix(DOMAIN);
    name.is_some_and(|name| EXTENSIONS.lines().any(|known| known == name))
}

/// The message of a type URL.
pub(crate) fn lookup(pool: &DescriptorPool, url: &str) -> Option<MessageDescriptor> {
    let (_, name) = url.rsplit_once('/')?;
    pool.get_message_by_name(name)
}
