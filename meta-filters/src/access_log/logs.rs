//! The files that access logs go to.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    AccessLog, Template,
    config::AccessLogConfig,
    error::AccessLogError,
    format::Format,
    sink::{Sink, Target},
    stats::AccessLogStats,
};

/// How lines are gathered before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessLogSettings {
    /// How long a line waits at most to be written, unless there are so many that
    /// they are written before. Default: 1 s.
    pub flush_interval: Duration,
    /// Bytes that the lines of one file take while they wait; lines beyond are
    /// dropped. Each worker may always have two buffers of 8 KiB, and keeps up to
    /// eight that have been written. Default: 1 MiB.
    pub buffer_bytes: usize,
}

impl Default for AccessLogSettings {
    fn default() -> Self {
        Self {
            flush_interval: Duration::from_secs(1),
            buffer_bytes: 1 << 20,
        }
    }
}

/// The files of a process's access logs, each open once and with a thread of its
/// own that writes it. Cheap to clone.
#[derive(Clone, Default)]
pub struct AccessLogs(Arc<Inner>);

#[derive(Default)]
struct Inner {
    settings: AccessLogSettings,
    sinks: Mutex<Vec<Arc<Sink>>>,
}

impl AccessLogs {
    /// No files yet.
    pub fn new(settings: AccessLogSettings) -> Self {
        Self(Arc::new(Inner {
            settings,
            sinks: Mutex::default(),
        }))
    }

    /// Makes the log that `config` describes, of a listener that speaks `protocol`
    /// (a word for lines), and opens its file unless it is open.
    ///
    /// # Errors
    ///
    /// Where the format cannot be used or the file not be opened.
    pub fn open(
        &self,
        config: &AccessLogConfig,
        protocol: &str,
    ) -> Result<AccessLog, AccessLogError> {
        let format = Format::new(config)?;
        let (target, file) = Target::open(&config.to)?;
        let mut sinks = self.sinks();
        let known = sinks.iter().find(|sink| sink.target().is_same(&target));
        let sink = match known {
            Some(sink) => sink.clone(),
            None => {
                let sink = Arc::new(Sink::start(target, file, self.0.settings)?);
                sinks.push(sink.clone());
                sink
            }
        };
        Ok(AccessLog {
            template: Arc::new(Template {
                format,
                filter: config.filter.clone(),
                protocol: protocol.into(),
            }),
            sink,
        })
    }

    /// Opens all files anew, for those who have moved them away: what waits is
    /// written to the old ones first. Does not wait. Where one cannot be opened, the
    /// old one serves on; that is counted.
    pub fn reopen(&self) {
        self.sinks().iter().for_each(|sink| sink.reopen());
    }

    /// Writes what waits, and waits until that is done: for ever, where a pipe is
    /// not read.
    pub async fn flush(&self) {
        let flushes: Vec<_> = self.sinks().iter().map(|sink| sink.flush()).collect();
        for flush in flushes {
            // A writer that has ended has written all it had.
            let _ = flush.await;
        }
    }

    /// What has been counted, summed over all files.
    pub fn stats(&self) -> AccessLogStats {
        let mut stats = AccessLogStats::default();
        for sink in self.sinks().iter() {
            sink.add_stats(&mut stats);
        }
        stats
    }

    /// Whether there is a file at all.
    pub fn is_empty(&self) -> bool {
        self.sinks().is_empty()
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<Arc<Sink>>> {
        self.0.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AccessLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sinks = self.sinks();
        let targets = sinks.iter().map(|sink| sink.target());
        f.debug_list().entries(targets).finish()
    }
}
