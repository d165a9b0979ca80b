//! Fields: strings and 32-bit numbers.

use crate::head::{put_varint, varint};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    String(String),
    Int(i32),
}

pub(super) fn put_field(out: &mut Vec<u8>, id: i16, value: &Value) {
    match value {
        Value::String(text) => {
            out.push(11);
            out.extend(id.to_be_bytes());
            put_string(out, text);
        }
        Value::Int(number) => {
            out.push(8);
            out.extend(id.to_be_bytes());
            out.extend(number.to_be_bytes());
        }
    }
}

pub(super) fn put_compact_field(out: &mut Vec<u8>, last: i16, id: i16, value: &Value) {
    let kind = match value {
        Value::String(_) => 8,
        Value::Int(_) => 5,
    };
    match u8::try_from(i32::from(id) - i32::from(last)) {
        Ok(step @ 1..=15) => out.push(step << 4 | kind),
        _ => {
            out.push(kind);
            put_varint(zigzag(id.into()), |byte| out.push(byte));
        }
    }
    match value {
        Value::String(text) => put_compact_string(out, text),
        Value::Int(number) => put_varint(zigzag(*number), |byte| out.push(byte)),
    }
}

pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend(length_of(text.len()).to_be_bytes());
    out.extend(text.as_bytes());
}

pub(super) fn put_compact_string(out: &mut Vec<u8>, text: &str) {
    put_varint(length_of(text.len()), |byte| out.push(byte));
    out.extend(text.as_bytes());
}

pub(super) fn take_field(rest: &mut &[u8]) -> Option<(i16, Value)> {
    let [kind, i0, i1] = *take(rest)?;
    let id = i16::from_be_bytes([i0, i1]);
    let number = u32::from_be_bytes(*take(rest)?);
    match kind {
        8 => Some((id, Value::Int(number as i32))),
        11 => Some((id, take_string(rest, number.into())?)),
        _ => None,
    }
}

pub(super) fn take_compact_field(rest: &mut &[u8], last: i16) -> Option<(i16, Value)> {
    let [begin] = *take(rest)?;
    let id = match begin >> 4 {
        0 => i16::try_from(unzigzag(take_varint(rest)?)).ok()?,
        step => last.checked_add(step.into())?,
    };
    match begin & 0x0f {
        5 => Some((id, Value::Int(unzigzag(take_varint(rest)?)))),
        8 => {
            let length = take_varint(rest)?;
            Some((id, take_string(rest, length)?))
        }
        _ => None,
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(taken)
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (value, width) = varint(rest, 0).ok()??;
    *rest = rest.get(width..)?;
    Some(value)
}

fn take_string(rest: &mut &[u8], length: u64) -> Option<Value> {
    let (text, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(Value::String(String::from_utf8_lossy(text).into_owned()))
}

fn zigzag(number: i32) -> u32 {
    (number << 1 ^ number >> 31) as u32
}

fn unzigzag(number: u64) -> i32 {
    let number = number as u32;
    (number >> 1) as i32 ^ -((number & 1) as i32)
}

pub(super) fn length_of(length: usize) -> u32 {
    u32::try_from(length).expect("a length fits 32 bits")
}
