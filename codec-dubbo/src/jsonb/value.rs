//! Values: strings and numbers read, all the rest skipped.
//!
//! By `JSONB.Constants` of fastjson2, and as its `JSONReaderJSONB` skips.

use super::latin;
use crate::{
    body::{Stop, Value},
    text::{Form, Str},
};

pub(super) const TYPED: u8 = 0x92;
const REFERENCE: u8 = 0x93;
pub(super) const OBJECT_END: u8 = 0xa5;
pub(super) const OBJECT: u8 = 0xa6;
pub(super) const NULL: u8 = 0xaf;
pub(super) const SYMBOL: u8 = 0x7f;

/// Reads within one value.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    /// The message up to the value's end.
    bytes: &'a [u8],
    at: usize,
    /// All bytes from the cursor's beginning up to here are ASCII.
    ascii_end: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor that stands at the byte `at`. Those from there to `ascii_end` are
    /// ASCII; it may lie beyond the end.
    pub(super) fn new(bytes: &'a [u8], at: usize, ascii_end: usize) -> Self {
        let ascii_end = ascii_end.min(bytes.len());
        Self {
            bytes,
            at,
            ascii_end,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Nothing may be left.
    pub(super) fn done(&self) -> Result<(), Stop> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(Stop::Unreadable),
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.bytes.get(self.at).ok_or(Stop::Unreadable)?;
        self.at += 1;
        Ok(*byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk().ok_or(Stop::Unreadable)?;
        self.at += N;
        Ok(*array)
    }

    fn forward(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.bytes.len() - self.at {
            return Err(Stop::Unreadable);
        }
        self.at += bytes;
        Ok(())
    }

    pub(super) fn int(&mut self) -> Result<i32, Stop> {
        let tag = self.byte()?;
        self.int_of(tag)?.ok_or(Stop::Unreadable)
    }

    /// The 32-bit number that begins with `tag`; `None` where that is none's.
    pub(super) fn int_of(&mut self, tag: u8) -> Result<Option<i32>, Stop> {
        Ok(Some(match tag {
            0x00..=0x2f | 0xf0..=0xff => i32::from(tag.cast_signed()),
            0x30..=0x3f => (i32::from(tag) - 0x38) << 8 | i32::from(self.byte()?),
            0x40..=0x47 => {
                let low = i32::from(u16::from_be_bytes(self.array()?));
                (i32::from(tag) - 0x44) << 16 | low
            }
            0x48 => i32::from_be_bytes(self.array()?),
            0xbc => i16::from_be_bytes(self.array()?).into(),
            0xbd => i8::from_be_bytes(self.array()?).into(),
            _ => return Ok(None),
        }))
    }

    fn long_of(&mut self, tag: u8) -> Result<Option<i64>, Stop> {
        Ok(Some(match tag {
            0xd8..=0xef => i64::from(tag) - 0xe0,
            0xc8..=0xd7 => (i64::from(tag) - 0xd0) << 8 | i64::from(self.byte()?),
            0xc0..=0xc7 => {
                let low = i64::from(u16::from_be_bytes(self.array()?));
                (i64::from(tag) - 0xc4) << 16 | low
            }
            0xbe => i64::from_be_bytes(self.array()?),
            0xbf => i32::from_be_bytes(self.array()?).into(),
            _ => return self.int_of(tag).map(|number| number.map(i64::from)),
        }))
    }

    fn count(&mut self) -> Result<usize, Stop> {
        let count = usize::try_from(self.int()?).map_err(|_| Stop::Unreadable)?;
        match count > self.bytes.len() - self.at {
            true => Err(Stop::Unreadable),
            false => Ok(count),
        }
    }

    /// The string that begins at the byte `at`, if it is one of those short ones
    /// that are known to be ASCII.
    #[inline(always)]
    pub(super) fn plain(&self, at: usize) -> Option<Str> {
        let length = self.bytes.get(at)?.wrapping_sub(0x49);
        let start = at + 1;
        let end = start + usize::from(length);
        (length < 0x30 && end <= self.ascii_end).then(|| Str::new(start, end, Form::Ascii))
    }

    /// The string that begins with `tag`, which has been read; `None` where that is
    /// none's.
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
        let length = match tag {
            0x49..=0x78 => usize::from(tag - 0x49),
            0x79 | 0x7a | 0x7c | 0x7d => self.count()?,
            _ => return Ok(None),
        };
        let start = self.at;
        self.forward(length)?;
        let bytes = self.bytes.get(start..self.at).unwrap_or_default();
        let form = match tag {
            0x7c => Form::Utf16Le,
            0x7d => Form::Utf16Be,
            0x7a if !bytes.is_ascii() => Form::Utf8,
            _ => latin(bytes),
        };
        Ok(Some(Str::new(start, self.at, form)))
    }

    /// A type's name with the number it goes by from then on, or such a number.
    pub(super) fn type_name(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        if self.int_of(tag)?.is_some() {
            return Ok(());
        }
        self.string_of(tag)?.ok_or(Stop::Unreadable)?;
        self.int().map(drop)
    }

    /// The name of a field: a string, a symbol, or a key that is neither.
    fn name(&mut self, tag: u8, depth: usize) -> Result<(), Stop> {
        if tag == SYMBOL {
            return self.type_name();
        }
        self.value(tag, depth).map(drop)
    }

    fn big_integer(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        match tag {
            0xba | 0xbb => self.value(tag, 0).map(drop),
            _ => self.long_of(tag)?.map(drop).ok_or(Stop::Unreadable),
        }
    }

    fn long(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        self.long_of(tag)?.map(drop).ok_or(Stop::Unreadable)
    }

    /// The value that begins with `tag`. `depth` more levels may be opened.
    pub(super) fn value(&mut self, tag: u8, depth: usize) -> Result<Value, Stop> {
        match self.string_of(tag)? {
            Some(text) => Ok(Value::String(text)),
            None => self.other_value(tag, depth),
        }
    }

    fn other_value(&mut self, tag: u8, depth: usize) -> Result<Value, Stop> {
        if let Some(number) = self.long_of(tag)? {
            return Ok(Value::Number(number));
        }
        match tag {
            NULL => return Ok(Value::Null),
            // false, true, 0.0, 1.0
            0xb0..=0xb3 => {}
            // double, long milliseconds
            0xb5 | 0xab => self.forward(8)?,
            // float, seconds, minutes, local date
            0xb7 | 0xac | 0xad | 0xa9 => self.forward(4)?,
            // character, float of an integer
            0x90 | 0xb6 => self.int().map(drop)?,
            // bytes, big integer
            0x91 | 0xbb => {
                let length = self.count()?;
                self.forward(length)?;
            }
            // double, decimal and big integer of a long
            0xb4 | 0xb8 | 0xba => self.long()?,
            // decimal: scale and digits
            0xb9 => {
                self.int()?;
                self.big_integer()?;
            }
            // local time, local date and time, both with nanoseconds
            0xa7 => {
                self.forward(3)?;
                self.int()?;
            }
            0xa8 => {
                self.forward(7)?;
                self.int()?;
            }
            // the same with a zone
            0xaa => {
                self.forward(7)?;
                self.int()?;
                let tag = self.byte()?;
                self.string_of(tag)?.ok_or(Stop::Unreadable)?;
            }
            // milliseconds and nanoseconds
            0xae => {
                self.forward(8)?;
                self.int()?;
            }
            REFERENCE => {
                let tag = self.byte()?;
                self.string_of(tag)?.ok_or(Stop::Unreadable)?;
                return Ok(Value::Composite);
            }
            TYPED => {
                let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
                self.type_name()?;
                let tag = self.byte()?;
                self.value(tag, depth)?;
                return Ok(Value::Composite);
            }
            0x94..=0xa4 => {
                let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
                let count = match tag {
                    0xa4 => self.count()?,
                    _ => usize::from(tag - 0x94),
                };
                for _ in 0..count {
                    let tag = self.byte()?;
                    self.value(tag, depth)?;
                }
                return Ok(Value::Composite);
            }
            OBJECT => {
                let depth = depth.checked_sub(1).ok_or(Stop::TooDeep)?;
                loop {
                    match self.byte()? {
                        OBJECT_END => break,
                        tag => self.name(tag, depth)?,
                    }
                    let tag = self.byte()?;
                    self.value(tag, depth)?;
                }
                return Ok(Value::Composite);
            }
            _ => return Err(Stop::Unreadable),
        }
        Ok(Value::Scalar)
    }
}
