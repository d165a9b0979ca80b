//! Text: a string where it stands in a message, in whatever form.

use std::borrow::Cow;

use meta_core::Text;

/// A string in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Str {
    start: u32,
    end: u32,
    form: Form,
}

/// How the bytes of a string are to be read.
///
/// As wide as the numbers beside it: results with a byte among them are copied in
/// pieces that processors cannot forward from one store to the next load, which
/// costs more than reading the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Form {
    Ascii,
    /// UTF-8, but for characters beyond the basic plane: those are two
    /// surrogates of three bytes each.
    Cesu8,
    /// Hessian's chunks with their lengths, each as [`Form::Cesu8`]; the last
    /// one may be short.
    Chunks,
    Utf8,
    Latin1,
    Utf16Le,
    Utf16Be,
}

impl Str {
    /// The bytes `start..end`; below 4 GiB, as all messages are.
    pub(crate) fn new(start: usize, end: usize, form: Form) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
            form,
        }
    }

    /// The bytes, as they stand there.
    #[inline]
    pub(crate) fn bytes(self, frame: &[u8]) -> &[u8] {
        let range = self.start as usize..self.end as usize;
        frame.get(range).unwrap_or_default()
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Where it ends.
    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    /// Whether it stands before the byte `end`.
    pub(crate) fn starts_before(self, end: usize) -> bool {
        (self.start as usize) < end
    }

    /// The string itself.
    pub(crate) fn read(self, frame: &[u8]) -> Cow<'_, str> {
        let bytes = self.bytes(frame);
        match self.form {
            Form::Ascii | Form::Utf8 => String::from_utf8_lossy(bytes),
            Form::Cesu8 => cesu8(bytes),
            Form::Chunks => Cow::Owned(crate::hessian::joined(bytes)),
            Form::Latin1 if bytes.is_ascii() => String::from_utf8_lossy(bytes),
            Form::Latin1 => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Form::Utf16Le => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
            Form::Utf16Be => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
        }
    }

    /// The string for attributes whose head is `frame` from its byte `shift` on,
    /// at this place; a span where its bytes are UTF-8.
    #[inline]
    pub(crate) fn text(self, frame: &[u8], shift: usize) -> Text {
        match self.form {
            Form::Ascii => self.span(shift),
            _ => self.other_text(frame, shift),
        }
    }

    /// The same for a string whose bytes are UTF-8.
    #[inline(always)]
    pub(crate) fn span(self, shift: usize) -> Text {
        let (start, end) = (self.start as usize, self.end as usize);
        Text::span(start.saturating_sub(shift)..end.saturating_sub(shift))
    }

    #[inline(never)]
    fn other_text(self, frame: &[u8], shift: usize) -> Text {
        match self.read(frame) {
            Cow::Borrowed(_) => self.span(shift),
            Cow::Owned(text) => Text::from(text),
        }
    }

    /// Calls `with` on the string's bytes in UTF-8; costs nothing where they are
    /// ASCII.
    #[inline]
    pub(crate) fn with<R>(self, frame: &[u8], with: impl FnOnce(&[u8]) -> R) -> R {
        match self.form {
            Form::Ascii => with(self.bytes(frame)),
            _ => with(self.read(frame).as_bytes()),
        }
    }
}

/// Reads UTF-8 in which characters beyond the basic plane are surrogates.
pub(crate) fn cesu8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (unit, behind) = match rest {
            [] => break,
            [b0 @ 0..0x80, behind @ ..] => (u16::from(*b0), behind),
            [b0 @ 0xc0..0xe0, b1, behind @ ..] => {
                (u16::from(b0 & 0x1f) << 6 | u16::from(b1 & 0x3f), behind)
            }
            [b0 @ 0xe0..0xf0, b1, b2, behind @ ..] => {
                let unit = u16::from(b0 & 0x0f) << 12 | u16::from(b1 & 0x3f) << 6;
                (unit | u16::from(b2 & 0x3f), behind)
            }
            [_, behind @ ..] => (0xfffd, behind),
        };
        units.push(unit);
        rest = behind;
    }
    Cow::Owned(String::from_utf16_lossy(&units))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_pairs_are_one_character() {
        let bytes = b"a\xc3\xbc\xe4\xb8\xad\xed\xa0\xbd\xed\xb8\x80";
        assert_eq!(cesu8(bytes), "aü中😀");
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(cesu8(b"a\xed\xa0\xbdb"), "a\u{fffd}b");
    }

    #[test]
    fn every_form_is_read() {
        for (bytes, form, text) in [
            (&b"abc"[..], Form::Ascii, "abc"),
            (b"\xfc", Form::Latin1, "ü"),
            (b"\x2d\x4e\x3d\xd8\x00\xde", Form::Utf16Le, "中😀"),
            (b"\x4e\x2d\xd8\x3d\xde\x00", Form::Utf16Be, "中😀"),
            ("中😀".as_bytes(), Form::Utf8, "中😀"),
        ] {
            let found = Str::new(0, bytes.len(), form);
            assert_eq!(found.read(bytes), text);
            assert!(found.with(bytes, |bytes| bytes == text.as_bytes()));
        }
    }
}
