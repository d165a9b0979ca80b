//! Wire forms: how messages are framed and encoded, and how one tells.

use std::fmt;

use meta_core::{CodecError, CodecErrorKind, Metadata, WireForm};

/// How the bytes of messages are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A length of four bytes before each message.
    Framed,
    /// One message behind the other (also called buffered).
    Unframed,
}

impl Transport {
    /// The bytes before the message itself.
    pub(crate) fn head_bytes(self) -> usize {
        match self {
            Self::Framed => 4,
            Self::Unframed => 0,
        }
    }
}

/// How messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Binary, with the version before each message (strict).
    Binary,
    /// Binary without a version. No library sends it by default, servers take it.
    OldBinary,
    /// Compact.
    Compact,
}

impl Protocol {
    /// The protocol that begins with these two bytes. Old binary begins with the
    /// length of the name, and so with a byte below 0x80.
    pub(crate) fn of(begin: [u8; 2]) -> Option<Self> {
        match begin {
            [0x80, 0x01] => Some(Self::Binary),
            [0x82, version] if version & 0x1f == 1 => Some(Self::Compact),
            [0..0x80, _] => Some(Self::OldBinary),
            _ => None,
        }
    }
}

/// A transport and a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// The transport.
    pub transport: Transport,
    /// The protocol.
    pub protocol: Protocol,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 6] = [
        Self::new(Transport::Framed, Protocol::Binary),
        Self::new(Transport::Framed, Protocol::OldBinary),
        Self::new(Transport::Framed, Protocol::Compact),
        Self::new(Transport::Unframed, Protocol::Binary),
        Self::new(Transport::Unframed, Protocol::OldBinary),
        Self::new(Transport::Unframed, Protocol::Compact),
    ];

    /// A form of the given parts.
    pub const fn new(transport: Transport, protocol: Protocol) -> Self {
        Self {
            transport,
            protocol,
        }
    }

    /// The form of a message that this codec decoded.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        Self::from_number(metadata.form.0)
    }

    /// Whether a client that speaks this form reads answers in `other`. Servers
    /// that take old binary answer it in strict binary.
    pub(crate) fn reads(self, other: Self) -> bool {
        let compact = |form: Self| form.protocol == Protocol::Compact;
        self.transport == other.transport && compact(self) == compact(other)
    }

    /// The number that stands for this form; not 0.
    pub(crate) fn number(self) -> u64 {
        let transport = match self.transport {
            Transport::Framed => 1,
            Transport::Unframed => 2,
        };
        let protocol = match self.protocol {
            Protocol::Binary => 1,
            Protocol::OldBinary => 2,
            Protocol::Compact => 3,
        };
        transport << 8 | protocol
    }

    pub(crate) fn from_number(number: u64) -> Option<Self> {
        let transport = match number >> 8 {
            1 => Transport::Framed,
            2 => Transport::Unframed,
            _ => return None,
        };
        let protocol = match number & 0xff {
            1 => Protocol::Binary,
            2 => Protocol::OldBinary,
            3 => Protocol::Compact,
            _ => return None,
        };
        Some(Self::new(transport, protocol))
    }
}

impl From<Form> for WireForm {
    fn from(form: Form) -> Self {
        Self(form.number())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.protocol)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framed => "framed",
            Self::Unframed => "unframed",
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::OldBinary => "old binary",
            Self::Compact => "compact",
        })
    }
}

/// What the first bytes of a connection tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    Transport(Transport),
    /// Nothing yet; so many bytes in all are needed.
    Need(usize),
}

/// Tells the transport from the first bytes of a connection.
///
/// A frame's length and the length of a name in old binary look alike; what
/// comes behind them does not: another message's beginning there, a letter here.
pub(crate) fn detect(src: &[u8], name_limit: usize) -> Result<Detected, CodecError> {
    let Some(begin) = src.first_chunk() else {
        return Ok(Detected::Need(2));
    };
    match Protocol::of(*begin) {
        Some(Protocol::Binary | Protocol::Compact) => {
            return Ok(Detected::Transport(Transport::Unframed));
        }
        Some(Protocol::OldBinary) => {}
        None => return Err(unknown(src)),
    }
    if let Some(error) = foreign(src) {
        return Err(error);
    }
    let Some(length) = src.first_chunk() else {
        return Ok(Detected::Need(6));
    };
    let length = u32::from_be_bytes(*length) as usize;
    if length == 0 {
        return Err(CodecError::malformed("length 0").at(0));
    }
    let Some(behind) = src.get(4..6).and_then(<[u8]>::first_chunk) else {
        return Ok(Detected::Need(6));
    };
    if let Some(error) = unsupported(*behind) {
        return Err(error.at(4));
    }
    match (Protocol::of(*behind), behind) {
        (Some(Protocol::Binary | Protocol::Compact), _) | (_, [0, _]) => {
            Ok(Detected::Transport(Transport::Framed))
        }
        (_, [b'!'..=b'~', _]) if length <= name_limit => {
            Ok(Detected::Transport(Transport::Unframed))
        }
        _ => Err(unknown(src)),
    }
}

/// Names what is not Thrift, or a form of Thrift that is not carried, by the
/// first bytes of a connection. All of them are lengths far beyond any message.
pub(crate) fn foreign(src: &[u8]) -> Option<CodecError> {
    const HTTP: [&[u8]; 9] = [
        b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"HTTP",
    ];
    let name = match src.first_chunk::<4>()? {
        begin if HTTP.contains(&&begin[..]) => "HTTP",
        b"PRI " => "HTTP/2 or gRPC",
        [0x16, 0x03, ..] => "TLS",
        [b'[' | b'{', ..] => "Thrift's JSON protocol",
        [0xff, 0xaf, ..] => "a mesh header",
        _ => return None,
    };
    Some(not_carried(name).at(0))
}

/// Names what stands in a frame, by its first bytes, that is not carried.
pub(crate) fn unsupported(begin: [u8; 2]) -> Option<CodecError> {
    match begin {
        [0x0f, 0xff] => Some(not_carried("the THeader transport")),
        [0x10, 0x00] => Some(not_carried("the TTHeader transport")),
        [b'[' | b'{', _] => Some(not_carried("Thrift's JSON protocol in frames")),
        _ => None,
    }
}

fn not_carried(name: &str) -> CodecError {
    CodecError::new(
        CodecErrorKind::Unsupported,
        format!("this is {name}, expected framed or unframed binary or compact Thrift"),
    )
}

pub(crate) fn unknown(src: &[u8]) -> CodecError {
    foreign(src).unwrap_or_else(|| {
        let begin = src.get(..8).unwrap_or(src);
        let detail = format!("begins with {begin:02x?}, which no form of Thrift does");
        CodecError::malformed(detail).at(0)
    })
}

#[cfg(test)]
mod tests;
