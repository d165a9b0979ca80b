//! JSON, without lines.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Key, Node, NodeKind};

/// `None`: this is not JSON.
pub(super) fn parse(text: &str) -> Option<Node> {
    serde_json::from_str(text).ok()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = deserializer.deserialize_any(NodeVisitor)?;
        Ok(Self { line: 0, kind })
    }
}

struct NodeVisitor;

fn plain<T: ToString, E>(value: T) -> Result<NodeKind, E> {
    let text = value.to_string();
    Ok(NodeKind::Scalar { text, plain: true })
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = NodeKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<NodeKind, E> {
        plain("null")
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeKind, E> {
        plain(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeKind, E> {
        plain(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<NodeKind, E> {
        plain(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<NodeKind, E> {
        plain(value)
    }

    fn visit_str<E>(self, text: &str) -> Result<NodeKind, E> {
        let text = text.to_owned();
        Ok(NodeKind::Scalar { text, plain: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<NodeKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(NodeKind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeKind, A::Error> {
        let mut pairs = Vec::new();
        while let Some((text, value)) = map.next_entry()? {
            pairs.push((Key { text, line: 0 }, value));
        }
        Ok(NodeKind::Map(pairs))
    }
}
