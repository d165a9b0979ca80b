//! The registries of codecs and filters.

use std::{fmt, sync::Arc};

use meta_core::{CodecFactory, ConfigError, Extension, FilterFactory};

use crate::config::ExtensionConfig;

mod catalog;
#[cfg(test)]
mod tests;

use self::catalog::Catalog;

/// What a proxy can be made of: codecs and filters, under their names.
///
/// Filled by explicit calls; nothing is linked in by magic.
///
/// ```
/// let mut registry = meta_proxy::Registry::new();
/// registry.codec(codec_thrift::Thrift)?;
/// registry.codec(codec_thrift::Thrift).expect_err("the name is taken");
/// # Ok::<(), meta_proxy::RegistryError>(())
/// ```
pub struct Registry {
    codecs: Catalog<dyn CodecFactory>,
    filters: Catalog<dyn FilterFactory>,
}

impl Registry {
    /// A registry without anything in it.
    pub fn new() -> Self {
        Self {
            codecs: Catalog::new("codec"),
            filters: Catalog::new("filter"),
        }
    }

    /// Registers a codec under all of its names.
    ///
    /// # Errors
    ///
    /// Where it has no name, or one of its names or its type URL is taken.
    pub fn codec<E>(&mut self, extension: E) -> Result<&mut Self, RegistryError>
    where
        E: Extension<dyn CodecFactory>,
    {
        self.codecs.register(extension)?;
        Ok(self)
    }

    /// Registers a filter under all of its names.
    ///
    /// # Errors
    ///
    /// As [`Registry::codec`].
    pub fn filter<E>(&mut self, extension: E) -> Result<&mut Self, RegistryError>
    where
        E: Extension<dyn FilterFactory>,
    {
        self.filters.register(extension)?;
        Ok(self)
    }

    /// Makes the codec that `config` names: by one of its names, its type URL, or
    /// the last part of a name (`thrift` for `aeraki.meta_protocol.codec.thrift`)
    /// where only one codec has it.
    ///
    /// # Errors
    ///
    /// Where there is no such codec, or it refuses its configuration.
    pub fn configure_codec(
        &self,
        config: &ExtensionConfig,
    ) -> Result<Arc<dyn CodecFactory>, LookupError> {
        self.codecs.configure(config)
    }

    /// Makes the filter that `config` names, as [`Registry::configure_codec`].
    ///
    /// # Errors
    ///
    /// Where there is no such filter, or it refuses its configuration.
    pub fn configure_filter(
        &self,
        config: &ExtensionConfig,
    ) -> Result<Arc<dyn FilterFactory>, LookupError> {
        self.filters.configure(config)
    }

    /// The name and the type URL of the codec that goes by `name`; the name itself
    /// where there is none.
    pub(crate) fn codec_names<'a>(&self, name: &'a str) -> (&'a str, &'static str) {
        self.codecs.names_of(name)
    }

    /// The name and the type URL of a filter, as [`Registry::codec_names`].
    pub(crate) fn filter_names<'a>(&self, name: &'a str) -> (&'a str, &'static str) {
        self.filters.names_of(name)
    }

    /// The names of the codecs, each the first of its own.
    pub fn codecs(&self) -> impl Iterator<Item = &'static str> {
        self.codecs.names()
    }

    /// The names of the filters, each the first of its own.
    pub fn filters(&self) -> impl Iterator<Item = &'static str> {
        self.filters.names()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: Vec<_>| names.join(", ");
        f.debug_struct("Registry")
            .field("codecs", &list(self.codecs().collect()))
            .field("filters", &list(self.filters().collect()))
            .finish()
    }
}

/// What cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// It goes by no name.
    #[error("a {kind} without a name")]
    Nameless {
        /// `codec` or `filter`.
        kind: &'static str,
    },
    /// Its name, or its type URL, is taken.
    #[error("there is another {kind} of the name {name}")]
    Duplicate {
        /// `codec` or `filter`.
        kind: &'static str,
        /// What is taken.
        name: &'static str,
    },
}

/// A codec or filter that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing of this name is registered.
    #[error("unknown {kind} {name:?}; known: {}", known.join(", "))]
    Unknown {
        /// `codec` or `filter`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The last part of a name, which several have.
    #[error("{kind} {name:?} may be any of {}", candidates.join(", "))]
    Ambiguous {
        /// `codec` or `filter`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What it may be.
        candidates: Vec<&'static str>,
    },
    /// It refuses its configuration.
    #[error("configuration of the {kind} {name}")]
    Config {
        /// `codec` or `filter`.
        kind: &'static str,
        /// Its name.
        name: &'static str,
        /// Where, and why.
        source: ConfigError,
    },
}
