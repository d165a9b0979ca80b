//! `[1,"echo",1,42,{"1":{"str":"..."}}]`, as Apache Thrift's libraries write it:
//! an array of version, name, type, id and struct. A field is its id, its type
//! and its value.

use anyhow::{Context, Result, ensure};

use super::super::wire::{CutShort, take as take_bytes};
use super::{Head, Message, is_exception};
use crate::pattern::Body;

/// What follows the string.
pub(super) const END: &[u8] = b"\"}}]";
const ESCAPE: u8 = b'\\';

pub(super) fn write_start(head: &Head<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"[1,\"");
    out.extend_from_slice(head.name);
    let rest = format!(
        "\",{},{},{{\"{}\":{{\"str\":\"",
        head.kind, head.id, head.field
    );
    out.extend_from_slice(rest.as_bytes());
}

/// Appends a body with a backslash in front of each quote and backslash; it has
/// no other characters that need one.
pub(super) fn write_body(body: &Body<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    body.write(0..body.len(), out);
    if out[start..].iter().any(|&byte| needs_escape(byte)) {
        let plain = out.split_off(start);
        for byte in plain {
            if needs_escape(byte) {
                out.push(ESCAPE);
            }
            out.push(byte);
        }
    }
}

pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Result<Message<'a>> {
    skip(rest, b"[1,\"")?;
    let name = take_until_quote(rest)?;
    skip(rest, b",")?;
    let kind = u8::try_from(take_number(rest)?)?;
    skip(rest, b",")?;
    let id = take_number(rest)?;
    skip(rest, b",{\"")?;
    let field = u16::try_from(take_number(rest)?)?;
    skip(rest, b"\":{\"str\":\"")?;
    let value = take_until_quote(rest)?;
    if is_exception(kind) && rest.first() == Some(&b'}') {
        // Its number is not wanted.
        *rest = &[];
    } else {
        skip(rest, &END[1..])?;
    }
    let head = Head {
        kind,
        name,
        id,
        field,
    };
    Ok(Message { head, value })
}

/// The next characters of an encoded string: those up to a backslash, or the one
/// behind it.
pub(super) fn next_piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.first() == Some(&ESCAPE) {
        rest.split_off(..1)?;
        return rest.split_off(..1);
    }
    let len = rest.iter().position(|&byte| byte == ESCAPE);
    let piece = rest.split_off(..len.unwrap_or(rest.len()))?;
    (!piece.is_empty()).then_some(piece)
}

fn needs_escape(byte: u8) -> bool {
    byte == b'"' || byte == ESCAPE
}

fn skip(rest: &mut &[u8], expected: &[u8]) -> Result<()> {
    let found = take_bytes(rest, expected.len())?;
    ensure!(
        found == expected,
        "{:?} instead of {:?}",
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(expected)
    );
    Ok(())
}

fn take_number(rest: &mut &[u8]) -> Result<u32> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(take_bytes(rest, digits)?)?;
    digits.parse().context("no number")
}

/// A string's characters; its closing quote is taken too.
fn take_until_quote<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let mut escaped = false;
    let end = rest.iter().position(|&byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == ESCAPE && !escaped;
        is_end
    });
    let text = take_bytes(rest, end.ok_or(CutShort)?)?;
    take_bytes(rest, 1)?;
    Ok(text)
}
