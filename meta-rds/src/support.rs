//! What becomes of each field of a bootstrap: it works, has no effect, or is refused.

use crate::{
    path::Path,
    problem::{Problems, Severity},
    tree::{MessageTree, Tree, TreeKind, key_text},
};

mod table;

/// What becomes of a field that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// It is read.
    Works,
    /// It changes nothing that traffic would notice.
    NoEffect(&'static str),
    /// It is refused when the proxy is to run: it would change what traffic does.
    NotYet(&'static str),
}

/// Tells of every field that is set and does not work.
pub(crate) fn check(message: &MessageTree, path: &Path<'_>, problems: &mut Problems) {
    let Some(fields) = table::of(message.descriptor.full_name()) else {
        return;
    };
    for (field, tree) in &message.fields {
        let place = path.field(field.name());
        let entry = fields.iter().find(|(name, _)| *name == field.name());
        match entry.map(|(_, support)| *support) {
            Some(Support::Works) => check_tree(tree, &place, problems),
            _ if is_default(tree) => {}
            Some(Support::NoEffect(text)) => {
                problems.add(Severity::Warning, tree.at, place, text);
            }
            Some(Support::NotYet(what)) => {
                let text = format!("{what} not implemented yet");
                problems.add(Severity::Unsupported, tree.at, place, text);
            }
            None => {
                let text = "not implemented, and it would change what becomes of traffic";
                problems.error(tree.at, place, text);
            }
        }
    }
}

fn check_tree(tree: &Tree, path: &Path<'_>, problems: &mut Problems) {
    match &tree.kind {
        TreeKind::Value(_) => {}
        TreeKind::Message(message) | TreeKind::Any(_, message) => check(message, path, problems),
        TreeKind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_tree(item, &path.index(index), problems);
            }
        }
        TreeKind::Map(pairs) => {
            for (key, value) in pairs {
                check_tree(value, &path.key(&key_text(key)), problems);
            }
        }
    }
}

/// Whether the field says what holds without it.
fn is_default(tree: &Tree) -> bool {
    use prost_reflect::Value;
    match &tree.kind {
        TreeKind::Value(Value::Bool(value)) => !value,
        TreeKind::Value(Value::EnumNumber(value)) => *value == 0,
        TreeKind::Value(Value::U32(value)) => *value == 0,
        TreeKind::Value(Value::String(value)) => value.is_empty(),
        TreeKind::List(items) => items.is_empty(),
        TreeKind::Map(pairs) => pairs.is_empty(),
        _ => false,
    }
}
