//! Messages in Thrift's three protocols.
//!
//! The argument and the result are structs of one string field. An exception
//! has a number behind its string.

mod json;

use anyhow::{Result, bail, ensure};

use super::super::Value;
use super::wire::{
    checked_len, take, take_byte, take_counted, take_u16, take_u32, take_varint, write_counted,
    write_varint,
};
use crate::pattern::Body;

pub(super) const CALL: u8 = 1;
pub(super) const REPLY: u8 = 2;

const BINARY_VERSION: u16 = 0x8001;
const BINARY_STRING: u8 = 11;
const BINARY_I32: u8 = 8;
const COMPACT_ID: u8 = 0x82;
const COMPACT_VERSION: u8 = 1;
const COMPACT_STRING: u8 = 8;
const COMPACT_I32: u8 = 5;
const STOP: u8 = 0;

/// How a message is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// The strict binary protocol.
    Binary,
    /// The compact protocol.
    Compact,
    /// The JSON protocol.
    Json,
}

/// Everything of a message but the value of its string field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
    pub(super) id: u32,
    /// The id of the string field.
    pub(super) field: u16,
}

/// A message that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) head: Head<'a>,
    /// The string, as it is encoded.
    pub(super) value: &'a [u8],
}

impl Encoding {
    /// Appends a call or a reply with `body` as its string.
    pub(super) fn write_body(self, head: &Head<'_>, body: &Body<'_>, out: &mut Vec<u8>) {
        self.write_start(head, body.len(), out);
        match self {
            Self::Json => json::write_body(body, out),
            Self::Binary | Self::Compact => body.write(0..body.len(), out),
        }
        self.write_end(out);
    }

    /// Appends a call or a reply with a string that is encoded already.
    pub(super) fn write_encoded(self, head: &Head<'_>, value: &[u8], out: &mut Vec<u8>) {
        self.write_start(head, value.len(), out);
        out.extend_from_slice(value);
        self.write_end(out);
    }

    /// Splits a message off the front.
    pub(super) fn take<'a>(self, rest: &mut &'a [u8]) -> Result<Message<'a>> {
        match self {
            Self::Binary => take_binary(rest),
            Self::Compact => take_compact(rest),
            Self::Json => json::take(rest),
        }
    }

    /// What an encoded string says.
    pub(super) fn value(self, encoded: &[u8]) -> Value<'_> {
        match self {
            Self::Json => Value::in_pieces(encoded, json::next_piece),
            Self::Binary | Self::Compact => Value::whole(encoded),
        }
    }

    fn write_start(self, head: &Head<'_>, len: usize, out: &mut Vec<u8>) {
        match self {
            Self::Binary => {
                out.extend_from_slice(&BINARY_VERSION.to_be_bytes());
                out.extend_from_slice(&[0, head.kind]);
                out.extend_from_slice(&(head.name.len() as u32).to_be_bytes());
                out.extend_from_slice(head.name);
                out.extend_from_slice(&head.id.to_be_bytes());
                out.push(BINARY_STRING);
                out.extend_from_slice(&head.field.to_be_bytes());
                out.extend_from_slice(&(len as u32).to_be_bytes());
            }
            Self::Compact => {
                out.extend_from_slice(&[COMPACT_ID, head.kind << 5 | COMPACT_VERSION]);
                write_varint(head.id, out);
                write_counted(head.name, out);
                // Fields count from 0, and a step of 1 to 15 fits into the type's byte.
                match head.field as u8 {
                    0 => out.extend_from_slice(&[COMPACT_STRING, 0]),
                    step => out.push(step << 4 | COMPACT_STRING),
                }
                write_varint(len as u32, out);
            }
            Self::Json => json::write_start(head, out),
        }
    }

    fn write_end(self, out: &mut Vec<u8>) {
        match self {
            Self::Binary | Self::Compact => out.push(STOP),
            Self::Json => out.extend_from_slice(json::END),
        }
    }
}

fn take_binary<'a>(rest: &mut &'a [u8]) -> Result<Message<'a>> {
    let version = take_u16(rest)?;
    ensure!(version == BINARY_VERSION, "version {version:#x}");
    ensure!(take_byte(rest)? == 0, "a version's third byte is not 0");
    let kind = take_byte(rest)?;
    let name_len = checked_len(take_u32(rest)?)?;
    let name = take(rest, name_len)?;
    let id = take_u32(rest)?;
    let tag = take_byte(rest)?;
    ensure!(
        tag == BINARY_STRING,
        "message type {kind}: first field has type {tag}"
    );
    let field = take_u16(rest)?;
    let value_len = checked_len(take_u32(rest)?)?;
    let value = take(rest, value_len)?;
    loop {
        match take_byte(rest)? {
            STOP => break,
            BINARY_I32 if is_exception(kind) => take(rest, 2 + 4)?,
            tag => bail!("message type {kind}: one more field, of type {tag}"),
        };
    }
    let head = Head {
        kind,
        name,
        id,
        field,
    };
    Ok(Message { head, value })
}

fn take_compact<'a>(rest: &mut &'a [u8]) -> Result<Message<'a>> {
    let first = take_byte(rest)?;
    ensure!(first == COMPACT_ID, "protocol id {first:#x}");
    let second = take_byte(rest)?;
    let (kind, version) = (second >> 5, second & 0x1f);
    ensure!(version == COMPACT_VERSION, "version {version}");
    let id = take_varint(rest)?;
    let name = take_counted(rest)?;
    let (tag, field) = take_compact_tag(rest, 0)?;
    ensure!(
        tag == COMPACT_STRING,
        "message type {kind}: first field has type {tag}"
    );
    let value = take_counted(rest)?;
    let mut last = field;
    loop {
        match take_compact_tag(rest, last)? {
            (STOP, _) => break,
            (COMPACT_I32, field) if is_exception(kind) => {
                take_varint(rest)?;
                last = field;
            }
            (tag, _) => bail!("message type {kind}: one more field, of type {tag}"),
        }
    }
    let head = Head {
        kind,
        name,
        id,
        field,
    };
    Ok(Message { head, value })
}

/// A field's type and id, given the id of the field before.
fn take_compact_tag(rest: &mut &[u8], last: u16) -> Result<(u8, u16)> {
    let byte = take_byte(rest)?;
    let (step, tag) = (byte >> 4, byte & 0x0f);
    let field = match (tag, step) {
        (STOP, 0) => last,
        (STOP, _) => bail!("a stop that goes on"),
        (_, 0) => {
            // Signed numbers alternate: 0, -1, 1, and so on.
            let number = take_varint(rest)?;
            ensure!(number % 2 == 0, "a negative field id");
            u16::try_from(number / 2)?
        }
        _ => last + u16::from(step),
    };
    Ok((tag, field))
}

/// Whether a message of this type may have more than a string.
fn is_exception(kind: u8) -> bool {
    kind != CALL && kind != REPLY
}
