//! Info: the blocks of pairs in a header.

use std::ops::Range;

use meta_core::CodecError;

use crate::head::chunk;

/// Fills up words; further blocks may follow it.
const PADDING: u8 = 0x00;
/// `count 16, (length 16, key, length 16, value) × count`
pub(super) const STRINGS: u8 = 0x01;
/// `count 16, (key 16, length 16, value) × count`
pub(super) const INTEGERS: u8 = 0x10;
/// `length 16, token`
pub(super) const TOKEN: u8 = 0x11;

/// The fewest bytes of a pair, of either kind.
const LEAST_PAIR_BYTES: usize = 4;

/// The key of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The text there.
    String(Range<usize>),
    Integer(u16),
    /// The token has no key.
    Token,
}

/// A pair. All places count from the beginning of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: Key,
    pub(super) value: Range<usize>,
    /// The whole pair.
    pub(super) bytes: Range<usize>,
    /// Where its block begins.
    pub(super) block_at: usize,
}

/// Reads pairs, in order, without allocating.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    /// The frame, as far as the header reaches.
    header: &'a [u8],
    at: usize,
    block_at: usize,
    kind: u8,
    /// Pairs of the block that are still to come.
    left: usize,
}

impl<'a> Reader<'a> {
    /// Reads the blocks that begin at `info_at` in `header`.
    pub(super) fn new(header: &'a [u8], info_at: usize) -> Self {
        Self {
            header,
            at: info_at,
            block_at: info_at,
            kind: PADDING,
            left: 0,
        }
    }

    /// The next pair; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Pair>, CodecError> {
        while self.left == 0 {
            let Some(&kind) = self.header.get(self.at) else {
                return Ok(None);
            };
            self.block_at = self.at;
            self.kind = kind;
            self.at += 1;
            self.left = match kind {
                PADDING => 0,
                STRINGS | INTEGERS => self.count()?,
                TOKEN => 1,
                kind => {
                    let detail = format!("info block {kind:#04x}, expected 0x01, 0x10 or 0x11");
                    return Err(CodecError::malformed(detail).at(self.block_at));
                }
            };
        }
        self.left -= 1;
        let begin = self.at;
        let key = match self.kind {
            STRINGS => Key::String(self.text("key")?),
            INTEGERS => Key::Integer(self.number("key")?),
            _ => Key::Token,
        };
        let value = self.text("value")?;
        Ok(Some(Pair {
            key,
            value,
            bytes: begin..self.at,
            block_at: self.block_at,
        }))
    }

    /// A block's count, which the bytes that are left must bear out.
    fn count(&mut self) -> Result<usize, CodecError> {
        let at = self.at;
        let count = usize::from(self.number("count of pairs")?);
        let left = self.header.len().saturating_sub(self.at);
        if count * LEAST_PAIR_BYTES > left {
            let detail = format!("{count} pairs in the {left} bytes that are left of the header");
            return Err(CodecError::malformed(detail).at(at));
        }
        Ok(count)
    }

    fn number(&mut self, what: &str) -> Result<u16, CodecError> {
        let Some(&number) = chunk(self.header, self.at) else {
            let detail = format!("{what} beyond the end of the header");
            return Err(CodecError::malformed(detail).at(self.at));
        };
        self.at += 2;
        Ok(u16::from_be_bytes(number))
    }

    fn text(&mut self, what: &str) -> Result<Range<usize>, CodecError> {
        let at = self.at;
        let length = usize::from(self.number(what)?);
        let text = self.at..self.at + length;
        if text.end > self.header.len() {
            let detail = format!("{what} of {length} bytes, beyond the end of the header");
            return Err(CodecError::malformed(detail).at(at));
        }
        self.at = text.end;
        Ok(text)
    }
}
