//! The rules a codec must keep.

use std::fmt;

/// One rule of the kit. Each is a test of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// 1: every message split at every byte offset reads the same.
    Splits,
    /// 1: so do all messages in pieces of any size.
    AnyPieces,
    /// 2: several messages in one read come out in order; a message and a half
    /// leaves the half.
    Sequence,
    /// 3: a length of 0, or smaller than what it must cover, is refused; a
    /// message always takes bytes off the buffer.
    ShortLengths,
    /// 4: lengths near the largest number, negative lengths, lengths that
    /// contradict each other, wrong magic: refused, without wrapping around.
    Hostile,
    /// 5: an announced length over the limit is refused before it is buffered,
    /// and the caller is told where the head was readable.
    Limit,
    /// 6: a message larger than a read buffer completes, and its whole length is
    /// asked for once it is known.
    LargeMessage,
    /// 7: a count or a length that the bytes do not bear out allocates nothing.
    Bombs,
    /// 8: bytes of another protocol are refused.
    Garbage,
    /// 8: no bytes whatever make the codec panic, stall or lose its place.
    AnyBytes,
    /// 9: every sample reads as it is declared.
    Reading,
    /// 10: heartbeats, goodbyes and resets read as such by the other side.
    Control,
    /// 11: after a large message its memory comes back; metadata do not pin it.
    Memory,
    /// 12: an untouched message leaves as it came, but for its id.
    Untouched,
    /// 12: a mutation changes the header area and the lengths alone, and can be
    /// read back.
    Mutation,
    /// 13: every local error is a reply that the caller reads as an error, under
    /// its request's id.
    LocalErrors,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 16] = [
        Self::Splits,
        Self::AnyPieces,
        Self::Sequence,
        Self::ShortLengths,
        Self::Hostile,
        Self::Limit,
        Self::LargeMessage,
        Self::Bombs,
        Self::Garbage,
        Self::AnyBytes,
        Self::Reading,
        Self::Control,
        Self::Memory,
        Self::Untouched,
        Self::Mutation,
        Self::LocalErrors,
    ];

    /// The rule's number; some have two tests.
    pub fn number(self) -> u8 {
        match self {
            Self::Splits | Self::AnyPieces => 1,
            Self::Sequence => 2,
            Self::ShortLengths => 3,
            Self::Hostile => 4,
            Self::Limit => 5,
            Self::LargeMessage => 6,
            Self::Bombs => 7,
            Self::Garbage | Self::AnyBytes => 8,
            Self::Reading => 9,
            Self::Control => 10,
            Self::Memory => 11,
            Self::Untouched | Self::Mutation => 12,
            Self::LocalErrors => 13,
        }
    }
}

/// Number and name, as failures print them.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {} ({self:?})", self.number())
    }
}
