//! Hessian 2: reading strings, skipping all the rest.
//!
//! By <http://hessian.caucho.com/doc/hessian-serialization.html>, as Dubbo's own
//! library reads it.

use crate::{
    ascii,
    body::{Body, Entry, Stop, Value},
    text::Str,
};

mod number;
mod skip;
mod string;
mod units;
pub(crate) mod write;

pub(crate) use self::string::joined;

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
    /// All bytes from `at` up to here are known to be ASCII, so that strings among
    /// them need not be looked at one by one.
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

    /// Looks at the bytes to come, where they are not known.
    #[inline]
    fn look_ahead(&mut self) {
        if self.at >= self.ascii_end {
            let rest = self.frame.get(self.at..).unwrap_or_default();
            self.ascii_end = self.at + ascii::run(rest);
        }
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
        self.look_ahead();
        match self.byte()? {
            b'N' => Ok(None),
            tag => self.string_of(tag)?.map(Some).ok_or(Stop::Unreadable),
        }
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
        match self.byte()? {
            b'N' => Ok(false),
            b'H' => Ok(true),
            b'M' => self.type_name().map(|()| true),
            _ => Err(Stop::Unreadable),
        }
    }

    #[inline(always)]
    fn plain_entry(&mut self) -> Option<(Str, Str)> {
        self.look_ahead();
        let key = self.plain(self.at)?;
        let value = self.plain(key.end())?;
        self.at = value.end();
        Some((key, value))
    }

    fn entry(&mut self) -> Result<Option<Entry>, Stop> {
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
            fixed: value == Value::Composite,
        }))
    }
}

#[cfg(test)]
mod tests;
