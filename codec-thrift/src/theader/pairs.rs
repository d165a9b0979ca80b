//! Info headers: keys and values in a header area.

use std::ops::Range;

use meta_core::CodecError;

use super::area::take_number;

/// The info block of keys and values.
pub(super) const KEY_VALUE: u32 = 1;

/// The shortest pair: an empty key and an empty value.
const LEAST_PAIR_BYTES: usize = 2;

/// Where a key and a value stand in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) start: usize,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Reads the info headers of all blocks that hold such, in order.
///
/// As with all libraries, padding or a block of another kind ends what can be
/// read: nothing tells where that would end.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Pairs left in the block.
    left: usize,
    /// Blocks of other kinds, with their padding.
    rest: Range<usize>,
    is_done: bool,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            left: 0,
            rest: bytes.len()..bytes.len(),
            is_done: false,
        }
    }

    /// What stands behind all pairs and is no padding, once they have been read.
    pub(super) fn rest(&self) -> Range<usize> {
        self.rest.clone()
    }

    /// Opens blocks until one has a pair; `false` where there is none.
    fn open(&mut self) -> Result<bool, CodecError> {
        while self.left == 0 {
            let begin = self.at;
            if begin >= self.bytes.len() {
                return Ok(false);
            }
            match take_number(self.bytes, &mut self.at, "info id")? {
                KEY_VALUE => {}
                0 => return Ok(false),
                _ => {
                    self.rest = begin..self.bytes.len();
                    return Ok(false);
                }
            }
            let count_at = self.at;
            let count = take_number(self.bytes, &mut self.at, "number of info headers")? as usize;
            let bytes = self.bytes.len() - self.at;
            if count > bytes / LEAST_PAIR_BYTES {
                let detail = format!("{count} info headers in {bytes} bytes");
                return Err(CodecError::malformed(detail).at(count_at));
            }
            self.left = count;
        }
        Ok(true)
    }

    fn pair(&mut self) -> Result<Option<Pair>, CodecError> {
        if !self.open()? {
            return Ok(None);
        }
        let start = self.at;
        let key = self.string("info header's key")?;
        let value = self.string("info header's value")?;
        self.left -= 1;
        Ok(Some(Pair { start, key, value }))
    }

    /// `length, bytes`
    fn string(&mut self, what: &'static str) -> Result<Range<usize>, CodecError> {
        let begin = self.at;
        let length = take_number(self.bytes, &mut self.at, what)? as usize;
        let left = self.bytes.len() - self.at;
        if length > left {
            let detail = format!("{what} of {length} bytes in {left}");
            return Err(CodecError::malformed(detail).at(begin));
        }
        let string = self.at..self.at + length;
        self.at = string.end;
        Ok(string)
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let pair = self.pair().transpose();
        self.is_done = !matches!(pair, Some(Ok(_)));
        pair
    }
}
