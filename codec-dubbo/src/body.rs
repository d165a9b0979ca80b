//! Body: what reading hessian2 and fastjson2 has in common.

use crate::text::Str;

/// A body that is read from its beginning on.
pub(crate) trait Body {
    /// The whole message.
    fn frame(&self) -> &[u8];

    /// Where in the message reading stands.
    fn at(&self) -> usize;

    /// Reads a string; `None` for null.
    fn string(&mut self) -> Result<Option<Str>, Stop>;

    /// Reads a string, or skips what is none; `None` for that.
    fn string_or_skip(&mut self) -> Result<Option<Str>, Stop>;

    /// Skips one value, whatever it is.
    fn skip(&mut self) -> Result<(), Stop>;

    /// Reads a response's kind.
    fn kind(&mut self) -> Result<u8, Stop>;

    /// Begins to read attachments; `false` where there is null for them.
    fn open(&mut self) -> Result<bool, Stop>;

    /// The key and the value of the next attachment, where both are short strings
    /// of ASCII, as almost all are. Nothing is read where they are not.
    ///
    /// That these two come in registers makes half the speed of reading
    /// attachments.
    fn plain_entry(&mut self) -> Option<(Str, Str)>;

    /// The next of the attachments that were opened; `None` behind the last,
    /// where reading then stands behind all of them.
    fn entry(&mut self) -> Result<Option<Entry>, Stop>;
}

/// One of the attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Str,
    pub(crate) value: Value,
    /// Whether others may refer to it, or it to them: it cannot be taken out.
    pub(crate) fixed: bool,
}

/// The value of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    String(Str),
    Number(i64),
    /// Another simple value.
    Scalar,
    /// A list, a map, an object, or a reference to one.
    Composite,
}

/// Why a body cannot be read further; as wide as a [`Str`]'s parts, like its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Stop {
    /// It is not what it should be.
    Unreadable,
    /// Its values are nested too deeply.
    TooDeep,
    /// It defines too many classes.
    TooManyClasses,
}
