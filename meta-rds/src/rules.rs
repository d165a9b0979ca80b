//! The rules that stand in the descriptors: what values a field may have.

use std::{collections::HashMap, rc::Rc};

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    Value,
};

use crate::{
    path::Path,
    problem::{At, Problems},
    tree::{MessageTree, Tree, TreeKind, key_text},
};

mod check;

/// Checks messages against the rules of their descriptors.
pub(crate) struct Checker<'a> {
    problems: &'a mut Problems,
    field_rules: Option<ExtensionDescriptor>,
    oneof_required: Option<ExtensionDescriptor>,
    /// By the message's name.
    cache: HashMap<String, Rc<MessageRules>>,
}

/// The fields of a message that have rules.
#[derive(Default)]
struct MessageRules {
    fields: Vec<(FieldDescriptor, DynamicMessage)>,
    /// The names of the fields of each oneof of which one must be there.
    required: Vec<(String, Vec<String>)>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(pool: &DescriptorPool, problems: &'a mut Problems) -> Self {
        let extension = |name| {
            let found = pool.all_extensions().find(|e| e.full_name() == name);
            debug_assert!(found.is_some(), "{name} is among the descriptors");
            found
        };
        Self {
            field_rules: extension("validate.rules"),
            oneof_required: extension("validate.required"),
            problems,
            cache: HashMap::new(),
        }
    }

    /// All that is wrong with a message and what is in it.
    pub(crate) fn message(&mut self, message: &MessageTree, at: At, path: &Path<'_>) {
        let rules = self.rules(&message.descriptor);
        for (field, rules) in &rules.fields {
            let tree = message.field(field.name());
            // Of a oneof, only what is there has to be right.
            let is_alternative = field.containing_oneof().is_some();
            if tree.is_none() && is_alternative {
                continue;
            }
            let at = tree.map_or(at, |tree| tree.at);
            for problem in check::field(field, rules, tree) {
                let place = path.field(field.name());
                match problem.index {
                    Some(index) => self.problems.error(at, place.index(index), problem.text),
                    None => self.problems.error(at, place, problem.text),
                }
            }
        }
        for (name, fields) in &rules.required {
            if !fields.iter().any(|field| message.field(field).is_some()) {
                let text = format!("one of {} must be there", fields.join(", "));
                self.problems.error(at, path.field(name), text);
            }
        }
        for (field, tree) in &message.fields {
            self.tree(tree, &path.field(field.name()));
        }
    }

    fn tree(&mut self, tree: &Tree, path: &Path<'_>) {
        match &tree.kind {
            TreeKind::Value(_) => {}
            TreeKind::Message(message) | TreeKind::Any(_, message) => {
                self.message(message, tree.at, path);
            }
            TreeKind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.tree(item, &path.index(index));
                }
            }
            TreeKind::Map(pairs) => {
                for (key, value) in pairs {
                    self.tree(value, &path.key(&key_text(key)));
                }
            }
        }
    }

    fn rules(&mut self, descriptor: &MessageDescriptor) -> Rc<MessageRules> {
        if let Some(rules) = self.cache.get(descriptor.full_name()) {
            return rules.clone();
        }
        let rules = Rc::new(self.collect(descriptor));
        let name = descriptor.full_name().to_owned();
        self.cache.insert(name, rules.clone());
        rules
    }

    fn collect(&self, descriptor: &MessageDescriptor) -> MessageRules {
        let mut rules = MessageRules::default();
        for field in descriptor.fields() {
            let options = field.options();
            let Some(extension) = &self.field_rules else {
                continue;
            };
            if let (true, Value::Message(own)) = (
                options.has_extension(extension),
                options.get_extension(extension).into_owned(),
            ) {
                rules.fields.push((field, own));
            }
        }
        for oneof in descriptor.oneofs() {
            let required = self.oneof_required.as_ref().is_some_and(|extension| {
                let options = oneof.options();
                options.get_extension(extension).as_bool() == Some(true)
            });
            if required {
                let fields = oneof.fields().map(|field| field.name().to_owned());
                let required = (oneof.name().to_owned(), fields.collect());
                rules.required.push(required);
            }
        }
        rules
    }
}

/// Whether the field holds a message, which may be absent.
fn is_message(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(_))
}
