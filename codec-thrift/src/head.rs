//! Head: what stands before a message's body, and where.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use meta_core::{CodecError, CodecSlot, Metadata};

use crate::{
    detect::thriftpy2_json,
    form::{Form, Protocol},
    json,
};

/// What a message is, as Thrift counts (`TMessageType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A call.
    Call = 1,
    /// The result of a call, or an exception that its interface declares.
    Reply = 2,
    /// A `TApplicationException`.
    Exception = 3,
    /// A call that gets no answer.
    OneWay = 4,
}

impl MessageType {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Call),
            2 => Some(Self::Reply),
            3 => Some(Self::Exception),
            4 => Some(Self::OneWay),
            _ => None,
        }
    }
}

/// The header of one message. Offsets count from the beginning of the frame, or
/// of the inflated payload.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) form: Form,
    pub(crate) kind: MessageType,
    pub(crate) id: u32,
    pub(crate) id_at: usize,
    pub(crate) id_width: usize,
    pub(crate) name: Range<usize>,
    pub(crate) body_at: usize,
    pub(crate) envelope: Envelope,
}

/// What stands around a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Envelope {
    /// Where the message begins.
    pub(crate) payload_at: usize,
    /// The id in the info header.
    pub(crate) id: u32,
    /// The beginning of a compressed message.
    pub(crate) inflated: Option<Bytes>,
    /// How many info headers there are to tell.
    pub(crate) pairs: usize,
    /// Among the info headers is a checksum of the payload.
    pub(crate) checksum: bool,
}

impl Envelope {
    /// Nothing, or the length of a frame.
    pub(crate) fn at(payload_at: usize) -> Self {
        Self {
            payload_at,
            id: 0,
            inflated: None,
            pairs: 0,
            checksum: false,
        }
    }
}

/// A header, or the number of bytes that it needs at least.
pub(crate) type Parsed = Result<Head, usize>;

impl Head {
    /// Reads the header of the message that begins at `at`.
    pub(crate) fn parse(
        src: &[u8],
        at: usize,
        form: Form,
        name_limit: usize,
    ) -> Result<Parsed, CodecError> {
        match form.protocol {
            Protocol::Binary => Self::binary(src, at, form, name_limit),
            Protocol::OldBinary => Self::old_binary(src, at, form, name_limit),
            Protocol::Compact => Self::compact(src, at, form, name_limit),
            Protocol::Json => json::head(src, at, form, name_limit),
        }
    }

    /// The name of the method, which stands in `message`; a copy of one with escapes.
    pub(crate) fn name_in<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        let name = message.get(self.name.clone()).unwrap_or_default();
        match self.form.protocol {
            Protocol::Json => json::name_of(name),
            _ => Cow::Borrowed(name),
        }
    }

    /// `80 01 00 type, name, sequence id`
    fn binary(
        src: &[u8],
        start: usize,
        form: Form,
        name_limit: usize,
    ) -> Result<Parsed, CodecError> {
        let Some(&[_, _, _, kind, l0, l1, l2, l3]) = chunk(src, start) else {
            return Ok(Err(start + 8));
        };
        let kind = kind_of(kind, start + 3)?;
        let length = name_length([l0, l1, l2, l3], start + 4, name_limit)?;
        let name = start + 8..start + 8 + length;
        let Some(&id) = chunk(src, name.end) else {
            return Ok(Err(name.end + 4));
        };
        Ok(Ok(Self {
            form,
            kind,
            id: u32::from_be_bytes(id),
            id_at: name.end,
            id_width: 4,
            body_at: name.end + 4,
            name,
            envelope: Envelope::at(start),
        }))
    }

    /// `name, type, sequence id`
    fn old_binary(
        src: &[u8],
        start: usize,
        form: Form,
        name_limit: usize,
    ) -> Result<Parsed, CodecError> {
        let Some(&length) = chunk(src, start) else {
            return Ok(Err(start + 4));
        };
        let length = name_length(length, start, name_limit)?;
        if src.get(start + 4) == Some(&b'{') {
            return Err(thriftpy2_json().at(start));
        }
        let name = start + 4..start + 4 + length;
        let Some(&kind) = src.get(name.end) else {
            return Ok(Err(name.end + 5));
        };
        let kind = kind_of(kind, name.end)?;
        let Some(&id) = chunk(src, name.end + 1) else {
            return Ok(Err(name.end + 5));
        };
        Ok(Ok(Self {
            form,
            kind,
            id: u32::from_be_bytes(id),
            id_at: name.end + 1,
            id_width: 4,
            body_at: name.end + 5,
            name,
            envelope: Envelope::at(start),
        }))
    }

    /// `82, type in 3 bits and version 1 in 5, sequence id as a varint, name with
    /// its length as a varint`
    fn compact(
        src: &[u8],
        start: usize,
        form: Form,
        name_limit: usize,
    ) -> Result<Parsed, CodecError> {
        let Some(&[_, version]) = chunk(src, start) else {
            return Ok(Err(start + 4));
        };
        let kind = kind_of(version >> 5, start + 1)?;
        let id_at = start + 2;
        let Some((id, id_width)) = varint(src, id_at)? else {
            return Ok(Err(src.len().max(id_at) + 1));
        };
        let length_at = id_at + id_width;
        let Some((length, width)) = varint(src, length_at)? else {
            return Ok(Err(src.len().max(length_at) + 1));
        };
        let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let length = name_length(length, length_at, name_limit)?;
        let name = length_at + width..length_at + width + length;
        if src.len() < name.end {
            return Ok(Err(name.end));
        }
        Ok(Ok(Self {
            form,
            kind,
            // A negative id may come as a 64-bit number.
            id: id as u32,
            id_at,
            id_width,
            body_at: name.end,
            name,
            envelope: Envelope::at(start),
        }))
    }
}

/// What is remembered of a message in its metadata's slot: the form, and where
/// things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) form: Form,
    /// The message is compressed; `id_at` counts from the beginning of what is
    /// inflated.
    pub(crate) compressed: bool,
    /// The info header holds a checksum of the payload.
    pub(crate) checksum: bool,
    pub(crate) id_at: usize,
    pub(crate) id_width: usize,
    pub(crate) payload_at: usize,
    /// The id in the info header.
    pub(crate) envelope_id: u32,
}

impl Slot {
    /// `None` for metadata that this codec did not make.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        let [word, envelope] = metadata.slot.words();
        Some(Self {
            form: Form::from_number(word & 0xffff)?,
            id_width: (word >> 16 & 0xff) as usize,
            compressed: word >> 24 & 1 != 0,
            checksum: word >> 25 & 1 != 0,
            id_at: (word >> 32) as usize,
            envelope_id: envelope as u32,
            payload_at: (envelope >> 32) as usize,
        })
    }
}

impl From<&Head> for CodecSlot {
    fn from(head: &Head) -> Self {
        let envelope = &head.envelope;
        let word = head.form.number()
            | (head.id_width as u64) << 16
            | u64::from(envelope.inflated.is_some()) << 24
            | u64::from(envelope.checksum) << 25
            | (head.id_at as u64) << 32;
        let payload_at = envelope.payload_at as u64;
        Self::from_words([word, payload_at << 32 | u64::from(envelope.id)])
    }
}

/// Where a name is split into service and method: at its first colon.
pub(crate) fn colon(name: &[u8]) -> Option<usize> {
    name.iter().position(|byte| *byte == b':')
}

pub(crate) fn chunk<const N: usize>(src: &[u8], at: usize) -> Option<&[u8; N]> {
    src.get(at..)?.first_chunk()
}

pub(crate) fn kind_of(byte: u8, at: usize) -> Result<MessageType, CodecError> {
    MessageType::of(byte).ok_or_else(|| {
        let detail = format!("message type {byte}, expected 1 to 4");
        CodecError::malformed(detail).at(at)
    })
}

fn name_length(bytes: [u8; 4], at: usize, limit: usize) -> Result<usize, CodecError> {
    let length = i32::from_be_bytes(bytes);
    let Ok(bytes) = usize::try_from(length) else {
        let detail = format!("method name of {length} bytes");
        return Err(CodecError::malformed(detail).at(at));
    };
    match bytes > limit {
        true => Err(CodecError::too_large("method name", bytes as u64, limit).at(at)),
        false => Ok(bytes),
    }
}

/// The varint at `at` and its width; `None` where it is not whole yet.
pub(crate) fn varint(src: &[u8], at: usize) -> Result<Option<(u64, usize)>, CodecError> {
    let mut value = 0;
    for (n, byte) in src
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(10)
        .enumerate()
    {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Ok(Some((value, n + 1)));
        }
    }
    match src.len().saturating_sub(at) < 10 {
        true => Ok(None),
        false => Err(CodecError::malformed("varint of more than ten bytes").at(at)),
    }
}

/// Writes `value` as a varint.
pub(crate) fn put_varint(mut value: u32, mut put: impl FnMut(u8)) {
    while value >= 0x80 {
        put(value as u8 | 0x80);
        value >>= 7;
    }
    put(value as u8);
}

/// The length of a frame whose message is `bytes` long.
pub(crate) fn frame_length(bytes: usize) -> Result<u32, CodecError> {
    let most = i32::MAX as usize;
    match i32::try_from(bytes) {
        Ok(length) => Ok(length.unsigned_abs()),
        Err(_) => Err(CodecError::too_large("frame", bytes as u64, most)),
    }
}
