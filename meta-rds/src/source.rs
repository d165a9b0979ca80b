//! Where a configuration comes from.

use std::{fs, io, path::Path, sync::Arc};

/// A text in YAML or JSON, and what to call it in messages.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: String,
}

impl Source {
    /// `text`, which messages call `name`.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        Self { name, text }
    }

    /// The content of a file, which messages call by its path.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is not UTF-8.
    pub fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)?;
        Ok(Self::new(path.display().to_string(), text))
    }

    /// What messages call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}
