//! Attached: what a request's attachments say.

use std::{ops::Range, time::Duration};

use meta_core::{Attributes, Limits};

use super::{Refusal, too_large};
use crate::{
    body::{Body, Entry, Value},
    text::Str,
};

/// What an attachment takes at least, on average; a guess that saves allocations.
const ENTRY_BYTES: usize = 24;

/// Attachments that room is made for before they are read.
const MAX_GUESS: usize = 64;

/// Attributes that are read off the body, at most.
const OWN_ATTRIBUTES: usize = 6;

/// An attachment's key begins so where an argument is a callback.
const CALLBACK: &[u8] = b"sys_callback_arg-";

/// What a request's attachments say.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) path: Override,
    pub(super) version: Override,
    pub(super) group: Override,
    pub(super) timeout: Option<Duration>,
    /// Whether an argument is a callback.
    pub(super) callback: bool,
    /// Whether one of them is more than a simple value.
    pub(super) has_objects: bool,
    /// Where they stand.
    pub(super) range: Range<usize>,
}

/// What attachments say in place of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Override {
    #[default]
    Absent,
    Null,
    String(Str),
    /// The provider fails on it.
    Other,
}

impl From<Value> for Override {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::String(text),
            _ => Self::Other,
        }
    }
}

impl Attached {
    /// Reads the attachments. Those whose values are strings become attributes,
    /// whose head will be the message without the `shift` bytes before these.
    #[inline]
    pub(super) fn read(
        &mut self,
        body: &mut impl Body,
        limits: &Limits,
        shift: usize,
        attributes: &mut Attributes,
    ) -> Result<(), Refusal> {
        let start = body.at();
        let guess = (body.frame().len() - start) / ENTRY_BYTES;
        let most = limits.attributes.min(MAX_GUESS);
        attributes.reserve(guess.min(most) + OWN_ATTRIBUTES);
        if body.open()? {
            let mut count = 0;
            loop {
                if let Some((key, value)) = body.plain_entry() {
                    let frame = body.frame();
                    if self.note(key.bytes(frame), Value::String(value), frame) {
                        attributes.insert_utf8(key.span(shift), value.span(shift));
                    }
                } else {
                    let Some(entry) = body.entry()? else { break };
                    self.entry(&entry, body.frame(), shift, attributes);
                }
                count += 1;
                if count > limits.attributes {
                    return Err(too_large("attachments", count, limits.attributes));
                }
            }
        }
        self.range = start..body.at();
        Ok(())
    }

    /// Takes note of what an attachment means to a provider; `false` for those
    /// that are no attributes.
    #[inline(always)]
    fn note(&mut self, key: &[u8], value: Value, frame: &[u8]) -> bool {
        // By length first: most keys are of none of these.
        match key.len() {
            4 if key == b"path" => self.path = value.into(),
            5 if key == b"group" => self.group = value.into(),
            7 if key == b"version" => self.version = value.into(),
            7 if key == b"timeout" => self.timeout = timeout(frame, value),
            18.. if key.starts_with(CALLBACK) => self.callback = true,
            _ => {}
        }
        !is_reserved(key)
    }

    /// Takes in an attachment of whatever form.
    #[inline(never)]
    fn entry(&mut self, entry: &Entry, frame: &[u8], shift: usize, attributes: &mut Attributes) {
        self.has_objects |= entry.fixed;
        let exposed = entry
            .key
            .with(frame, |key| self.note(key, entry.value, frame));
        if let (true, Value::String(text)) = (exposed, entry.value) {
            attributes.insert_utf8(entry.key.text(frame, shift), text.text(frame, shift));
        }
    }
}

/// Whether an attachment under `key` would be found in place of what was read
/// off the body.
#[inline(always)]
fn is_reserved(key: &[u8]) -> bool {
    let reserved: &[u8] = match key.len() {
        5 => b"group",
        6 => b"method",
        7 => b"version",
        9 => b"interface",
        13 => b"dubbo_version",
        14 => b"invoked_method",
        _ => return false,
    };
    let begins = key.first().map(u8::to_ascii_lowercase) == reserved.first().copied();
    begins && (key == reserved || key.eq_ignore_ascii_case(reserved))
}

/// A caller's patience in milliseconds, as a string or a number.
fn timeout(frame: &[u8], value: Value) -> Option<Duration> {
    let millis = match value {
        Value::Number(number) => u64::try_from(number).ok()?,
        Value::String(text) => text.with(frame, number)?,
        _ => return None,
    };
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// A number of decimal digits alone.
fn number(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number.checked_mul(10)?.checked_add(digit.into()))?
    };
    digits.iter().try_fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_positive_milliseconds() {
        let frame = b"3000 0 -5 x 99999999999999999999";
        let text = |range: Range<usize>| {
            let text = Str::new(range.start, range.end, crate::text::Form::Ascii);
            timeout(frame, Value::String(text))
        };
        assert_eq!(text(0..4), Some(Duration::from_secs(3)));
        for range in [5..6, 7..9, 10..11, 12..32] {
            assert_eq!(text(range), None);
        }
        assert_eq!(
            timeout(frame, Value::Number(7)),
            Some(Duration::from_millis(7))
        );
        assert_eq!(timeout(frame, Value::Number(-7)), None);
        assert_eq!(timeout(frame, Value::Null), None);
    }
}
