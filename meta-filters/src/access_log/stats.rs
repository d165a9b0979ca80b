//! What access logs count.

use meta_core::stats::{Counter, Gauge};

/// What the logs of one [`AccessLogs`](super::AccessLogs) counted up to one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessLogStats {
    /// Lines put into a buffer.
    pub lines_buffered: u64,
    /// Lines that reached their file.
    pub lines_written: u64,
    /// Lines that did not: the buffer was full, or a write failed.
    pub lines_dropped: u64,
    /// Writes that succeeded.
    pub writes_completed: u64,
    /// Writes that failed.
    pub writes_failed: u64,
    /// Times that buffers were written because of the interval.
    pub flushed_by_timer: u64,
    /// Files that could not be opened anew; what was open still is.
    pub reopen_failed: u64,
    /// Bytes that buffers take at this moment.
    pub buffered_bytes: i64,
}

/// The counts of one file.
#[derive(Debug, Default)]
pub(super) struct SinkStats {
    pub(super) lines_written: Counter,
    pub(super) lines_dropped: Counter,
    pub(super) writes_completed: Counter,
    pub(super) writes_failed: Counter,
    pub(super) flushed_by_timer: Counter,
    pub(super) reopen_failed: Counter,
    pub(super) buffered_bytes: Gauge,
}

impl AccessLogStats {
    pub(super) fn add(&mut self, cells: &SinkStats) {
        self.lines_written += cells.lines_written.value();
        self.lines_dropped += cells.lines_dropped.value();
        self.writes_completed += cells.writes_completed.value();
        self.writes_failed += cells.writes_failed.value();
        self.flushed_by_timer += cells.flushed_by_timer.value();
        self.reopen_failed += cells.reopen_failed.value();
        self.buffered_bytes += cells.buffered_bytes.value();
    }
}
