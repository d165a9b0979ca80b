//! UTF-16 units: how many bytes so many of them take.
//!
//! Hessian counts a string's length in UTF-16 units, and writes each as one to
//! three bytes of UTF-8.

/// What is looked at in one go.
const BLOCK: usize = 64;

/// The bytes that the first `count` units of `bytes` take, and whether all of
/// them are ASCII. `None` where there are fewer, or where they are malformed.
pub(super) fn units(bytes: &[u8], count: usize) -> Option<(usize, bool)> {
    if bytes.get(..count)?.is_ascii() {
        return Some((count, true));
    }
    let mut at = 0;
    let mut left = count;
    // A unit takes a byte at least: a block lies within the string.
    while left >= BLOCK {
        let block = bytes.get(at..)?.first_chunk()?;
        let (whole_bytes, units) = whole_units(block)?;
        at += whole_bytes;
        left -= units;
    }
    for _ in 0..left {
        at += match bytes.get(at..)? {
            [0..0x80, ..] => 1,
            [0xc0..0xe0, b1, ..] if is_continuation(*b1) => 2,
            [0xe0..0xf0, b1, b2, ..] if is_continuation(*b1) && is_continuation(*b2) => 3,
            _ => return None,
        };
    }
    Some((at, false))
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many bytes and units of a block, which begins with a unit, are whole.
/// Written so that the compiler makes vectors of it.
fn whole_units(block: &[u8; BLOCK]) -> Option<(usize, usize)> {
    let mut before = [0u8; BLOCK];
    let mut two_before = [0u8; BLOCK];
    before
        .get_mut(1..)?
        .copy_from_slice(block.get(..BLOCK - 1)?);
    two_before
        .get_mut(2..)?
        .copy_from_slice(block.get(..BLOCK - 2)?);
    let mut wrong = 0u8;
    let mut continuations = 0u8;
    for ((byte, before), two_before) in block.iter().zip(&before).zip(&two_before) {
        let continues = u8::from(is_continuation(*byte));
        let should = u8::from(*before >= 0xc0) | u8::from(*two_before >= 0xe0);
        wrong |= (continues ^ should) | u8::from(*byte >= 0xf0);
        continuations += continues;
    }
    if wrong != 0 {
        return None;
    }
    let units = BLOCK - usize::from(continuations);
    match block {
        [.., 0xc0..=0xff] => Some((BLOCK - 1, units - 1)),
        [.., 0xe0..=0xff, _] => Some((BLOCK - 2, units - 1)),
        _ => Some((BLOCK, units)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hessian::write::put_units;

    proptest! {
        #[test]
        fn units_are_counted_as_java_does(text in "(\\PC|[a-z]|中|😀){0,300}", behind in 0usize..4) {
            let count = text.encode_utf16().count();
            let mut bytes = Vec::new();
            put_units(&mut bytes, text.encode_utf16());
            let length = bytes.len();
            bytes.extend(vec![0xff; behind]);
            prop_assert_eq!(units(&bytes, count), Some((length, text.is_ascii())));
            if count > 0 {
                prop_assert_eq!(units(&bytes[..length - 1], count), None);
            }
        }

        #[test]
        fn any_bytes_are_counted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0usize..300) {
            if let Some((length, _)) = units(&bytes, count) {
                prop_assert!(length >= count && length <= bytes.len());
            }
        }
    }

    #[test]
    fn malformed_bytes_are_refused() {
        for bytes in [
            &b"\x80a"[..],
            b"\xc3a",
            b"\xe4\xb8a",
            b"\xf0\x9f\x98\x80",
            b"\xc3",
        ] {
            assert_eq!(units(bytes, 1), None, "{bytes:02x?}");
            let long = [&[b'a'; 90][..], bytes, &[b'b'; 90]].concat();
            assert_eq!(units(&long, 170), None, "{bytes:02x?}");
        }
    }
}
