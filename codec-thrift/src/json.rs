//! The JSON protocol: `[1,"name",type,id,{…}]`.
//!
//! Of a message in a frame the header is read, and nothing of its body but the key
//! of a reply's first field. An unframed one is read to its end by [`Scanner`].
//!
//! Apache's libraries write no whitespace; C++, Java and Python read none, Go and
//! Node do. It is allowed wherever JSON allows it, and passed on.

use std::ops::Range;

use meta_core::{CodecError, Status};

use self::text::unescaped;
pub(crate) use self::{
    scan::Scanner,
    text::{name_of, put_number, put_string},
    unframed::begins,
};
use crate::{
    form::Form,
    head::{Envelope, Head, MessageType, Parsed, kind_of},
};

mod scan;
mod text;
mod unframed;

/// What a header may have besides its name: more is more whitespace than anyone
/// needs.
const SPARE_BYTES: usize = 64;

/// A 32-bit number has no more characters than this.
pub(crate) const ID_BYTES: usize = 11;

/// The header of the message that begins at `at`.
pub(crate) fn head(
    src: &[u8],
    at: usize,
    form: Form,
    name_limit: usize,
) -> Result<Parsed, CodecError> {
    let mut reader = Reader { src, at };
    let head = match reader.head(form, name_limit) {
        Ok(head) => Ok(head),
        Err(Stop::Short) => Err(src.len().max(at) + 1),
        Err(Stop::Wrong(error)) => return Err(error),
    };
    let end = match &head {
        Ok(head) => head.body_at,
        Err(_) => src.len(),
    };
    fits(end.saturating_sub(at), name_limit).map(|()| head)
}

/// Whether a header of so many bytes, or so many of one, may be.
fn fits(bytes: usize, name_limit: usize) -> Result<(), CodecError> {
    let limit = name_limit.saturating_add(SPARE_BYTES);
    match bytes > limit {
        true => Err(CodecError::too_large("message header", bytes as u64, limit)),
        false => Ok(()),
    }
}

/// Tells a result from a declared exception by the key of the reply's first
/// field. Java can be told to write the names of fields instead of their numbers.
pub(crate) fn reply_status(body: &[u8]) -> Status {
    let mut reader = Reader { src: body, at: 0 };
    let key = reader.expect(b'{').and_then(|()| reader.string());
    match key.map(|key| body.get(key).unwrap_or_default()) {
        Ok(b"0" | b"success") | Err(_) => Status::Ok,
        Ok(_) => Status::BusinessException,
    }
}

/// Why reading ended.
#[derive(Debug)]
pub(crate) enum Stop {
    /// More bytes are needed.
    Short,
    Wrong(CodecError),
}

/// Reads one piece of JSON after the other, with whitespace before it.
pub(crate) struct Reader<'a> {
    pub(crate) src: &'a [u8],
    pub(crate) at: usize,
}

impl Reader<'_> {
    fn head(&mut self, form: Form, name_limit: usize) -> Result<Head, Stop> {
        let start = self.at;
        self.expect(b'[')?;
        let version_at = self.at;
        let (version, _) = self.number()?;
        if version != 1 {
            let detail = format!("JSON message of version {version}, expected 1");
            return Err(wrong(detail, version_at));
        }
        self.expect(b',')?;
        let name = self.name(name_limit)?;
        self.expect(b',')?;
        let kind = self.kind()?;
        self.expect(b',')?;
        let (id, id_range) = self.number()?;
        let Ok(id) = i32::try_from(id) else {
            let detail = format!("sequence id {id} is not a 32-bit number");
            return Err(wrong(detail, id_range.start));
        };
        self.expect(b',')?;
        Ok(Head {
            form,
            kind,
            id: id as u32,
            id_at: id_range.start,
            id_width: id_range.len(),
            name,
            body_at: self.at,
            envelope: Envelope::at(start),
        })
    }

    fn kind(&mut self) -> Result<MessageType, Stop> {
        let (kind, range) = self.number()?;
        let kind = u8::try_from(kind).unwrap_or_default();
        kind_of(kind, range.start).map_err(Stop::Wrong)
    }

    /// The name between its quotes.
    fn name(&mut self, limit: usize) -> Result<Range<usize>, Stop> {
        let name = self.string()?;
        if name.len() > limit {
            let error = CodecError::too_large("method name", name.len() as u64, limit);
            return Err(Stop::Wrong(error.at(name.start)));
        }
        let bytes = self.src.get(name.clone()).unwrap_or_default();
        if bytes.contains(&b'\\') && unescaped(bytes).is_none() {
            let detail = "method name with an escape that JSON does not know";
            return Err(wrong(detail, name.start));
        }
        Ok(name)
    }

    /// What stands between two quotes.
    pub(crate) fn string(&mut self) -> Result<Range<usize>, Stop> {
        self.expect(b'"')?;
        let start = self.at;
        let mut rest = self.src.get(start..).unwrap_or_default().iter();
        let mut length = 0;
        loop {
            match rest.next() {
                Some(b'"') => break,
                Some(b'\\') => {
                    rest.next();
                    length += 2;
                }
                Some(_) => length += 1,
                None => return Err(Stop::Short),
            }
        }
        self.at = start + length + 1;
        Ok(start..start + length)
    }

    /// A whole number, which ends with the byte behind it.
    pub(crate) fn number(&mut self) -> Result<(i64, Range<usize>), Stop> {
        self.whitespace();
        let start = self.at;
        let rest = self.src.get(start..).unwrap_or_default();
        let (negative, digits) = match rest {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let mut value = 0i64;
        let mut width = 0;
        for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
            width += 1;
            if width >= ID_BYTES {
                return Err(wrong("number of more than 32 bits", start));
            }
            value = value * 10 + i64::from(digit - b'0');
        }
        match (width, digits.get(width)) {
            (_, None) => return Err(Stop::Short),
            (0, Some(_)) => return Err(wrong("no number where the header has one", start)),
            _ => {}
        }
        self.at = start + usize::from(negative) + width;
        let value = if negative { -value } else { value };
        Ok((value, start..self.at))
    }

    /// Takes `byte`, and whitespace before it.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        self.whitespace();
        match self.src.get(self.at) {
            Some(found) if *found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(found) => {
                let (found, byte) = (char::from(*found), char::from(byte));
                let detail =
                    format!("{found:?} in the header of a JSON message, expected {byte:?}");
                Err(wrong(detail, self.at))
            }
            None => Err(Stop::Short),
        }
    }

    fn whitespace(&mut self) {
        while self.src.get(self.at).is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
    }
}

/// Whether JSON ignores this byte between tokens.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>, at: usize) -> Stop {
    Stop::Wrong(CodecError::malformed(detail).at(at))
}

#[cfg(test)]
mod tests;
