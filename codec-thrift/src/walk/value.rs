//! Values, by what it takes to skip them.

use meta_core::CodecError;

use crate::head::varint;

/// A value that is to be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// So many bytes.
    Fixed(u8),
    Varint,
    /// A length and so many bytes.
    Bytes,
    Struct,
    /// A list or a set.
    List,
    Map,
}

/// What follows the head of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Container {
    /// Keys; the elements of a list.
    pub(super) key: Value,
    /// Values; the elements of a list.
    pub(super) value: Value,
    /// Elements, or keys and values together.
    pub(super) left: u64,
    /// The bytes of the head.
    pub(super) width: usize,
}

impl Container {
    const fn empty(width: usize) -> Self {
        Self {
            key: Value::Fixed(1),
            value: Value::Fixed(1),
            left: 0,
            width,
        }
    }

    /// The bytes that its elements have at least.
    pub(super) fn least_bytes(&self, compact: bool) -> usize {
        let both = self.key.least_bytes(compact) + self.value.least_bytes(compact);
        usize::try_from(self.left * both / 2).unwrap_or(usize::MAX)
    }
}

impl Value {
    /// The value of a type in binary, which stands at `at`.
    pub(super) fn binary(kind: u8, at: usize) -> Result<Self, CodecError> {
        match kind {
            2 | 3 => Ok(Self::Fixed(1)),
            6 => Ok(Self::Fixed(2)),
            8 => Ok(Self::Fixed(4)),
            4 | 10 => Ok(Self::Fixed(8)),
            16 => Ok(Self::Fixed(16)),
            11 => Ok(Self::Bytes),
            12 => Ok(Self::Struct),
            13 => Ok(Self::Map),
            14 | 15 => Ok(Self::List),
            _ => Err(unknown(kind, at)),
        }
    }

    /// The value of a type in compact, as containers hold it.
    pub(super) fn compact(kind: u8, at: usize) -> Result<Self, CodecError> {
        match kind {
            1..=3 => Ok(Self::Fixed(1)),
            4..=6 => Ok(Self::Varint),
            7 => Ok(Self::Fixed(8)),
            8 => Ok(Self::Bytes),
            9 | 10 => Ok(Self::List),
            11 => Ok(Self::Map),
            12 => Ok(Self::Struct),
            13 => Ok(Self::Fixed(16)),
            _ => Err(unknown(kind, at)),
        }
    }

    fn least_bytes(self, compact: bool) -> u64 {
        match (self, compact) {
            (Self::Fixed(width), _) => width.into(),
            (Self::Bytes, false) => 4,
            (Self::List, false) => 5,
            (Self::Map, false) => 6,
            _ => 1,
        }
    }
}

/// The head of a container, or `None` where it is not whole yet.
pub(super) type Head = Result<Option<Container>, CodecError>;

/// `type, count`
pub(super) fn binary_list(src: &[u8], at: usize) -> Head {
    let Some(&[kind, n0, n1, n2, n3]) = chunk(src, at) else {
        return Ok(None);
    };
    let count = size(u32::from_be_bytes([n0, n1, n2, n3]).into(), at + 1)?;
    if count == 0 {
        return Ok(Some(Container::empty(5)));
    }
    let value = Value::binary(kind, at)?;
    Ok(Some(Container {
        key: value,
        value,
        left: count,
        width: 5,
    }))
}

/// `type of keys, type of values, count`
pub(super) fn binary_map(src: &[u8], at: usize) -> Head {
    let Some(&[key, value, n0, n1, n2, n3]) = chunk(src, at) else {
        return Ok(None);
    };
    let count = size(u32::from_be_bytes([n0, n1, n2, n3]).into(), at + 2)?;
    if count == 0 {
        return Ok(Some(Container::empty(6)));
    }
    Ok(Some(Container {
        key: Value::binary(key, at)?,
        value: Value::binary(value, at + 1)?,
        left: 2 * count,
        width: 6,
    }))
}

/// `count in 4 bits, type in 4 bits`, with a varint for a count of 15 and more
pub(super) fn compact_list(src: &[u8], at: usize) -> Head {
    let Some(&begin) = src.get(at) else {
        return Ok(None);
    };
    let (count, width) = match begin >> 4 {
        15 => match varint(src, at + 1)? {
            Some((count, width)) => (size(count, at + 1)?, 1 + width),
            None => return Ok(None),
        },
        count => (count.into(), 1),
    };
    if count == 0 {
        return Ok(Some(Container::empty(width)));
    }
    let value = Value::compact(begin & 0x0f, at)?;
    Ok(Some(Container {
        key: value,
        value,
        left: count,
        width,
    }))
}

/// `count as a varint`, and unless it is 0 `type of keys in 4 bits, type of values
/// in 4 bits`
pub(super) fn compact_map(src: &[u8], at: usize) -> Head {
    let Some((count, width)) = varint(src, at)? else {
        return Ok(None);
    };
    let count = size(count, at)?;
    if count == 0 {
        return Ok(Some(Container::empty(width)));
    }
    let Some(&kinds) = src.get(at + width) else {
        return Ok(None);
    };
    Ok(Some(Container {
        key: Value::compact(kinds >> 4, at + width)?,
        value: Value::compact(kinds & 0x0f, at + width)?,
        left: 2 * count,
        width: width + 1,
    }))
}

/// The length of a string at `at` and the bytes it stands in.
pub(super) fn length(
    src: &[u8],
    at: usize,
    compact: bool,
) -> Result<Option<(usize, usize)>, CodecError> {
    let (length, width) = match compact {
        true => match varint(src, at)? {
            Some(found) => found,
            None => return Ok(None),
        },
        false => match chunk(src, at) {
            Some(length) => (u32::from_be_bytes(*length).into(), 4),
            None => return Ok(None),
        },
    };
    let length = size(length, at)?;
    Ok(Some((usize::try_from(length).unwrap_or(usize::MAX), width)))
}

/// Counts and lengths are signed 32-bit numbers.
fn size(found: u64, at: usize) -> Result<u64, CodecError> {
    match i32::try_from(found) {
        Ok(_) => Ok(found),
        Err(_) => {
            let detail = format!("count or length of {found:#x}, which is negative");
            Err(CodecError::malformed(detail).at(at))
        }
    }
}

fn unknown(kind: u8, at: usize) -> CodecError {
    CodecError::malformed(format!("value of unknown type {kind}")).at(at)
}

fn chunk<const N: usize>(src: &[u8], at: usize) -> Option<&[u8; N]> {
    src.get(at..)?.first_chunk()
}
