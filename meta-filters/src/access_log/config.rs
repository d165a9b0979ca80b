//! What an access log is told.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{error::AccessLogError, format::Format};

/// What is logged of which requests, and where to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessLogConfig {
    /// Where lines go.
    pub to: LogTarget,
    /// What they say. Default: [`DEFAULT_FORMAT`](super::DEFAULT_FORMAT).
    #[serde(default)]
    pub format: LogFormat,
    /// Whether nothing stands for a missing value: in text the empty string rather
    /// than `-`; fields of JSON are left out. Default: no.
    #[serde(default)]
    pub omit_empty_values: bool,
    /// Which requests are logged. Default: all.
    #[serde(default)]
    pub filter: Option<LogFilter>,
}

impl AccessLogConfig {
    /// All requests, in the default format.
    pub fn new(to: LogTarget) -> Self {
        Self {
            to,
            format: LogFormat::default(),
            omit_empty_values: false,
            filter: None,
        }
    }

    /// The same, in a text format.
    #[must_use]
    pub fn text(mut self, format: impl Into<String>) -> Self {
        self.format = LogFormat::Text(format.into());
        self
    }

    /// Whether its format can be used. Opens nothing.
    ///
    /// # Errors
    ///
    /// [`AccessLogError::Format`].
    pub fn check(&self) -> Result<(), AccessLogError> {
        Format::new(self).map(|_| ())
    }
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogTarget {
    /// The standard output; reopening means nothing to it.
    Stdout,
    /// The standard error output.
    Stderr,
    /// A file, appended to; made with mode 0644 where it is not there. A named pipe
    /// may be without a reader. `/dev/stdout` and `/dev/stderr` are the outputs above.
    File(PathBuf),
}

impl LogTarget {
    /// The target of other names for the standard outputs.
    pub(super) fn resolved(&self) -> Self {
        let Self::File(path) = self else {
            return self.clone();
        };
        match path.to_str() {
            Some("/dev/stdout") => Self::Stdout,
            Some("/dev/stderr") => Self::Stderr,
            _ => self.clone(),
        }
    }
}

/// What lines say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogFormat {
    /// [`DEFAULT_FORMAT`](super::DEFAULT_FORMAT).
    #[default]
    Default,
    /// Text with operators. A line ends where the text does.
    Text(String),
    /// An object whose strings may hold operators, nested at will. A string that is
    /// one operator and nothing else becomes a number where the operator is one, and
    /// `null` where there is no value: Envoy's `typed_json_format` and
    /// `log_format.json_format`.
    Json(Map<String, Value>),
    /// The same, where all operators become strings and `-` stands for a missing
    /// value: Envoy's older `json_format`.
    JsonStrings(Map<String, Value>),
}

/// Which requests are logged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogFilter {
    /// Those whose `%RESPONSE_CODE%` is 1.
    Errors,
    /// Those that took so many milliseconds or more.
    AtLeastMs(u64),
    /// Those that all of these want.
    All(Vec<LogFilter>),
    /// Those that one of these wants.
    Any(Vec<LogFilter>),
}
