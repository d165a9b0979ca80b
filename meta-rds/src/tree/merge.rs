//! One document over another, as protobuf merges messages.

use prost_reflect::{DynamicMessage, Value};

use super::{MessageTree, Tree, TreeKind};

impl MessageTree {
    /// Lays `over` on top: messages are merged, lists appended, everything else is
    /// replaced. Of the members of a oneof, the one on top stays.
    pub(crate) fn merge(&mut self, over: Self) {
        for (field, tree) in over.fields {
            if let Some(oneof) = field.containing_oneof() {
                let others = |own: &prost_reflect::FieldDescriptor| {
                    own.number() != field.number()
                        && own.containing_oneof().as_ref() == Some(&oneof)
                };
                self.fields.retain(|(own, _)| !others(own));
            }
            let mut own = self.fields.iter_mut();
            match own.find(|(own, _)| own.number() == field.number()) {
                Some((_, own)) => own.merge(tree),
                None => self.fields.push((field, tree)),
            }
        }
    }
}

impl Tree {
    fn merge(&mut self, over: Self) {
        match (&mut self.kind, over.kind) {
            (TreeKind::Message(own), TreeKind::Message(over)) => own.merge(over),
            (TreeKind::List(own), TreeKind::List(over)) => own.extend(over),
            (TreeKind::Map(own), TreeKind::Map(over)) => {
                own.retain(|(key, _)| over.iter().all(|(new, _)| new != key));
                own.extend(over);
            }
            (TreeKind::Value(Value::Message(own)), TreeKind::Value(Value::Message(new)))
                if is_struct(own) && is_struct(&new) =>
            {
                merge_structs(own, new);
            }
            (_, kind) => *self = Self { at: over.at, kind },
        }
    }
}

fn is_struct(message: &DynamicMessage) -> bool {
    use prost_reflect::ReflectMessage as _;
    message.descriptor().full_name() == "google.protobuf.Struct"
}

/// A free-form object is a map: of a key that both have, the value on top stays.
fn merge_structs(own: &mut DynamicMessage, over: DynamicMessage) {
    let mut over = over;
    let new = over.take_field_by_name("fields");
    let own = own.get_field_by_name_mut("fields");
    if let (Some(Value::Map(own)), Some(Value::Map(new))) = (own, new) {
        own.extend(new);
    }
}
