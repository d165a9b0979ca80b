//! Request bodies that differ from call to call and are cheap to build and to
//! compare in full.
//!
//! A body is a 16-character stamp that names the connection and the call,
//! followed by a slice of a fixed pool of characters. Where the slice begins
//! also depends on the call, so a reply that carries another call's body, or
//! bytes moved, lost or overwritten, does not compare equal.

use std::ops::Range;

/// Length of the stamp at the head of a body.
const STAMP: usize = 16;
/// What a server does to a body's first character to tell its replies from another's:
/// no character of a stamp becomes one that a stamp may have.
pub(crate) const MARK: u8 = 0x10;
/// How many different places a body's slice may begin at.
const OFFSETS: u64 = 65_521;

/// Builds the bodies of one run.
#[derive(Debug)]
pub(crate) struct Pattern {
    pool: Vec<u8>,
    size: usize,
}

impl Pattern {
    /// Bodies of `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let pool = (0..OFFSETS as usize + size)
            .map(|_| {
                state = mix(state);
                b'!' + (state >> 32) as u8 % 94
            })
            .collect();
        Self { pool, size }
    }

    /// The body of call `id` on connection `connection`.
    pub(crate) fn body(&self, connection: usize, id: u64) -> Body<'_> {
        let key = mix((connection as u64) << 40 ^ id);
        let mut stamp = [0; STAMP];
        for (index, byte) in stamp.iter_mut().enumerate() {
            *byte = b"0123456789abcdef"[(key >> (4 * index)) as usize & 15];
        }
        let stamp_len = STAMP.min(self.size);
        let start = (key % OFFSETS) as usize;
        Body {
            stamp,
            stamp_len,
            tail: &self.pool[start..start + self.size - stamp_len],
        }
    }
}

/// One request's body.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    stamp: [u8; STAMP],
    stamp_len: usize,
    tail: &'a [u8],
}

impl Body<'_> {
    /// The same body, marked.
    pub(crate) fn marked(mut self) -> Self {
        self.stamp[0] ^= MARK;
        self
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.stamp_len + self.tail.len()
    }

    /// Appends the bytes of the body in `range` to `out`.
    pub(crate) fn write(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let stamp = range.start.min(self.stamp_len)..range.end.min(self.stamp_len);
        out.extend_from_slice(&self.stamp[stamp]);
        let of_tail = |index: usize| index.saturating_sub(self.stamp_len);
        out.extend_from_slice(&self.tail[of_tail(range.start)..of_tail(range.end)]);
    }

    /// Whether the pieces make up this body, byte for byte.
    pub(crate) fn matches<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]>) -> bool {
        let mut expected = [&self.stamp[..self.stamp_len], self.tail];
        for mut piece in pieces {
            for part in &mut expected {
                let len = part.len().min(piece.len());
                if part[..len] != piece[..len] {
                    return false;
                }
                *part = &part[len..];
                piece = &piece[len..];
            }
            if !piece.is_empty() {
                return false;
            }
        }
        expected.iter().all(|part| part.is_empty())
    }
}

/// Spreads a number over all 64 bits (the finaliser of SplitMix64).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_matches_itself_only() {
        for size in [0, 1, 16, 17, 128, 20_000] {
            let pattern = Pattern::new(size);
            let body = pattern.body(3, 77);
            let mut bytes = Vec::new();
            body.write(0..size / 3, &mut bytes);
            body.write(size / 3..size, &mut bytes);
            assert_eq!((bytes.len(), body.len()), (size, size));
            for piece in [1, 15, 16, 50, size.max(1)] {
                assert!(body.matches(bytes.chunks(piece)));
            }
            assert!(!body.matches([&bytes[..], b"!"]));
            if size >= STAMP {
                assert!(!pattern.body(3, 78).matches([&bytes[..]]));
                assert!(!pattern.body(4, 77).matches([&bytes[..]]));
                assert!(!pattern.body(3, 77).marked().matches([&bytes[..]]));
                bytes[0] ^= MARK;
                assert!(pattern.body(3, 77).marked().matches([&bytes[..]]));
                assert!(!body.matches([&bytes[..]]));
                bytes[0] ^= MARK;
            }
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
                assert!(!body.matches([&bytes[..]]));
            }
        }
    }
}
