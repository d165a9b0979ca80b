//! Numbers, and values that may be one.

use super::Reader;
use crate::body::{Stop, Value};

impl Reader<'_> {
    /// A number in one of the integers' forms.
    pub(super) fn int(&mut self) -> Result<i32, Stop> {
        let tag = self.byte()?;
        self.int_of(tag)?.ok_or(Stop::Unreadable)
    }

    pub(super) fn int_of(&mut self, tag: u8) -> Result<Option<i32>, Stop> {
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
    pub(super) fn count(&mut self) -> Result<usize, Stop> {
        let count = usize::try_from(self.int()?).map_err(|_| Stop::Unreadable)?;
        match count > self.remaining() {
            true => Err(Stop::Unreadable),
            false => Ok(count),
        }
    }

    pub(super) fn value(&mut self, tag: u8) -> Result<Value, Stop> {
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
