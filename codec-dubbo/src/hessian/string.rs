//! Strings: where they end, and how their bytes are to be read.

use super::{Classes, Reader, units::units};
use crate::{
    body::Stop,
    text::{Form, Str, cesu8},
};

impl Reader<'_> {
    /// The length of a string's chunk that begins with `tag`, and whether it is
    /// the last.
    fn chunk(&mut self, tag: u8) -> Result<Option<(usize, bool)>, Stop> {
        Ok(Some(match tag {
            0x00..=0x1f => (tag.into(), true),
            0x30..=0x33 => (
                usize::from(tag - 0x30) << 8 | usize::from(self.byte()?),
                true,
            ),
            b'S' => (u16::from_be_bytes(self.array()?).into(), true),
            b'R' => (u16::from_be_bytes(self.array()?).into(), false),
            _ => return Ok(None),
        }))
    }

    /// Moves on by so many UTF-16 units; `true` where all were ASCII.
    pub(super) fn units(&mut self, count: usize) -> Result<bool, Stop> {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let (bytes, ascii) = units(rest, count).ok_or(Stop::Unreadable)?;
        self.at += bytes;
        Ok(ascii)
    }

    /// The string that begins at the byte `at`, if it is one of those short ones
    /// that are known to be ASCII.
    #[inline(always)]
    pub(super) fn plain(&self, at: usize) -> Option<Str> {
        let (start, length) = match self.frame.get(at..)? {
            [length @ 0x00..=0x1f, ..] => (at + 1, usize::from(*length)),
            [high @ 0x30..=0x33, low, ..] => {
                let high = usize::from(high - 0x30) << 8;
                (at + 2, high | usize::from(*low))
            }
            _ => return None,
        };
        let end = start + length;
        (end <= self.ascii_end).then(|| Str::new(start, end, Form::Ascii))
    }

    /// The string behind `tag`; `None` where that is none's.
    #[inline]
    pub(super) fn string_of(&mut self, tag: u8) -> Result<Option<Str>, Stop> {
        if let Some(text) = self.plain(self.at - 1) {
            self.at = text.end();
            return Ok(Some(text));
        }
        self.any_string_of(tag)
    }

    #[inline(never)]
    fn any_string_of(&mut self, tag: u8) -> Result<Option<Str>, Stop> {
        let begin = self.at - 1;
        let Some((mut count, mut last)) = self.chunk(tag)? else {
            return Ok(None);
        };
        let start = self.at;
        let ascii = self.units(count)?;
        if last {
            let form = if ascii { Form::Ascii } else { Form::Cesu8 };
            return Ok(Some(Str::new(start, self.at, form)));
        }
        while !last {
            let tag = self.byte()?;
            (count, last) = self.chunk(tag)?.ok_or(Stop::Unreadable)?;
            self.units(count)?;
        }
        Ok(Some(Str::new(begin, self.at, Form::Chunks)))
    }
}

/// The string whose chunks, lengths and all, are `bytes`.
pub(crate) fn joined(bytes: &[u8]) -> String {
    let mut classes = Classes::default();
    let mut reader = Reader::new(bytes, 0, &mut classes, 0);
    let mut text = Vec::with_capacity(bytes.len());
    while let Ok(tag) = reader.byte() {
        let Ok(Some((count, _))) = reader.chunk(tag) else {
            break;
        };
        let start = reader.at;
        if reader.units(count).is_err() {
            break;
        }
        text.extend_from_slice(bytes.get(start..reader.at).unwrap_or_default());
    }
    // A pair of surrogates may lie in two chunks.
    cesu8(&text).into_owned()
}
