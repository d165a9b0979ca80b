//! Where one worker's lines wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meta_core::stats::Counter;

use super::Control;

/// What a buffer holds, but for a line that is longer.
const CHUNK_BYTES: usize = 8 << 10;

/// Buffers that are kept for lines to come.
const MAX_SPARES: usize = 8;

/// Bytes that are written before the interval is over.
const MANY_BYTES: usize = 64 << 10;

/// The lines of one worker that wait to be written. Locked for as long as it takes
/// to copy a line.
pub(in super::super) struct Lane {
    control: Arc<Control>,
    /// So many bytes are many.
    many: usize,
    waiting: Mutex<Waiting>,
    /// Lines that were put here; written under the lock.
    pub(super) buffered: Counter,
}

#[derive(Default)]
struct Waiting {
    chunks: Vec<Chunk>,
    bytes: usize,
    /// Buffers that were written: their memory is this thread's and at hand.
    spares: Vec<Chunk>,
}

/// Whole lines. As many bytes are reserved as it has room for.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
}

impl Lane {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self {
            many: MANY_BYTES.min(control.settings.buffer_bytes / 4),
            control,
            waiting: Mutex::default(),
            buffered: Counter::single_writer(),
        }
    }

    /// Puts a line behind the others; drops it where there is no room.
    pub(in super::super) fn append(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let is_first = waiting.chunks.is_empty();
        let fits = |chunk: &&mut Chunk| chunk.bytes.capacity() - chunk.bytes.len() >= line.len();
        match waiting.chunks.last_mut().filter(fits) {
            Some(chunk) => chunk.put(line),
            None => {
                let size = line.len().max(CHUNK_BYTES);
                if !self.control.reserve(size, is_first && size == CHUNK_BYTES) {
                    self.control.stats.lines_dropped.inc();
                    return;
                }
                let spare = waiting.spares.pop_if(|_| size == CHUNK_BYTES);
                let mut chunk = spare.unwrap_or_else(|| Chunk::of(size));
                chunk.put(line);
                waiting.chunks.push(chunk);
            }
        }
        let before = waiting.bytes;
        waiting.bytes += line.len();
        let is_many = before < self.many && waiting.bytes >= self.many;
        self.buffered.inc();
        drop(waiting);
        if is_first || is_many {
            self.control.order(|orders| {
                orders.dirty = true;
                orders.many |= is_many;
            });
        }
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> Vec<Chunk> {
        let mut waiting = self.waiting();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.chunks)
    }

    /// Takes back what was written.
    pub(super) fn give_back(&self, mut chunk: Chunk) {
        self.control.release(chunk.bytes.capacity());
        let mut waiting = self.waiting();
        if chunk.bytes.capacity() == CHUNK_BYTES && waiting.spares.len() < MAX_SPARES {
            chunk.bytes.clear();
            chunk.lines = 0;
            waiting.spares.push(chunk);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chunk {
    fn of(size: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(size),
            lines: 0,
        }
    }

    fn put(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.lines += 1;
    }
}
