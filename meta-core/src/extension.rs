//! Extensions: what a codec or filter crate exports, and how it is configured.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

/// What a codec crate (`T = dyn CodecFactory`) or a filter crate
/// (`T = dyn FilterFactory`) exports.
///
/// Whoever builds a binary registers it by an explicit call; nothing is linked in
/// by magic, and no enum has to know it.
pub trait Extension<T: ?Sized>: Send + Sync + 'static {
    /// The type URL of its configuration.
    const TYPE_URL: &'static str;
    /// The names it goes by, the registered one first.
    const NAMES: &'static [&'static str];
    /// Its configuration. Unknown fields should be refused
    /// (`#[serde(deny_unknown_fields)]`).
    type Config: DeserializeOwned;

    /// Makes the factory of the given configuration.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    fn configure(&self, config: Self::Config) -> Result<Arc<T>, ConfigError>;
}

/// A configuration that cannot be used: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    reason: String,
}

impl ConfigError {
    /// `reason` is what was found and what is wanted; `path` the field, such as
    /// `limits.message_bytes`, empty for the whole.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }

    /// The same error, seen from one level further out.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.path = match (parent.is_empty(), self.path.is_empty()) {
            (true, _) => self.path,
            (false, true) => parent.to_owned(),
            (false, false) => format!("{parent}.{}", self.path),
        };
        self
    }

    /// The field.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_outwards() {
        let error = ConfigError::new("bytes", "must not be 0")
            .within("limits")
            .within("codec");
        assert_eq!(error.to_string(), "codec.limits.bytes: must not be 0");
        assert_eq!(ConfigError::new("", "no").within("a").path(), "a");
    }
}
