//! Head: the sixteen bytes that every frame begins with.

use meta_core::{CodecError, CodecErrorKind, Event, MessageKind, Metadata, WireId};

/// The length of the head, its length field included.
pub(crate) const HEAD_BYTES: usize = 16;

/// Bytes of the length field, which do not count themselves.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Where the id stands.
pub(crate) const ID_AT: usize = 8;

const MAGIC: u8 = 0xca;

/// What a frame is; its number is what stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A call that wants an answer.
    Call = 0,
    /// A call that wants none.
    OneWay = 1,
    /// The good answer to a call.
    Result = 2,
    /// The bad answer to a call.
    Error = 3,
    /// Asks whether the peer is there.
    Ping = 4,
    /// It is.
    Pong = 5,
    /// Asks for no more calls on this connection.
    Goodbye = 6,
}

impl Kind {
    /// The kind of that number.
    pub fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Call,
            1 => Self::OneWay,
            2 => Self::Result,
            3 => Self::Error,
            4 => Self::Ping,
            5 => Self::Pong,
            6 => Self::Goodbye,
            _ => return None,
        })
    }

    /// Whether its header block begins with a service and a method.
    pub fn is_call(self) -> bool {
        matches!(self, Self::Call | Self::OneWay)
    }

    fn message(self) -> MessageKind {
        match self {
            Self::Call => MessageKind::Request,
            Self::OneWay => MessageKind::OneWay,
            Self::Result | Self::Error => MessageKind::Response,
            Self::Ping => MessageKind::Ping,
            Self::Pong => MessageKind::Pong,
            Self::Goodbye => MessageKind::Event(Event::Drain),
        }
    }
}

/// What the head tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) id: u32,
    /// A call's timeout in milliseconds, an error's code.
    pub(crate) number: u32,
    /// Where the header block ends and the body begins.
    pub(crate) body_at: usize,
    /// Bytes in all.
    pub(crate) total: usize,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8; HEAD_BYTES]) -> Result<Self, CodecError> {
        let [
            l0,
            l1,
            l2,
            l3,
            magic,
            kind,
            b0,
            b1,
            i0,
            i1,
            i2,
            i3,
            number @ ..,
        ] = *bytes;
        if magic != MAGIC {
            let detail = format!("byte {magic:#04x}, expected {MAGIC:#04x}");
            return Err(CodecError::malformed(detail).at(LENGTH_BYTES));
        }
        let kind = Kind::of(kind).ok_or_else(|| {
            let detail = format!("a frame of the unknown kind {kind}");
            CodecError::new(CodecErrorKind::Unsupported, detail).at(5)
        })?;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let head = Self {
            kind,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            number: u32::from_be_bytes(number),
            body_at: HEAD_BYTES + usize::from(u16::from_be_bytes([b0, b1])),
            total: LENGTH_BYTES.saturating_add(length),
        };
        match head.total < head.body_at {
            true => {
                let detail = "the frame is shorter than its head and header block";
                Err(CodecError::malformed(detail).at(0))
            }
            false => Ok(head),
        }
    }

    /// What is known before the header block has been read; enough to answer.
    pub(crate) fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new(self.kind.message(), WireId(self.id.into()));
        metadata.header_bytes = self.body_at;
        metadata.total_bytes = self.total;
        metadata
    }

    /// A head of that kind for `block` and a body of so many bytes.
    pub(crate) fn write(
        kind: Kind,
        id: u32,
        number: u32,
        block_bytes: usize,
        body_bytes: usize,
    ) -> Result<[u8; HEAD_BYTES], CodecError> {
        let block = u16::try_from(block_bytes).map_err(|_| {
            CodecError::too_large("header block", block_bytes as u64, u16::MAX.into())
        })?;
        let length = (HEAD_BYTES - LENGTH_BYTES)
            .saturating_add(block_bytes)
            .saturating_add(body_bytes);
        let length = u32::try_from(length)
            .map_err(|_| CodecError::too_large("frame", length as u64, u32::MAX as usize))?;
        let ([l0, l1, l2, l3], [b0, b1]) = (length.to_be_bytes(), block.to_be_bytes());
        let ([i0, i1, i2, i3], [n0, n1, n2, n3]) = (id.to_be_bytes(), number.to_be_bytes());
        Ok([
            l0, l1, l2, l3, MAGIC, kind as u8, b0, b1, i0, i1, i2, i3, n0, n1, n2, n3,
        ])
    }
}

/// An id in the four bytes that frames have for it.
pub(crate) fn narrow(id: WireId) -> Result<u32, CodecError> {
    u32::try_from(id.0)
        .map_err(|_| CodecError::new(CodecErrorKind::Encode, format!("id {id} is over 32 bits")))
}
