//! The forms in which Thrift is spoken.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::encoding::Encoding;
use super::transport::Transport;

/// A transport and a protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// A length in front of each message of the strict binary protocol.
    FramedBinary,
    /// A length in front of each message of the compact protocol.
    FramedCompact,
    /// The strict binary protocol and nothing else, also known as buffered.
    UnframedBinary,
    /// The compact protocol and nothing else.
    UnframedCompact,
    /// THeader with the strict binary protocol.
    HeaderBinary,
    /// THeader with the compact protocol.
    HeaderCompact,
    /// Kitex's TTHeader with the strict binary protocol.
    Ttheader,
    /// The same with a frame around the message, which is Kitex's default.
    TtheaderFramed,
    /// A length in front of each message of the JSON protocol.
    FramedJson,
}

impl Form {
    /// What the other forms are compared with.
    pub(crate) const BASE: Self = Self::FramedBinary;

    pub(super) fn transport(self) -> Transport {
        match self {
            Self::FramedBinary | Self::FramedCompact | Self::FramedJson => Transport::Framed,
            Self::UnframedBinary | Self::UnframedCompact => Transport::Unframed,
            Self::HeaderBinary | Self::HeaderCompact => Transport::Header,
            Self::Ttheader => Transport::Ttheader,
            Self::TtheaderFramed => Transport::TtheaderFramed,
        }
    }

    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::FramedCompact | Self::UnframedCompact | Self::HeaderCompact => Encoding::Compact,
            Self::FramedJson => Encoding::Json,
            _ => Encoding::Binary,
        }
    }
}

impl fmt::Display for Form {
    /// The name on the command line and in the tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.pad(value.get_name()),
            None => Ok(()),
        }
    }
}
