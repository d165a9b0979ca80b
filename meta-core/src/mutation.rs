//! Mutation: what filters and routes want changed.

use std::sync::Arc;

/// One change to a message's header area.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Sets `key` to `value`, replacing what is there.
    Set {
        /// The key.
        key: Arc<str>,
        /// Its new value.
        value: Arc<str>,
    },
    /// Removes `key`, if it is there.
    Remove {
        /// The key.
        key: Arc<str>,
    },
}

impl Change {
    /// The key that is set or removed.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Self::Set { key, .. } | Self::Remove { key } => key,
        }
    }
}

/// Changes to a message's own header area (attachments, info headers), in order.
///
/// Written by filters and routes, applied by [`Codec::encode`](crate::Codec::encode);
/// nothing reads it back: matchers see what was decoded. Empty, it costs nothing.
///
/// ```
/// let mut mutation = meta_core::Mutation::new();
/// mutation.set("tag", "canary");
/// mutation.remove("debug");
/// mutation.set("tag", "stable");
/// assert_eq!(mutation.last("tag"), Some(Some("stable")));
/// assert_eq!(mutation.last("debug"), Some(None));
/// assert_eq!(mutation.last("other"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutation {
    changes: Vec<Change>,
}

impl Mutation {
    /// No changes.
    pub const fn new() -> Self {
        Self {
            changes: Vec::new(),
        }
    }

    /// Sets `key` to `value`.
    pub fn set(&mut self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        self.changes.push(Change::Set {
            key: key.into(),
            value: value.into(),
        });
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: impl Into<Arc<str>>) {
        self.changes.push(Change::Remove { key: key.into() });
    }

    /// Adds all changes of `other` behind these.
    pub fn extend(&mut self, other: &Mutation) {
        self.changes.extend_from_slice(&other.changes);
    }

    /// The changes, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    /// What becomes of `key`: `Some(Some(value))` set, `Some(None)` removed,
    /// `None` untouched.
    pub fn last(&self, key: &str) -> Option<Option<&str>> {
        self.iter().rev().find_map(|change| match change {
            Change::Set { key: k, value } if &**k == key => Some(Some(&**value)),
            Change::Remove { key: k } if &**k == key => Some(None),
            _ => None,
        })
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }
}

impl<'a> IntoIterator for &'a Mutation {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
