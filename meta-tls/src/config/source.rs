//! Where the bytes of certificates and keys come from.

use std::{fmt, path::PathBuf};

use crate::digest;

/// Where bytes come from.
///
/// The debug form of inline bytes is their length and the start of their SHA-256
/// digest, so that two can be told apart and no key can be read.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataSource {
    /// A file, which is read anew when it changes.
    File(PathBuf),
    /// These very bytes.
    Inline(Vec<u8>),
    /// An environment variable, read once.
    Environment(String),
}

impl fmt::Debug for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
            Self::Inline(bytes) => {
                let digest = digest::hex(&digest::sha256(bytes));
                let start = digest.get(..16).unwrap_or_default();
                write!(f, "Inline({} bytes, sha256 {start}..)", bytes.len())
            }
        }
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Inline(_) => f.write_str("inline bytes"),
        }
    }
}
