//! Hessian 2: reading strings, skipping all the rest.
//!
//! By <http://hessian.caucho.com/doc/hessian-serialization.html>, as Dubbo's own
//! library reads it.

use crate::{
    body::{Body, Entry, Stop, Value},
    text::{Form, Str, cesu8},
};

mod skip;
mod units;
pub(crate) mod write;

use self::units::{ascii_run, units};

/// The deepest nesting that can be asked for.
const MAX_DEPTH: usize = 64;

/// Classes that one message may define.
const MAX_CLASSES: usize = 1 << 16;

/// Class definitions that are remembered without giving their memory back.
const KEEP_CLASSES: usize = 256;

/// How many fields each class that a message has defined has.
#[derive(Debug, Default)]
pub(crate) struct Classes(Vec<u32>);

impl Classes {
    fn clear(&mut self) {
        match self.0.capacity() > KEEP_CLASSES {
            true => self.0 = Vec::new(),
            false => self.0.clear(),
        }
    }
}

/// Reads the body of one message.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    classes: &'a mut Classes,
    depth: usize,
    /// All bytes from some point before `at` up to here are known to be ASCII.
    ascii_end: usize,
}

impl<'a> Reader<'a> {
    /// A reader that stands at the byte `at` of `frame`.
    pub(crate) fn new(
        frame: &'a [u8],
        at: usize,
        classes: &'a mut Classes,
        max_depth: usize,
    ) -> Self {
        classes.clear();
        Self {
            frame,
            at,
            classes,
            depth: max_depth.min(MAX_DEPTH),
            ascii_end: at,
        }
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.frame.get(self.at).copied().ok_or(Stop::Unreadable)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk().ok_or(Stop::Unreadable)?;
        self.at += N;
        Ok(*array)
    }

    fn remaining(&self) -> usize {
        self.frame.len().saturating_sub(self.at)
    }

    fn forward(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.remaining() {
            return Err(Stop::Unreadable);
        }
        self.at += bytes;
        Ok(())
    }

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
    fn units(&mut self, count: usize) -> Result<bool, Stop> {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        let (bytes, ascii) = units(rest, count).ok_or(Stop::Unreadable)?;
        self.at += bytes;
        Ok(ascii)
    }

    /// The string behind `tag`; `None` where that is none's.
    #[inline(always)]
    fn string_of(&mut self, tag: u8) -> Result<Option<Str>, Stop> {
        let end = self.at + usize::from(tag);
        if tag < 0x20 && end <= self.ascii_end {
            let text = Str::new(self.at, end, Form::Ascii);
            self.at = end;
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

    /// A number in one of the integers' forms.
    fn int(&mut self) -> Result<i32, Stop> {
        let tag = self.byte()?;
        self.int_of(tag)?.ok_or(Stop::Unreadable)
    }

    fn int_of(&mut self, tag: u8) -> Result<Option<i32>, Stop> {
        Ok(Some(match tag {
            0x80..=0xbf => i32::from(tag) - 0x90,
            0xc0..=0xcf => (i32::from(tag) - 0xc8) << 8 | i32::from(self.byte()?),
            0xd0..=0xd7 => {
                let low = i32::from(u16::from_be_bytes(self.array()?));
                (i32::from(tag) - 0xd4) << 16 | low
            }
            b'I' => i32::from_be_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    /// A number in one of the longs' forms.
    fn long_of(&mut self, tag: u8) -> Result<Option<i64>, Stop> {
        Ok(Some(match tag {
            0xd8..=0xef => i64::from(tag) - 0xe0,
            0xf0..=0xff => (i64::from(tag) - 0xf8) << 8 | i64::from(self.byte()?),
            0x38..=0x3f => {
                let low = i64::from(u16::from_be_bytes(self.array()?));
                (i64::from(tag) - 0x3c) << 16 | low
            }
            b'Y' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    /// A count of values, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize, Stop> {
        let count = usize::try_from(self.int()?).map_err(|_| Stop::Unreadable)?;
        match count > self.remaining() {
            true => Err(Stop::Unreadable),
            false => Ok(count),
        }
    }

    fn value(&mut self, tag: u8) -> Result<Value, Stop> {
        if let Some(number) = self.int_of(tag)? {
            return Ok(Value::Number(number.into()));
        }
        if let Some(number) = self.long_of(tag)? {
            return Ok(Value::Number(number));
        }
        let value = match tag {
            b'N' => Value::Null,
            b'C' | b'H' | b'M' | b'O' | b'Q' | b'U'..=b'X' | 0x60..=0x7f => Value::Composite,
            _ => Value::Scalar,
        };
        self.skip_of(tag, self.depth)?;
        Ok(value)
    }
}

impl Body for Reader<'_> {
    fn frame(&self) -> &[u8] {
        self.frame
    }

    fn at(&self) -> usize {
        self.at
    }

    fn jump(&mut self, at: usize) {
        self.at = at;
    }

    #[inline]
    fn string(&mut self) -> Result<Option<Str>, Stop> {
        match self.byte()? {
            b'N' => Ok(None),
            tag => self.string_of(tag)?.map(Some).ok_or(Stop::Unreadable),
        }
    }

    fn look_ahead(&mut self) {
        let rest = self.frame.get(self.at..).unwrap_or_default();
        self.ascii_end = self.at + ascii_run(rest);
    }

    fn string_or_skip(&mut self) -> Result<Option<Str>, Stop> {
        let tag = self.byte()?;
        if let Some(text) = self.string_of(tag)? {
            return Ok(Some(text));
        }
        self.skip_of(tag, self.depth).map(|()| None)
    }

    fn skip(&mut self) -> Result<(), Stop> {
        let tag = self.byte()?;
        self.skip_of(tag, self.depth)
    }

    fn kind(&mut self) -> Result<u8, Stop> {
        u8::try_from(self.int()?).map_err(|_| Stop::Unreadable)
    }

    fn open(&mut self) -> Result<bool, Stop> {
        if self.ascii_end < self.frame.len() {
            self.look_ahead();
        }
        match self.byte()? {
            b'N' => Ok(false),
            b'H' => Ok(true),
            b'M' => self.type_name().map(|()| true),
            _ => Err(Stop::Unreadable),
        }
    }

    #[inline(always)]
    fn entry(&mut self) -> Result<Option<Entry>, Stop> {
        let start = self.at;
        let tag = self.byte()?;
        if tag == b'Z' {
            return Ok(None);
        }
        // Keys are strings at all clients; what a provider makes of others is
        // not known.
        let key = self.string_of(tag)?.ok_or(Stop::Unreadable)?;
        let tag = self.byte()?;
        let value = match self.string_of(tag)? {
            Some(text) => Value::String(text),
            None => self.value(tag)?,
        };
        Ok(Some(Entry {
            key,
            value,
            range: start..self.at,
            fixed: value == Value::Composite,
        }))
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

#[cfg(test)]
mod tests;
