//! Hessian2 strings of ASCII characters, of which each takes one byte.
//!
//! A string is a number of pieces of 32,768 characters, each behind `R` and
//! its length, and a last piece behind the shortest head that its length
//! allows: this is how Java's encoder writes it.

use anyhow::{Context, Result};

use crate::pattern::Body;

/// Characters in every piece but the last.
const PIECE: usize = 0x8000;

/// Bytes that a string of `len` characters takes.
pub(super) fn encoded_len(len: usize) -> usize {
    let pieces = pieces_before_last(len);
    pieces * (3 + PIECE) + head_len(len - pieces * PIECE) + (len - pieces * PIECE)
}

/// Appends a string.
pub(super) fn write_str(text: &str, out: &mut Vec<u8>) {
    debug_assert!(text.is_ascii() && text.len() <= PIECE);
    write_last_head(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a request's body as a string.
pub(super) fn write_body(body: &Body<'_>, out: &mut Vec<u8>) {
    let last = pieces_before_last(body.len()) * PIECE;
    for start in (0..last).step_by(PIECE) {
        out.push(b'R');
        out.extend_from_slice(&(PIECE as u16).to_be_bytes());
        body.write(start..start + PIECE, out);
    }
    write_last_head(body.len() - last, out);
    body.write(last..body.len(), out);
}

/// Splits a string off the front, as it is encoded.
pub(super) fn take_encoded<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let start = *rest;
    loop {
        let (_, last) = take_piece(rest).context("no string, or one cut short")?;
        if last {
            return Ok(&start[..start.len() - rest.len()]);
        }
    }
}

/// The next characters of an encoded string.
pub(super) fn next_piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    take_piece(rest).map(|(piece, _)| piece)
}

/// The characters of the piece in front, and whether it is a string's last.
fn take_piece<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], bool)> {
    let (&tag, mut bytes) = rest.split_first()?;
    let mut take_byte = || bytes.split_off_first().map(|&byte| usize::from(byte));
    let len = match tag {
        0x00..=0x1f => usize::from(tag),
        0x30..=0x33 => usize::from(tag - 0x30) << 8 | take_byte()?,
        b'R' | b'S' => take_byte()? << 8 | take_byte()?,
        _ => return None,
    };
    let piece = bytes.split_off(..len)?;
    *rest = bytes;
    Some((piece, tag != b'R'))
}

fn pieces_before_last(len: usize) -> usize {
    len.saturating_sub(1) / PIECE
}

fn head_len(len: usize) -> usize {
    match len {
        0..0x20 => 1,
        0x20..0x400 => 2,
        _ => 3,
    }
}

fn write_last_head(len: usize, out: &mut Vec<u8>) {
    let [high, low] = (len as u16).to_be_bytes();
    match head_len(len) {
        1 => out.push(low),
        2 => out.extend_from_slice(&[0x30 + high, low]),
        _ => out.extend_from_slice(&[b'S', high, low]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn strings_of_all_forms_come_back() -> Result<()> {
        let heads: [(usize, &[u8]); 7] = [
            (0, &[0]),
            (31, &[31]),
            (32, &[0x30, 32]),
            (1_023, &[0x33, 0xff]),
            (1_024, &[b'S', 4, 0]),
            (0x8000, &[b'S', 0x80, 0]),
            (0x8001, &[b'R', 0x80, 0]),
        ];
        for (len, head) in heads {
            let pattern = Pattern::new(len);
            let body = pattern.body(0, 1);
            let mut wire = Vec::new();
            write_body(&body, &mut wire);
            assert!(wire.starts_with(head), "{len}");
            assert_eq!(wire.len(), encoded_len(len), "{len}");

            let mut rest = &wire[..];
            let mut encoded = take_encoded(&mut rest)?;
            assert!(rest.is_empty() && encoded == wire, "{len}");
            assert!(body.matches(std::iter::from_fn(|| next_piece(&mut encoded))));
            assert!(take_encoded(&mut &wire[..wire.len() - 1]).is_err(), "{len}");
        }
        Ok(())
    }
}
