//! Strings: escapes read and written.

use std::borrow::Cow;

/// A name as it stands between its quotes, without its escapes.
pub(crate) fn name_of(raw: &[u8]) -> Cow<'_, [u8]> {
    match raw.contains(&b'\\') {
        true => unescaped(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        false => Cow::Borrowed(raw),
    }
}

/// `raw` without its escapes; `None` where one of them is none of JSON's.
pub(super) fn unescaped(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    while let Some(at) = raw.iter().position(|byte| *byte == b'\\') {
        let (plain, escape) = raw.split_at_checked(at)?;
        out.extend_from_slice(plain);
        let (byte, rest) = match escape {
            [_, byte @ (b'"' | b'\\' | b'/'), rest @ ..] => (*byte, rest),
            [_, b'b', rest @ ..] => (0x08, rest),
            [_, b'f', rest @ ..] => (0x0c, rest),
            [_, b'n', rest @ ..] => (b'\n', rest),
            [_, b'r', rest @ ..] => (b'\r', rest),
            [_, b't', rest @ ..] => (b'\t', rest),
            _ => {
                let (character, rest) = unicode(escape)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                raw = rest;
                continue;
            }
        };
        out.push(byte);
        raw = rest;
    }
    out.extend_from_slice(raw);
    Some(out)
}

/// A character as one UTF-16 unit or two, and what is behind it.
fn unicode(escape: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = unit(escape)?;
    match first {
        0xd800..0xdc00 => {
            let (second, rest) = unit(rest)?;
            let mut characters = char::decode_utf16([first, second]);
            match (characters.next(), characters.next()) {
                (Some(Ok(character)), None) => Some((character, rest)),
                _ => None,
            }
        }
        _ => Some((char::from_u32(first.into())?, rest)),
    }
}

/// `\uXXXX`
fn unit(escape: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = escape.strip_prefix(b"\\u")?.split_first_chunk::<4>()?;
    let digits = std::str::from_utf8(digits).ok()?;
    let mut digits = digits.chars();
    let value = digits.try_fold(0, |value, digit| Some(value << 4 | digit.to_digit(16)?))?;
    Some((u16::try_from(value).ok()?, rest))
}

/// Writes a number.
pub(crate) fn put_number(number: i32, mut put: impl FnMut(u8)) {
    if number < 0 {
        put(b'-');
    }
    let number = number.unsigned_abs();
    let mut power = 1_000_000_000;
    while power > 1 && number < power {
        power /= 10;
    }
    while power > 0 {
        put(b'0' + (number / power % 10) as u8);
        power /= 10;
    }
}

/// Writes `text` between quotes, as all of Thrift's libraries read it: they
/// know lower-case digits in escapes only.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
