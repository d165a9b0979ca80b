//! The buffer that encoders write into.

use std::{cell::RefCell, collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// Slices shorter than this are copied: that costs less than a segment of its own.
const COPY_BELOW_BYTES: usize = 1024;

/// A spare buffer larger than this is given back to the allocator.
const SPARE_UP_TO_BYTES: usize = 64 << 10;
/// Spare buffers that a thread keeps.
const MAX_SPARES: usize = 32;

thread_local! {
    /// Buffers that were written out: an idle connection holds none, and a busy
    /// one need not grow its own for every turn.
    static SPARES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes on their way out: heads are written into it, bodies are hung in as
/// slices of the frames they came in. What several messages left in it leaves in
/// one vectored write.
///
/// ```
/// let mut buf = meta_core::FrameBuf::new();
/// buf.put_u32(4);
/// buf.put_slice(b"head");
/// buf.put_bytes(bytes::Bytes::from(vec![7; 4096]));
/// assert_eq!(buf.len(), 8 + 4096);
/// ```
#[derive(Debug, Default)]
pub struct FrameBuf {
    /// Whole segments, to be written before `tail`.
    segments: VecDeque<Bytes>,
    /// Where small writes go; its first `written` bytes are gone already.
    tail: Vec<u8>,
    written: usize,
    len: usize,
}

impl FrameBuf {
    /// An empty buffer; nothing is allocated.
    pub const fn new() -> Self {
        Self {
            segments: VecDeque::new(),
            tail: Vec::new(),
            written: 0,
            len: 0,
        }
    }

    /// Copies `bytes` in.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if self.tail.capacity() == 0 {
            let spare = SPARES.with_borrow_mut(Vec::pop);
            self.tail = spare.unwrap_or_default();
        }
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Copies `bytes` in with those from `at` on replaced by `patch`: a short
    /// message of which only an id changes.
    ///
    /// # Panics
    ///
    /// Where `patch` does not fit in.
    pub fn put_patched(&mut self, bytes: &[u8], at: usize, patch: &[u8]) {
        let begins_at = self.tail.len();
        self.put_slice(bytes);
        let (from, to) = (begins_at + at, begins_at + at + patch.len());
        self.tail[from..to].copy_from_slice(patch);
    }

    /// Writes one byte.
    pub fn put_u8(&mut self, value: u8) {
        self.put_slice(&[value]);
    }

    /// Writes two bytes, big-endian.
    pub fn put_u16(&mut self, value: u16) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Writes four bytes, big-endian.
    pub fn put_u32(&mut self, value: u32) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Writes eight bytes, big-endian.
    pub fn put_u64(&mut self, value: u64) {
        self.put_slice(&value.to_be_bytes());
    }

    /// Hangs `bytes` in; only short ones are copied.
    pub fn put_bytes(&mut self, bytes: Bytes) {
        if bytes.len() < COPY_BELOW_BYTES {
            self.put_slice(&bytes);
            return;
        }
        self.seal_tail();
        self.len += bytes.len();
        self.segments.push_back(bytes);
    }

    /// Bytes that wait to be written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `slices` with what is to be written next, in order, and returns how
    /// many it filled.
    pub fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = self.tail.get(self.written..).unwrap_or_default();
        let chunks = self.segments.iter().map(|segment| &segment[..]);
        let chunks = chunks.chain(Some(tail)).filter(|chunk| !chunk.is_empty());
        let mut filled = 0;
        for (slot, chunk) in slices.iter_mut().zip(chunks) {
            *slot = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    /// The bytes, if they are one piece.
    pub fn contiguous(&self) -> Option<&[u8]> {
        self.segments
            .is_empty()
            .then(|| self.tail.get(self.written..).unwrap_or_default())
    }

    /// Forgets the first `count` bytes: they have been written.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "advanced past the end of a FrameBuf");
        self.len -= count;
        while let Some(front) = self.segments.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.segments.pop_front();
        }
        self.written += count;
        if self.written == self.tail.len() {
            self.tail.clear();
            self.written = 0;
        }
    }

    /// Gives back the memory of an empty buffer; what it held may serve another
    /// of the same thread.
    pub fn release(&mut self) {
        if !self.is_empty() {
            return;
        }
        if self.segments.capacity() > 0 {
            self.segments = VecDeque::new();
        }
        let mut spare = std::mem::take(&mut self.tail);
        if (1..=SPARE_UP_TO_BYTES).contains(&spare.capacity()) {
            spare.clear();
            SPARES.with_borrow_mut(|spares| {
                if spares.len() < MAX_SPARES {
                    spares.push(spare);
                }
            });
        }
    }

    /// Drops all that is behind the first `len` bytes: undoes an encoder that
    /// failed half-way.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            let excess = self.len - len;
            let tail = self.tail.len() - self.written;
            if tail > 0 {
                let cut = excess.min(tail);
                self.tail.truncate(self.tail.len() - cut);
                self.len -= cut;
            } else if let Some(last) = self.segments.back_mut() {
                let cut = excess.min(last.len());
                last.truncate(last.len() - cut);
                self.len -= cut;
                if last.is_empty() {
                    self.segments.pop_back();
                }
            }
        }
    }

    /// Copies everything into one piece, for tests and tools.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        for segment in &self.segments {
            all.extend_from_slice(segment);
        }
        all.extend_from_slice(self.tail.get(self.written..).unwrap_or_default());
        all
    }

    fn seal_tail(&mut self) {
        if self.tail.len() > self.written {
            let mut sealed = Bytes::from(std::mem::take(&mut self.tail));
            sealed.advance(self.written);
            self.segments.push_back(sealed);
        }
        self.tail.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(buf: &mut FrameBuf, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !buf.is_empty() {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = buf.chunks_vectored(&mut slices);
            let mut taken = 0;
            for slice in &slices[..filled] {
                let take = slice.len().min(step - taken);
                out.extend_from_slice(&slice[..take]);
                taken += take;
            }
            assert!(taken > 0, "a buffer with bytes offers some");
            buf.advance(taken);
        }
        out
    }

    proptest! {
        #[test]
        fn bytes_leave_as_they_came(
            pieces in proptest::collection::vec((0usize..3000, any::<bool>()), 0..12),
            step in 1usize..5000,
            cut in 0usize..6000,
        ) {
            let mut buf = FrameBuf::new();
            let mut expected = Vec::new();
            for (n, (len, hang)) in pieces.into_iter().enumerate() {
                let piece = vec![n as u8; len];
                expected.extend_from_slice(&piece);
                if hang { buf.put_bytes(Bytes::from(piece)) } else { buf.put_slice(&piece) }
            }
            prop_assert_eq!(buf.len(), expected.len());
            prop_assert_eq!(buf.to_vec(), expected.clone());
            let keep = cut.min(expected.len());
            buf.truncate(keep);
            expected.truncate(keep);
            prop_assert_eq!(drain(&mut buf, step), expected);
            prop_assert!(buf.is_empty());
        }
    }

    #[test]
    fn a_patch_changes_its_own_bytes_alone() {
        let mut buf = FrameBuf::new();
        buf.put_patched(b"first", 1, b"--");
        buf.advance(2);
        // Behind what has been written in part, and behind a segment.
        buf.put_patched(b"second", 4, b"--");
        buf.put_bytes(Bytes::from(vec![7; COPY_BELOW_BYTES]));
        buf.put_patched(b"third", 0, b"-");
        let all = buf.to_vec();
        assert!(all.starts_with(b"-stseco--\x07"), "{all:?}");
        assert!(all.ends_with(b"\x07-hird"), "{all:?}");
    }

    #[test]
    fn released_memory_comes_back() {
        let mut buf = FrameBuf::new();
        buf.put_slice(&[1; 100]);
        buf.release();
        assert_eq!(buf.len(), 100);
        buf.advance(100);
        buf.release();
        assert_eq!(buf.tail.capacity(), 0);
    }
}
