//! Reading and writing the numbers that Thrift is made of.

use std::fmt;

use anyhow::{Result, ensure};

/// Longer frames and values are taken for garbage.
const MAX_LEN: usize = 64 << 20;

/// More bytes are needed to go on.
#[derive(Debug)]
pub(super) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("message cut short")
    }
}

impl std::error::Error for CutShort {}

/// Fails if something cannot be as long as it says.
pub(super) fn checked_len(len: u32) -> Result<usize> {
    let len = len as usize;
    ensure!(len <= MAX_LEN, "a length of {len} bytes");
    Ok(len)
}

pub(super) fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    rest.split_off(..len).ok_or_else(|| CutShort.into())
}

pub(super) fn take_byte(rest: &mut &[u8]) -> Result<u8> {
    rest.split_off_first()
        .copied()
        .ok_or_else(|| CutShort.into())
}

pub(super) fn take_u16(rest: &mut &[u8]) -> Result<u16> {
    let bytes = take(rest, 2)?;
    Ok(bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u16::from(byte)))
}

pub(super) fn take_u32(rest: &mut &[u8]) -> Result<u32> {
    let bytes = take(rest, 4)?;
    Ok(bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

/// Seven bits in each byte, the lowest first; the eighth says that more follow.
pub(super) fn take_varint(rest: &mut &[u8]) -> Result<u32> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = take_byte(rest)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            ensure!(value <= u64::from(u32::MAX), "a number of 33 bits or more");
            return Ok(value as u32);
        }
    }
    anyhow::bail!("a number of more than five bytes")
}

/// Bytes behind their length of 16 bits.
pub(super) fn take_short<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let len = take_u16(rest)?;
    take(rest, len.into())
}

/// Bytes behind their length as a varint.
pub(super) fn take_counted<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let len = checked_len(take_varint(rest)?)?;
    take(rest, len)
}

pub(super) fn write_varint(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn write_short(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

pub(super) fn write_counted(bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(bytes.len() as u32, out);
    out.extend_from_slice(bytes);
}
