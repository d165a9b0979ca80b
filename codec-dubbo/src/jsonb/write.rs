//! Writing strings.

/// The longest ASCII string whose length is in its first byte.
const SHORT_BYTES: usize = 47;

/// Writes `text` as a string.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = text.len();
    match text.is_ascii() {
        true if length <= SHORT_BYTES => out.push(0x49 + length as u8),
        true => {
            out.push(0x79);
            put_int(out, length);
        }
        false => {
            out.push(0x7a);
            put_int(out, length);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Writes a length, which is below 2³¹.
pub(crate) fn put_int(out: &mut Vec<u8>, value: usize) {
    match value {
        0..0x30 => out.push(value as u8),
        0x30..0x800 => out.extend([0x38 + (value >> 8) as u8, value as u8]),
        0x800..0x4_0000 => {
            out.push(0x44 + (value >> 16) as u8);
            out.extend((value as u16).to_be_bytes());
        }
        _ => {
            out.push(0x48);
            out.extend((value as u32).to_be_bytes());
        }
    }
}
