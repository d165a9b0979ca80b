//! Texts: what a header block is made of.

use std::ops::Range;

use meta_core::CodecError;

/// Bytes of a text's length.
const LENGTH_BYTES: usize = 2;

/// Goes through the texts of a header block: two bytes of length, and so many of
/// UTF-8.
#[derive(Debug)]
pub(crate) struct Texts<'a> {
    /// The frame up to the end of its header block.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Texts<'a> {
    /// The texts that stand from `at` to the end of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next one begins, with its length.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Where the next one stands, without its length.
    pub(crate) fn next_range(&mut self) -> Result<Range<usize>, CodecError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let cut = || CodecError::malformed("the header block ends within a text").at(self.at);
        let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if rest.len() < length {
            return Err(cut());
        }
        let start = self.at + LENGTH_BYTES;
        self.at = start + length;
        Ok(start..self.at)
    }
}

/// Writes one more.
pub(crate) fn put(block: &mut Vec<u8>, text: &str) -> Result<(), CodecError> {
    let length = u16::try_from(text.len())
        .map_err(|_| CodecError::too_large("header", text.len() as u64, u16::MAX.into()))?;
    block.extend_from_slice(&length.to_be_bytes());
    block.extend_from_slice(text.as_bytes());
    Ok(())
}
