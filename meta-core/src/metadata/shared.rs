//! A handle of metadata that many hold.

use std::{fmt, ops::Deref};

use triomphe::{Arc, UniqueArc};

use super::Metadata;

/// [`Metadata`] that all who deal with a message share. Cloning is cheap.
///
/// Counts its holders as [`std::sync::Arc`] does, at about half the cost: every
/// message has one.
#[derive(Clone, Default)]
pub struct SharedMetadata(Arc<Metadata>);

impl SharedMetadata {
    /// Metadata filled in where they stay.
    pub fn fill(fill: impl FnOnce(&mut Metadata)) -> Self {
        let mut metadata = UniqueArc::new(Metadata::default());
        fill(&mut metadata);
        Self(metadata.shareable())
    }

    /// The metadata, where nobody else holds them.
    pub fn get_mut(&mut self) -> Option<&mut Metadata> {
        Arc::get_mut(&mut self.0)
    }
}

impl From<Metadata> for SharedMetadata {
    fn from(metadata: Metadata) -> Self {
        Self(Arc::new(metadata))
    }
}

impl Deref for SharedMetadata {
    type Target = Metadata;

    fn deref(&self) -> &Metadata {
        &self.0
    }
}

impl fmt::Debug for SharedMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Metadata::fmt(self, f)
    }
}
