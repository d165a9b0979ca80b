//! The thread that writes one file.

use std::{
    fs::File,
    io::{self, Write as _},
    sync::{Arc, PoisonError},
    thread,
    time::Duration,
};

use super::{
    Control, Lanes, Target,
    lane::{Chunk, Lane},
};

/// Between tries on an output that does not block and has no room.
const RETRY: Duration = Duration::from_millis(10);

pub(super) struct Writer {
    target: Target,
    file: File,
    lanes: Lanes,
    control: Arc<Control>,
    /// The last write broke off within a line.
    amid_line: bool,
    /// The last write failed.
    fails: bool,
}

impl Writer {
    pub(super) fn new(target: Target, file: File, lanes: Lanes, control: Arc<Control>) -> Self {
        Self {
            target,
            file,
            lanes,
            control,
            amid_line: false,
            fails: false,
        }
    }

    /// Writes until it is told to stop.
    pub(super) fn run(mut self) {
        loop {
            let (orders, by_timer) = self.control.next_orders();
            let wrote = self.write_all();
            if wrote && by_timer {
                self.control.stats.flushed_by_timer.inc();
            }
            if orders.reopen {
                self.reopen();
            }
            for done in orders.flushes {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            if orders.stop {
                return;
            }
        }
    }

    /// Writes all that waits; whether there was anything.
    fn write_all(&mut self) -> bool {
        let mut wrote = false;
        for lane in self.lanes() {
            for chunk in lane.take() {
                wrote = true;
                self.write(&chunk);
                lane.give_back(chunk);
            }
        }
        wrote
    }

    fn lanes(&self) -> Vec<Arc<Lane>> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().map(|(_, lane)| lane.clone()).collect()
    }

    fn write(&mut self, chunk: &Chunk) {
        if self.amid_line && self.put(b"\n").is_ok() {
            self.amid_line = false;
        }
        let put = self.put(&chunk.bytes);
        let stats = &self.control.stats;
        let (written, error) = match put {
            Ok(()) => {
                stats.lines_written.add(chunk.lines);
                stats.writes_completed.inc();
                self.succeeded();
                return;
            }
            Err(failed) => failed,
        };
        let done = chunk.bytes.get(..written).unwrap_or_default();
        let ends = done.iter().filter(|b| **b == b'\n').count() as u64;
        let lines = ends.min(chunk.lines);
        stats.lines_written.add(lines);
        stats.lines_dropped.add(chunk.lines - lines);
        stats.writes_failed.inc();
        if let Some(last) = done.last() {
            self.amid_line = *last != b'\n';
        }
        self.failed(&error);
    }

    /// Writes all of `bytes`; how many it wrote where it fails.
    fn put(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Standard outputs may have been made so by those who share them.
                Err(error)
                    if error.kind() == io::ErrorKind::WouldBlock && !self.control.orders().stop =>
                {
                    thread::sleep(RETRY);
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn reopen(&mut self) {
        match self.target.reopen() {
            Ok(Some(file)) => {
                self.file = file;
                self.amid_line = false;
            }
            Ok(None) => {}
            Err(error) => {
                self.control.stats.reopen_failed.inc();
                tracing::warn!(
                    log = %self.target, %error,
                    "cannot open an access log anew: the file that was open serves on"
                );
            }
        }
    }

    fn succeeded(&mut self) {
        if std::mem::take(&mut self.fails) {
            tracing::info!(log = %self.target, "an access log can be written again");
        }
    }

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.fails, true) {
            tracing::warn!(
                log = %self.target, %error,
                "an access log cannot be written: its lines are dropped until it can"
            );
        }
    }
}
