//! Invocation: what a request's body says, up to and with its attachments.

use std::{borrow::Cow, ops::Range, time::Duration};

use meta_core::{Attributes, CodecError, CodecErrorKind, Limits};

use crate::{
    body::{Body, Entry, Stop, Value},
    config::OnMismatch,
    descriptor::parameters,
    head::HEAD_BYTES,
    text::Str,
};

mod called;

pub(crate) use self::called::Called;

/// Messages up to this length are kept whole for their attributes; of longer
/// ones names and attachments are copied, so that metadata do not pin a large
/// body.
const KEEP_WHOLE_BYTES: usize = 4096;

/// What attachments take at least, on average; a guess that saves allocations.
const ENTRY_BYTES: usize = 24;

/// Attributes that are read off the body, at most.
pub(crate) const OWN_ATTRIBUTES: usize = 6;

/// An attachment's key begins so where an argument is a callback.
const CALLBACK: &[u8] = b"sys_callback_arg-";

/// What a body begins with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    pub(crate) dubbo_version: Option<Str>,
    pub(crate) path: Option<Str>,
    pub(crate) version: Option<Str>,
    pub(crate) method: Option<Str>,
    /// How many arguments follow.
    pub(crate) arguments: usize,
    /// Whether the method is one that carries calls of others.
    pub(crate) is_generic: bool,
    /// Where the arguments begin.
    pub(crate) end: usize,
}

impl Names {
    fn read(body: &mut impl Body) -> Result<Self, Refusal> {
        body.look_ahead();
        let dubbo_version = body.string()?;
        let path = body.string()?;
        let version = body.string()?;
        let method = body.string()?;
        let descriptor = body.string()?.ok_or(Refusal::Unreadable)?;
        let frame = body.frame();
        let arguments = descriptor.with(frame, parameters);
        let arguments = arguments.ok_or(Refusal::Unreadable)?;
        Ok(Self {
            dubbo_version,
            path,
            version,
            method,
            arguments,
            is_generic: arguments == 3
                && method.is_some_and(|method| method.with(frame, is_generic)),
            end: body.at(),
        })
    }
}

/// What was read of a request. One is reused for all requests of a connection.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    pub(crate) names: Names,
    /// What the provider acts on, as these two.
    pub(crate) path: Option<Str>,
    pub(crate) version: Option<Str>,
    pub(crate) group: Option<Str>,
    /// The method that a generic call is for.
    pub(crate) real_method: Option<Str>,
    pub(crate) timeout: Option<Duration>,
    /// Whether an argument is a callback.
    pub(crate) callback: bool,
    /// Whether an attachment is more than a simple value.
    pub(crate) has_objects: bool,
    /// How many attachments there are.
    pub(crate) attached: usize,
    /// Whether the attachments say something else than the body.
    pub(crate) differs: bool,
    /// Where what is read before the attachments ends.
    pub(crate) front_end: usize,
    pub(crate) attachments: Range<usize>,
    /// How many bytes before the attachments are not kept for attributes.
    pub(crate) shift: usize,
    /// Attachments whose values are strings; still without their head.
    pub(crate) attributes: Attributes,
}

/// Why a request is not passed on as it was read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody knows what a provider would make of it: it passes, unread.
    Unreadable,
    /// Its caller is told.
    Refused(CodecError),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        let detail = match stop {
            Stop::Unreadable => return Self::Unreadable,
            Stop::TooDeep => "values nested too deeply",
            Stop::TooManyClasses => "too many class definitions",
        };
        Self::Refused(CodecError::new(CodecErrorKind::TooLarge, detail))
    }
}

/// What attachments say in place of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Attached {
    #[default]
    Absent,
    Null,
    String(Str),
    /// The provider fails on it.
    Other,
}

impl From<Value> for Attached {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::String(text),
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Default)]
struct Overrides {
    path: Attached,
    version: Attached,
    group: Attached,
}

impl Invocation {
    /// Reads a request up to its attachments, beginning behind its names where
    /// those are known.
    pub(crate) fn front(
        &mut self,
        body: &mut impl Body,
        names: Option<Names>,
    ) -> Result<(), Refusal> {
        let names = match names {
            Some(names) => {
                body.jump(names.end);
                names
            }
            None => Names::read(body)?,
        };
        *self = Self {
            names,
            path: names.path,
            version: names.version,
            front_end: names.end,
            ..Self::default()
        };
        let mut left = names.arguments;
        if names.is_generic {
            left -= 1;
            // What is no string is skipped as any other argument.
            let real = body.string_or_skip()?;
            if let Some(name) = real.filter(|name| !name.is_empty()) {
                self.real_method = Some(name);
                self.front_end = body.at();
            }
        }
        for _ in 0..left {
            body.skip()?;
        }
        Ok(())
    }

    /// Reads the attachments once more, for attributes that point into a copy.
    pub(crate) fn again(
        &mut self,
        body: &mut impl Body,
        limits: &Limits,
        on_mismatch: OnMismatch,
    ) -> Result<(), Refusal> {
        *self = Self {
            names: self.names,
            path: self.names.path,
            version: self.names.version,
            front_end: self.names.end,
            ..Self::default()
        };
        self.attachments(body, limits, on_mismatch, true)
    }

    /// Reads the attachments, with which the body ends. With `copy`, attributes
    /// will point into a copy of what matters of the message, whatever its length.
    pub(crate) fn attachments(
        &mut self,
        body: &mut impl Body,
        limits: &Limits,
        on_mismatch: OnMismatch,
        copy: bool,
    ) -> Result<(), Refusal> {
        let start = body.at();
        let length = body.frame().len();
        if length > KEEP_WHOLE_BYTES || copy {
            self.shift = start - self.front_end;
        }
        let mut overrides = Overrides::default();
        if body.open()? {
            let guess = (length - start) / ENTRY_BYTES;
            let most = limits.attributes.min(64);
            self.attributes.reserve(guess.min(most) + OWN_ATTRIBUTES);
            while let Some(entry) = body.entry()? {
                self.attached += 1;
                if self.attached > limits.attributes {
                    return Err(too_large("attachments", self.attached, limits.attributes));
                }
                self.entry(body.frame(), &entry, &mut overrides);
            }
        }
        self.attachments = start..body.at();
        let header = (self.front_end - HEAD_BYTES).saturating_add(self.attachments.len());
        if header > limits.header_bytes {
            return Err(too_large(
                "names and attachments",
                header,
                limits.header_bytes,
            ));
        }
        if body.at() != body.frame().len() {
            return Err(Refusal::Unreadable);
        }
        self.settle(body.frame(), &overrides, on_mismatch)
    }

    #[inline]
    fn entry(&mut self, frame: &[u8], entry: &Entry, overrides: &mut Overrides) {
        let value = entry.value;
        self.has_objects |= entry.fixed;
        let exposed = entry.key.with(frame, |key| {
            // By length first: most keys are of none of these.
            match key.len() {
                4 if key == b"path" => overrides.path = value.into(),
                5 if key == b"group" => overrides.group = value.into(),
                7 if key == b"version" => overrides.version = value.into(),
                7 if key == b"timeout" => {
                    self.timeout = timeout(frame, value);
                    return true;
                }
                5 | 6 | 7 | 9 | 13 | 14 => {}
                18.. if key.starts_with(CALLBACK) => {
                    self.callback = true;
                    return true;
                }
                _ => return true,
            }
            !is_reserved(key)
        });
        if let (true, Value::String(text)) = (exposed, value) {
            let key = entry.key.text(frame, self.shift);
            self.attributes
                .insert_utf8(key, text.text(frame, self.shift));
        }
    }

    /// The provider acts on what the attachments say.
    fn settle(
        &mut self,
        frame: &[u8],
        overrides: &Overrides,
        on_mismatch: OnMismatch,
    ) -> Result<(), Refusal> {
        let refuse = on_mismatch == OnMismatch::Refuse;
        let read = |text: Option<Str>| text.map_or(Cow::Borrowed(""), |text| text.read(frame));
        match overrides.path {
            Attached::Absent => {}
            Attached::String(path) => {
                let same = self.path.is_some_and(|own| equal(own, path, frame));
                if !same && read(self.path) != read(Some(path)) {
                    if refuse {
                        return Err(mismatch("path", &read(self.path), &read(Some(path))));
                    }
                    self.differs = true;
                }
                self.path = Some(path);
            }
            Attached::Null | Attached::Other => return Err(no_string("path")),
        }
        match overrides.version {
            Attached::Absent => {}
            Attached::Other => return Err(no_string("version")),
            Attached::Null | Attached::String(_) => {
                let version = match overrides.version {
                    Attached::String(version) => Some(version),
                    _ => None,
                };
                let none = |text: Option<Str>| text.is_none_or(|text| is_no_version(text, frame));
                let same = match (self.version, version) {
                    (Some(own), Some(other)) if equal(own, other, frame) => true,
                    (own, other) if none(own) && none(other) => true,
                    (own, other) => !none(own) && !none(other) && read(own) == read(other),
                };
                if refuse && !same {
                    return Err(mismatch("version", &read(self.version), &read(version)));
                }
                self.differs |= !same;
                self.version = version;
            }
        }
        self.version = self.version.filter(|text| !is_no_version(*text, frame));
        match overrides.group {
            Attached::Absent | Attached::Null => {}
            Attached::String(group) => self.group = Some(group).filter(|text| !text.is_empty()),
            Attached::Other => return Err(no_string("group")),
        }
        Ok(())
    }
}

fn equal(a: Str, b: Str, frame: &[u8]) -> bool {
    a.with(frame, |a| b.with(frame, |b| a == b))
}

/// No version, to a provider, goes by three names.
fn is_no_version(version: Str, frame: &[u8]) -> bool {
    version.with(frame, |text| matches!(text, b"" | b"0.0.0"))
}

fn is_generic(method: &[u8]) -> bool {
    matches!(method, b"$invoke" | b"$invokeAsync")
}

/// Whether an attachment under `key` would be found in place of what was read
/// off the body.
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
    key == reserved || key.eq_ignore_ascii_case(reserved)
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

fn too_large(what: &str, found: usize, limit: usize) -> Refusal {
    let detail = format!("{found} {what}: over the limit of {limit}");
    Refusal::Refused(CodecError::new(CodecErrorKind::TooLarge, detail))
}

fn mismatch(what: &str, body: &str, attached: &str) -> Refusal {
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let (body, attached) = (short(body), short(attached));
    Refusal::Refused(CodecError::malformed(format!(
        "the attachments' {what} {attached:?} is not the body's {body:?}"
    )))
}

fn no_string(what: &str) -> Refusal {
    Refusal::Refused(CodecError::malformed(format!(
        "the attachments' {what} is not a string"
    )))
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
