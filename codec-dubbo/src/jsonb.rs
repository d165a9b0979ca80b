//! JSONB, the binary form of fastjson2: values behind their lengths.
//!
//! Dubbo writes each value of a body behind a length of four bytes, so that only
//! what is wanted has to be read: strings, and the attachments.

use std::ops::Range;

use crate::{
    ascii,
    body::{Body, Entry, Stop, Value},
    text::{Form, Str},
};

mod value;
pub(crate) mod write;

use self::value::Cursor;

/// The deepest nesting that can be asked for.
const MAX_DEPTH: usize = 64;

/// Reads the body of one message.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    depth: usize,
    /// Where the attachments that are being read end.
    end: usize,
    /// All bytes from `at` up to here are known to be ASCII, so that strings among
    /// them need not be looked at one by one.
    ascii_end: usize,
}

impl<'a> Reader<'a> {
    /// A reader that stands at the byte `at` of `frame`.
    pub(crate) fn new(frame: &'a [u8], at: usize, max_depth: usize) -> Self {
        Self {
            frame,
            at,
            depth: max_depth.min(MAX_DEPTH),
            end: at,
            ascii_end: at,
        }
    }

    /// Takes the next value; it is not empty.
    fn next(&mut self) -> Result<Range<usize>, Stop> {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let length = rest.first_chunk().ok_or(Stop::Unreadable)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 || length > rest.len() - 4 {
            return Err(Stop::Unreadable);
        }
        let start = self.at + 4;
        self.at = start + length;
        Ok(start..self.at)
    }

    /// Reads within `range`, which lies within the message.
    #[inline]
    fn cursor(&mut self, range: Range<usize>) -> Cursor<'a> {
        if range.start >= self.ascii_end {
            let rest = self.frame.get(range.start..).unwrap_or_default();
            self.ascii_end = range.start + ascii::run(rest);
        }
        let bytes = self.frame.get(..range.end).unwrap_or_default();
        Cursor::new(bytes, range.start, self.ascii_end)
    }
}

impl Body for Reader<'_> {
    fn frame(&self) -> &[u8] {
        self.frame
    }

    fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn string(&mut self) -> Result<Option<Str>, Stop> {
        let range = self.next()?;
        let mut cursor = self.cursor(range);
        let text = match cursor.byte()? {
            value::NULL => None,
            tag => Some(cursor.string_of(tag)?.ok_or(Stop::Unreadable)?),
        };
        cursor.done().map(|()| text)
    }

    fn string_or_skip(&mut self) -> Result<Option<Str>, Stop> {
        let at = self.at;
        match self.string() {
            Ok(text) => Ok(text),
            Err(_) => {
                self.at = at;
                self.skip().map(|()| None)
            }
        }
    }

    fn skip(&mut self) -> Result<(), Stop> {
        self.next().map(drop)
    }

    fn kind(&mut self) -> Result<u8, Stop> {
        let range = self.next()?;
        let mut cursor = self.cursor(range);
        let tag = cursor.byte()?;
        let kind = cursor.int_of(tag)?.ok_or(Stop::Unreadable)?;
        cursor.done()?;
        u8::try_from(kind).map_err(|_| Stop::Unreadable)
    }

    fn open(&mut self) -> Result<bool, Stop> {
        let range = self.next()?;
        let mut cursor = self.cursor(range.clone());
        let mut tag = cursor.byte()?;
        if tag == value::TYPED {
            cursor.type_name()?;
            tag = cursor.byte()?;
        }
        match tag {
            value::NULL => cursor.done().map(|()| false),
            value::OBJECT => {
                self.at = cursor.at();
                self.end = range.end;
                Ok(true)
            }
            _ => Err(Stop::Unreadable),
        }
    }

    #[inline(always)]
    fn plain_entry(&mut self) -> Option<(Str, Str)> {
        let cursor = self.cursor(self.at..self.end);
        let key = cursor.plain(self.at)?;
        let value = cursor.plain(key.end())?;
        self.at = value.end();
        Some((key, value))
    }

    fn entry(&mut self) -> Result<Option<Entry>, Stop> {
        let mut cursor = self.cursor(self.at..self.end);
        let tag = cursor.byte()?;
        if tag == value::OBJECT_END {
            cursor.done()?;
            self.at = self.end;
            return Ok(None);
        }
        // A key may define a symbol, which those behind it may stand for.
        let defines = tag == value::SYMBOL;
        let tag = if defines { cursor.byte()? } else { tag };
        let key = cursor.string_of(tag)?.ok_or(Stop::Unreadable)?;
        if defines {
            cursor.int()?;
        }
        let tag = cursor.byte()?;
        let value = cursor.value(tag, self.depth)?;
        self.at = cursor.at();
        Ok(Some(Entry {
            key,
            value,
            fixed: defines || value == Value::Composite,
        }))
    }
}

/// Whether a string of this form may be told from its bytes alone.
fn latin(bytes: &[u8]) -> Form {
    match bytes.is_ascii() {
        true => Form::Ascii,
        false => Form::Latin1,
    }
}

#[cfg(test)]
mod tests;
