//! Attributes: the string pairs a decoder read off a message.

use std::{fmt, ops::Range};

use bytes::Bytes;
use smallvec::SmallVec;

/// A string that lives in the program, in the message's head, or on the heap.
///
/// Codecs hand over [`Text::span`]s of the head they gave to
/// [`Attributes::with_head`]; such an attribute costs no allocation.
#[derive(Clone, Debug)]
pub struct Text(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Static(&'static str),
    Span(Span),
    Owned(Box<str>),
}

/// Some bytes of the head.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// The bytes; none where they lie outside of the head.
    #[inline]
    fn of(self, head: &[u8]) -> &[u8] {
        let start = self.start as usize;
        start
            .checked_add(self.len as usize)
            .and_then(|end| head.get(start..end))
            .unwrap_or_default()
    }

    fn resolve(self, head: &[u8]) -> &str {
        std::str::from_utf8(self.of(head)).unwrap_or_default()
    }
}

impl Text {
    /// The bytes `range` of the head.
    ///
    /// A range outside of the head reads as the empty string.
    #[inline]
    pub fn span(range: Range<usize>) -> Self {
        let start = u32::try_from(range.start).unwrap_or(u32::MAX);
        let len = u32::try_from(range.len()).unwrap_or(0);
        Self(Repr::Span(Span { start, len }))
    }

    fn resolve<'a>(&'a self, head: &'a [u8]) -> &'a str {
        match &self.0 {
            Repr::Static(text) => text,
            Repr::Owned(text) => text,
            Repr::Span(span) => span.resolve(head),
        }
    }

    /// The bytes, which need not be checked again to be compared.
    fn bytes<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        match &self.0 {
            Repr::Static(text) => text.as_bytes(),
            Repr::Owned(text) => text.as_bytes(),
            Repr::Span(span) => span.of(head),
        }
    }

    /// A span that is not UTF-8 is replaced by its lossy form.
    fn checked(self, head: &[u8]) -> Self {
        let Repr::Span(span) = self.0 else {
            return self;
        };
        let bytes = span.of(head);
        if bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
            return self;
        }
        let lossy = String::from_utf8_lossy(bytes).into_owned();
        Self(Repr::Owned(lossy.into_boxed_str()))
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Repr::Static(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Repr::Owned(text.into_boxed_str()))
    }
}

/// The string pairs of a message, in the order in which they were read.
///
/// Look-up is by exact case first, then ignoring ASCII case; of duplicates the
/// last wins, as a server that reads them into a map would see it.
///
/// ```
/// use bytes::Bytes;
/// use meta_core::{Attributes, Text};
///
/// let mut attributes = Attributes::with_head(Bytes::from_static(b"....sayHello"));
/// attributes.insert("method", Text::span(4..12));
/// assert_eq!(attributes.get("method"), Some("sayHello"));
/// assert_eq!(attributes.get("Method"), Some("sayHello"));
/// ```
#[derive(Clone, Default)]
pub struct Attributes {
    head: Bytes,
    entries: SmallVec<[Entry; 2]>,
}

/// A pair. Almost all are of the first two kinds, which are a third smaller than
/// two texts.
#[derive(Clone)]
enum Entry {
    Spans(Span, Span),
    Named(&'static str, Span),
    Texts(Box<(Text, Text)>),
}

impl Entry {
    #[inline]
    fn new(key: Text, value: Text) -> Self {
        match (key.0, value.0) {
            (Repr::Span(key), Repr::Span(value)) => Self::Spans(key, value),
            (Repr::Static(key), Repr::Span(value)) => Self::Named(key, value),
            (key, value) => Self::Texts(Box::new((Text(key), Text(value)))),
        }
    }

    /// The key's bytes, which need not be checked again to be compared.
    #[inline]
    fn key_bytes<'a>(&'a self, head: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Spans(key, _) => key.of(head),
            Self::Named(key, _) => key.as_bytes(),
            Self::Texts(texts) => texts.0.bytes(head),
        }
    }

    fn key<'a>(&'a self, head: &'a [u8]) -> &'a str {
        match self {
            Self::Spans(key, _) => key.resolve(head),
            Self::Named(key, _) => key,
            Self::Texts(texts) => texts.0.resolve(head),
        }
    }

    fn value<'a>(&'a self, head: &'a [u8]) -> &'a str {
        match self {
            Self::Spans(_, value) | Self::Named(_, value) => value.resolve(head),
            Self::Texts(texts) => texts.1.resolve(head),
        }
    }
}

impl Attributes {
    /// No attributes and no head.
    pub fn new() -> Self {
        Self::default()
    }

    /// No attributes yet; [`Text::span`]s point into `head`.
    ///
    /// The head lives as long as the metadata do, which is longer than the
    /// request's own bytes: give a copy of the header area where the message is
    /// large, so that an access log does not pin a megabyte.
    pub fn with_head(head: Bytes) -> Self {
        Self {
            head,
            entries: SmallVec::new(),
        }
    }

    /// Sets what [`Text::span`]s point into, also those inserted before by
    /// [`Attributes::insert_utf8`].
    pub fn set_head(&mut self, head: Bytes) {
        self.head = head;
    }

    /// Adds a pair behind those already there. Bytes that are not UTF-8 are
    /// replaced by U+FFFD.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        let key = key.into().checked(&self.head);
        let value = value.into().checked(&self.head);
        self.entries.push(Entry::new(key, value));
    }

    /// Makes room for so many pairs more, so that inserting them allocates once at
    /// most.
    pub fn reserve(&mut self, additional: usize) {
        self.entries.reserve_exact(additional);
    }

    /// Adds a pair as [`Attributes::insert`] does, for codecs that have checked
    /// already what the spans point at: those that are not UTF-8 read as the empty
    /// string.
    #[inline(always)]
    pub fn insert_utf8(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        let entry = Entry::new(key.into(), value.into());
        self.entries.push(entry);
    }

    /// The value under `key`: exact case first, then ignoring ASCII case; the
    /// last of duplicates.
    pub fn get(&self, key: &str) -> Option<&str> {
        let key = key.as_bytes();
        let Self { head, entries } = self;
        let mut backwards = entries.iter().rev();
        let exact = backwards.find(|entry| entry.key_bytes(head) == key);
        let found = exact.or_else(|| {
            let mut backwards = entries.iter().rev();
            backwards.find(|entry| entry.key_bytes(head).eq_ignore_ascii_case(key))
        });
        found.map(|entry| entry.value(head))
    }

    /// All pairs in the order in which they were read.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + ExactSizeIterator {
        let Self { head, entries } = self;
        let pairs = entries.iter();
        pairs.map(|entry| (entry.key(head), entry.value(head)))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn text<'a>(&'a self, text: &'a Text) -> &'a str {
        text.resolve(&self.head)
    }

    pub(crate) fn check(&self, text: Text) -> Text {
        text.checked(&self.head)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_case_wins_over_other_case_and_last_over_first() {
        let mut attributes = Attributes::new();
        attributes.insert("User", "upper");
        attributes.insert("user", "first");
        attributes.insert("user", "last");
        attributes.insert("USER", "loud");
        assert_eq!(attributes.get("user"), Some("last"));
        assert_eq!(attributes.get("User"), Some("upper"));
        assert_eq!(attributes.get("uSER"), Some("loud"));
        assert_eq!(attributes.get("none"), None);
    }

    #[test]
    fn entries_stay_small() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }

    #[test]
    fn spans_outside_the_head_read_as_empty() {
        let mut attributes = Attributes::with_head(Bytes::from_static(b"abc"));
        attributes.insert("a", Text::span(1..3));
        attributes.insert("b", Text::span(2..9));
        attributes.insert("c", Text::span(usize::MAX - 1..usize::MAX));
        assert_eq!(attributes.get("a"), Some("bc"));
        assert_eq!(attributes.get("b"), Some(""));
        assert_eq!(attributes.get("c"), Some(""));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let mut attributes = Attributes::with_head(Bytes::from_static(b"a\xffb"));
        attributes.insert("key", Text::span(0..3));
        assert_eq!(attributes.get("key"), Some("a\u{fffd}b"));
    }
}
