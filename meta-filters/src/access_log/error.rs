//! Why an access log cannot be had.

use std::{io, path::PathBuf};

/// Why an access log cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessLogError {
    /// Its format cannot be used.
    #[error("{place}")]
    Format {
        /// `text format`, or the field of a JSON format, such as `json format: a.b`.
        place: String,
        /// Where in it, and why.
        source: FormatError,
    },
    /// Its file cannot be opened. Directories have to be there.
    #[error("cannot open the access log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The standard output or error cannot be had.
    #[error("the access log cannot have {name}")]
    Standard {
        /// `stdout` or `stderr`.
        name: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// No thread can be had that writes.
    #[error("no thread for the access log")]
    Thread {
        /// The system's reason.
        source: io::Error,
    },
}

/// What is wrong with a format, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {reason}")]
pub struct FormatError {
    /// Where, in bytes from the beginning.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl FormatError {
    pub(super) fn new(offset: usize, reason: impl Into<String>) -> Self {
        Self {
            offset,
            reason: reason.into(),
        }
    }
}
