//! Extensions of one kind, their types erased.

use std::sync::Arc;

use meta_core::{ConfigError, Extension};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{LookupError, RegistryError};
use crate::config::ExtensionConfig;

/// Extensions that make a `T`.
pub(super) struct Catalog<T: ?Sized> {
    kind: &'static str,
    entries: Vec<Entry<T>>,
}

struct Entry<T: ?Sized> {
    names: &'static [&'static str],
    /// The first of the names.
    name: &'static str,
    type_url: &'static str,
    configure: Configure<T>,
}

type Configure<T> = Box<dyn Fn(&Value) -> Result<Arc<T>, ConfigError> + Send + Sync>;

impl<T: ?Sized + 'static> Catalog<T> {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            entries: Vec::new(),
        }
    }

    pub(super) fn register<E: Extension<T>>(&mut self, extension: E) -> Result<(), RegistryError> {
        let kind = self.kind;
        let &[name, ..] = E::NAMES else {
            return Err(RegistryError::Nameless { kind });
        };
        let duplicate = |name| Err(RegistryError::Duplicate { kind, name });
        if let Some(taken) = E::NAMES.iter().find(|name| self.of_name(name).is_some()) {
            return duplicate(taken);
        }
        if self.of_type_url(E::TYPE_URL).is_some() {
            return duplicate(E::TYPE_URL);
        }
        self.entries.push(Entry {
            names: E::NAMES,
            name,
            type_url: E::TYPE_URL,
            configure: Box::new(move |value| extension.configure(parse(value)?)),
        });
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.name)
    }

    /// The name and the type URL of what goes by `name`.
    pub(super) fn names_of<'a>(&self, name: &'a str) -> (&'a str, &'static str) {
        let found = self.find(name);
        found.map_or((name, ""), |entry| (entry.name, entry.type_url))
    }

    pub(super) fn configure(&self, config: &ExtensionConfig) -> Result<Arc<T>, LookupError> {
        let entry = self.find(&config.name)?;
        (entry.configure)(&config.config).map_err(|source| LookupError::Config {
            kind: self.kind,
            name: entry.name,
            source,
        })
    }

    fn find(&self, name: &str) -> Result<&Entry<T>, LookupError> {
        if let Some(entry) = self.of_name(name).or_else(|| self.of_type_url(name)) {
            return Ok(entry);
        }
        let has_part = |entry: &&Entry<T>| entry.names.iter().any(|own| last_part(own) == name);
        let candidates: Vec<_> = self.entries.iter().filter(has_part).collect();
        match candidates[..] {
            [entry] => Ok(entry),
            [] => Err(LookupError::Unknown {
                kind: self.kind,
                name: name.to_owned(),
                known: self.names().collect(),
            }),
            _ => Err(LookupError::Ambiguous {
                kind: self.kind,
                name: name.to_owned(),
                candidates: candidates.iter().map(|entry| entry.name).collect(),
            }),
        }
    }

    fn of_name(&self, name: &str) -> Option<&Entry<T>> {
        self.entries
            .iter()
            .find(|entry| entry.names.contains(&name))
    }

    fn of_type_url(&self, type_url: &str) -> Option<&Entry<T>> {
        self.entries
            .iter()
            .find(|entry| !type_url.is_empty() && entry.type_url == type_url)
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Reads a configuration; the error names the field. No configuration at all
/// reads as one without fields.
fn parse<C: DeserializeOwned>(value: &Value) -> Result<C, ConfigError> {
    let no_fields = Value::Object(serde_json::Map::new());
    if value.is_null() {
        return deserialize(&no_fields).or_else(|error| deserialize(value).map_err(|_| error));
    }
    deserialize(value)
}

fn deserialize<C: DeserializeOwned>(value: &Value) -> Result<C, ConfigError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            root if root == "." => String::new(),
            path => path,
        };
        ConfigError::new(path, error.into_inner().to_string())
    })
}
