//! The header: 16 bytes before each body, and what is remembered of it.

use bytes::Bytes;
use meta_core::{CodecError, CodecSlot, Metadata};

/// Bytes before the body.
pub(crate) const HEAD_BYTES: usize = 16;
/// The longest body of an event that Dubbo's own peers read.
pub(crate) const MAX_EVENT_BYTES: usize = 15;
/// The status of a response that is a result, or an exception of the service.
pub(crate) const OK: u8 = 20;

pub(crate) const MAGIC: [u8; 2] = [0xda, 0xbb];
pub(crate) const REQUEST: u8 = 0x80;
pub(crate) const TWO_WAY: u8 = 0x40;
pub(crate) const EVENT: u8 = 0x20;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Serialization {
    /// Hessian 2, number 2.
    Hessian2,
    /// JSONB, the binary form of fastjson2, number 23.
    Fastjson2,
    /// Another one, which is carried but not read.
    Other(u8),
}

impl Serialization {
    /// The number that headers carry, below 32.
    pub fn number(self) -> u8 {
        match self {
            Self::Hessian2 => 2,
            Self::Fastjson2 => 23,
            Self::Other(number) => number & 0x1f,
        }
    }

    /// That of a header's flags.
    pub(crate) fn of(flags: u8) -> Self {
        match flags & 0x1f {
            2 => Self::Hessian2,
            23 => Self::Fastjson2,
            number => Self::Other(number),
        }
    }
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) flags: u8,
    pub(crate) status: u8,
    pub(crate) id: u64,
    pub(crate) body_bytes: usize,
}

impl Head {
    /// The header at the beginning of `src`; `None` where it is not whole yet.
    #[inline(always)]
    pub(crate) fn parse(src: &[u8]) -> Result<Option<Self>, CodecError> {
        let Some(&head) = src.first_chunk::<HEAD_BYTES>() else {
            let common = src.len().min(MAGIC.len());
            return match src.get(..common) == MAGIC.get(..common) {
                true => Ok(None),
                false => Err(foreign(src)),
            };
        };
        let [
            m0,
            m1,
            flags,
            status,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            l0,
            l1,
            l2,
            l3,
        ] = head;
        if [m0, m1] != MAGIC {
            return Err(foreign(src));
        }
        Ok(Some(Self {
            flags,
            status,
            id: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            body_bytes: u32::from_be_bytes([l0, l1, l2, l3]) as usize,
        }))
    }

    /// The message's length in all.
    pub(crate) fn total(&self) -> usize {
        self.body_bytes.saturating_add(HEAD_BYTES)
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn serialization(&self) -> Serialization {
        Serialization::of(self.flags)
    }

    /// The header's bytes.
    pub(crate) fn bytes(&self) -> [u8; HEAD_BYTES] {
        let [m0, m1] = MAGIC;
        let [i0, i1, i2, i3, i4, i5, i6, i7] = self.id.to_be_bytes();
        let length = u32::try_from(self.body_bytes).unwrap_or(u32::MAX);
        let [l0, l1, l2, l3] = length.to_be_bytes();
        let (flags, status) = (self.flags, self.status);
        [
            m0, m1, flags, status, i0, i1, i2, i3, i4, i5, i6, i7, l0, l1, l2, l3,
        ]
    }
}

#[cold]
fn foreign(src: &[u8]) -> CodecError {
    let begin = src.get(..8).unwrap_or(src);
    CodecError::malformed(format!("begins with {begin:02x?}, Dubbo with [da, bb]")).at(0)
}

/// What the codec remembers of a message, in the slot of its metadata.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot(u64, u64);

impl Slot {
    const OURS: u64 = 1 << 63;
    const ATTACHMENTS: u64 = 1 << 8;
    const ANSWER_ATTACHMENTS: u64 = 1 << 9;
    const BOXED: u64 = 1 << 10;

    /// That of a message of the given flags.
    pub(crate) fn new(flags: u8) -> Self {
        Self(Self::OURS | u64::from(flags & 0x1f), 0)
    }

    /// That of a message which this codec decoded.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        let [flags, word] = metadata.slot.words();
        (flags & Self::OURS != 0).then_some(Self(flags, word))
    }

    /// Says where the attachments of a request begin.
    pub(crate) fn set_attachments_at(&mut self, at: usize) {
        self.0 |= Self::ATTACHMENTS;
        self.1 = at as u64;
    }

    /// Where the attachments of a request begin, if they were read.
    pub(crate) fn attachments_at(self) -> Option<usize> {
        (self.0 & Self::ATTACHMENTS != 0).then_some(self.1 as usize)
    }

    /// Says that the caller reads attachments in the answer.
    pub(crate) fn set_answer_attachments(&mut self) {
        self.0 |= Self::ANSWER_ATTACHMENTS;
    }

    /// Whether the caller reads attachments in the answer.
    pub(crate) fn answer_attachments(self) -> bool {
        self.0 & Self::ANSWER_ATTACHMENTS != 0
    }

    /// The serialization's number.
    pub(crate) fn serialization(self) -> u8 {
        self.0 as u8 & 0x1f
    }
}

impl From<Slot> for CodecSlot {
    fn from(slot: Slot) -> Self {
        Self::from_words([slot.0, slot.1])
    }
}

/// Keeps a ping's body, which is null in a serialization that may not be known:
/// the answer's is the same.
pub(crate) fn ping_slot(flags: u8, body: &[u8]) -> CodecSlot {
    let mut slot = Slot::new(flags);
    let mut word = [0; 8];
    match word.get_mut(..body.len()) {
        Some(room) => {
            room.copy_from_slice(body);
            slot.0 |= (body.len() as u64) << 16;
            slot.1 = u64::from_be_bytes(word);
            slot.into()
        }
        None => {
            slot.0 |= Slot::BOXED;
            let mut slot = CodecSlot::from(slot);
            slot.set_value(Bytes::copy_from_slice(body));
            slot
        }
    }
}

/// The body of a ping that this codec read; `with` gets it.
pub(crate) fn ping_body<R>(ping: &Metadata, with: impl FnOnce(&[u8]) -> R) -> Option<R> {
    let slot = Slot::of(ping)?;
    if slot.0 & Slot::BOXED != 0 {
        return ping.slot.value::<Bytes>().map(|body| with(body));
    }
    let word = slot.1.to_be_bytes();
    let length = (slot.0 >> 16 & 0xf) as usize;
    word.get(..length).map(with)
}
