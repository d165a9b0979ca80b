//! Access logs: a line for every request, written off the data path.
//!
//! [`AccessLogs`] holds the files of a process; [`AccessLogs::open`] makes the log
//! that an [`AccessLogConfig`] describes, and [`AccessLog::worker`] what one worker's
//! connections are given, a [`RequestLog`].
//!
//! Behaviour:
//!
//! * A line is rendered by the worker's own thread into a buffer of its own; a
//!   thread of each file writes. No lock is held during a write, and nothing that
//!   a disk or a pipe does can slow a request.
//! * Memory is bounded ([`AccessLogSettings::buffer_bytes`]): lines beyond are
//!   dropped and counted, as are those that cannot be written.
//! * A file named by several logs is opened once. [`AccessLogs::reopen`] opens all
//!   anew, for rotation.
//! * Dropping the last of a file's logs writes what is left, and does not wait for
//!   it; [`AccessLogs::flush`] does.
//!
//! ```
//! use meta_filters::access_log::{AccessLogConfig, AccessLogs, LogTarget};
//!
//! let config = AccessLogConfig::new(LogTarget::Stdout).text("%OPERATION% %FOO%");
//! let error = AccessLogs::default().open(&config, "thrift").expect_err("no such operator");
//! let cause = std::error::Error::source(&error).expect("a cause");
//! assert_eq!(cause.to_string(), "at byte 12: unknown operator FOO");
//! ```

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use meta_core::{EndedRequest, RequestLog, WorkerId};

mod config;
mod error;
mod filter;
mod format;
mod logs;
mod sink;
mod stats;
#[cfg(test)]
mod tests;

// The public interface is:
pub use self::{
    config::{AccessLogConfig, LogFilter, LogFormat, LogTarget},
    error::{AccessLogError, FormatError},
    format::DEFAULT_FORMAT,
    logs::{AccessLogSettings, AccessLogs},
    stats::AccessLogStats,
};

use self::{
    format::{Context, Format, Scratch},
    sink::{Lane, Sink},
};

/// A log: what is written of which requests, and where to. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    template: Arc<Template>,
    sink: Arc<Sink>,
}

/// What a log says, and of whom.
#[derive(Debug)]
struct Template {
    format: Format,
    filter: Option<LogFilter>,
    protocol: Box<str>,
}

impl AccessLog {
    /// The part of it that one worker's connections are given.
    pub fn worker(&self, worker: WorkerId) -> Arc<dyn RequestLog> {
        Arc::new(WorkerLog {
            lane: self.sink.lane(worker),
            template: self.template.clone(),
            scratch: Mutex::default(),
            _sink: self.sink.clone(),
        })
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog")
            .field("target", self.sink.target())
            .finish_non_exhaustive()
    }
}

/// A log, as one worker sees it.
struct WorkerLog {
    template: Arc<Template>,
    lane: Arc<Lane>,
    /// One thread's as a rule.
    scratch: Mutex<Scratch>,
    /// The file is written as long as there are lines to come.
    _sink: Arc<Sink>,
}

impl RequestLog for WorkerLog {
    fn log(&self, ended: &EndedRequest<'_>) {
        let template = &*self.template;
        if !template.filter.as_ref().is_none_or(|f| f.wants(ended)) {
            return;
        }
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let context = Context {
            ended,
            protocol: &template.protocol,
        };
        self.lane
            .append(template.format.render(&context, &mut scratch));
        scratch.shrink();
    }
}
