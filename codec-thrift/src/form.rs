//! Wire forms: how messages are framed and encoded.

use std::fmt;

use meta_core::{Metadata, WireForm};

use crate::json;

/// How the bytes of messages are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// A length of four bytes before each message.
    Framed,
    /// One message behind the other (also called buffered).
    Unframed,
    /// Apache's THeader: a frame that begins with info headers.
    Header,
    /// Kitex's TTHeader: a frame that begins with info headers.
    TtHeader {
        /// The message behind the headers has a length of its own.
        framed: bool,
        /// Many calls at a time, told apart by the header's id.
        mux: bool,
    },
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
    /// JSON.
    Json,
}

impl Protocol {
    /// The protocol that begins with these two bytes. Old binary begins with the
    /// length of the name, and so with a byte below 0x80.
    pub(crate) fn of(begin: [u8; 2]) -> Option<Self> {
        match begin {
            [b'[', b'1'] => Some(Self::Json),
            [b'[', space] if json::is_space(space) => Some(Self::Json),
            [b'[' | b'{', _] => None,
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
    /// All forms of messages that nothing stands around but a frame's length.
    pub const ALL: [Self; 8] = [
        Self::new(Transport::Framed, Protocol::Binary),
        Self::new(Transport::Framed, Protocol::OldBinary),
        Self::new(Transport::Framed, Protocol::Compact),
        Self::new(Transport::Framed, Protocol::Json),
        Self::new(Transport::Unframed, Protocol::Binary),
        Self::new(Transport::Unframed, Protocol::OldBinary),
        Self::new(Transport::Unframed, Protocol::Compact),
        Self::new(Transport::Unframed, Protocol::Json),
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
    ///
    /// THeader's clients tell an answer's form from its bytes; Kitex's tell whether
    /// there are headers, and a length behind them.
    pub(crate) fn reads(self, other: Self) -> bool {
        let alike = |protocol| match protocol {
            Protocol::OldBinary => Protocol::Binary,
            protocol => protocol,
        };
        let protocols = alike(self.protocol) == alike(other.protocol);
        match (self.transport, other.transport) {
            (Transport::Header, Transport::TtHeader { .. }) => false,
            (Transport::Header, _) => other.protocol != Protocol::Json,
            (Transport::TtHeader { mux, .. }, Transport::TtHeader { mux: also, .. }) => {
                mux == also && protocols
            }
            // Multiplexed, only the header's id tells whose answer it is.
            (Transport::TtHeader { mux, .. }, Transport::Framed | Transport::Unframed) => {
                !mux && other.protocol == Protocol::Binary && protocols
            }
            (asked, answered) => asked == answered && protocols,
        }
    }

    /// The number that stands for this form; not 0, and of 16 bits.
    pub(crate) fn number(self) -> u64 {
        let transport = match self.transport {
            Transport::Framed => 1,
            Transport::Unframed => 2,
            Transport::Header => 3,
            Transport::TtHeader { framed, mux } => 4 | u64::from(framed) | u64::from(mux) << 1,
        };
        let protocol = match self.protocol {
            Protocol::Binary => 1,
            Protocol::OldBinary => 2,
            Protocol::Compact => 3,
            Protocol::Json => 4,
        };
        transport << 8 | protocol
    }

    pub(crate) fn from_number(number: u64) -> Option<Self> {
        let transport = match number >> 8 {
            1 => Transport::Framed,
            2 => Transport::Unframed,
            3 => Transport::Header,
            number @ 4..8 => Transport::TtHeader {
                framed: number & 1 != 0,
                mux: number & 2 != 0,
            },
            _ => return None,
        };
        let protocol = match number & 0xff {
            1 => Protocol::Binary,
            2 => Protocol::OldBinary,
            3 => Protocol::Compact,
            4 => Protocol::Json,
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
            Self::Header => "THeader",
            Self::TtHeader { framed, mux } => match (framed, mux) {
                (false, false) => "TTHeader",
                (true, false) => "TTHeader framed",
                (false, true) => "TTHeader mux",
                (true, true) => "TTHeader framed mux",
            },
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::OldBinary => "old binary",
            Self::Compact => "compact",
            Self::Json => "JSON",
        })
    }
}

#[cfg(test)]
mod tests;
