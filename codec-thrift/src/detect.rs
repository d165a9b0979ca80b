//! Detection: what the first bytes of a connection, and of a message, tell.

use std::fmt;

use meta_core::{CodecError, CodecErrorKind};

use crate::{
    form::{Protocol, Transport},
    theader, ttheader,
};

/// What a connection carries, as its first message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Framed,
    Unframed,
    /// THeader, and plain messages among it: its servers take them.
    Header,
    /// TTHeader, and plain messages in strict binary: its clients take them.
    TtHeader,
}

impl Family {
    pub(crate) fn of(transport: Transport) -> Self {
        match transport {
            Transport::Framed => Self::Framed,
            Transport::Unframed => Self::Unframed,
            Transport::Header => Self::Header,
            Transport::TtHeader { .. } => Self::TtHeader,
        }
    }

    /// Whether messages of this transport may come and go on the connection.
    pub(crate) fn carries(self, transport: Transport) -> bool {
        match self {
            Self::Header => !matches!(transport, Transport::TtHeader { .. }),
            Self::TtHeader => transport != Transport::Header,
            family => family == Self::of(transport),
        }
    }
}

/// What the message at the beginning of some bytes is, on a connection that
/// carries several kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    Transport(Transport),
    /// Nothing yet; so many bytes in all are needed.
    Need(usize),
}

impl Family {
    /// The transport of the message at the beginning of `src`.
    pub(crate) fn transport(self, src: &[u8]) -> Result<Among, CodecError> {
        match self {
            Self::Framed => Ok(Among::Transport(Transport::Framed)),
            Self::Unframed => Ok(Among::Transport(Transport::Unframed)),
            Self::Header => theader::among(src),
            Self::TtHeader => ttheader::among(src),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framed => "framed",
            Self::Unframed => "unframed",
            Self::Header => "THeader",
            Self::TtHeader => "TTHeader",
        })
    }
}

/// What the first bytes of a connection tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    Family(Family),
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
        Some(Protocol::Binary | Protocol::Compact | Protocol::Json) => {
            return Ok(Detected::Family(Family::Unframed));
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
    if *behind == theader::MAGIC {
        return Ok(Detected::Family(Family::Header));
    }
    if *behind == ttheader::MAGIC {
        return Ok(Detected::Family(Family::TtHeader));
    }
    if let Some(error) = unsupported(*behind) {
        return Err(error.at(4));
    }
    match (Protocol::of(*behind), behind) {
        (Some(Protocol::Binary | Protocol::Compact | Protocol::Json), _) | (_, [0, _]) => {
            Ok(Detected::Family(Family::Framed))
        }
        (_, [b'!'..=b'~', _]) if length <= name_limit => Ok(Detected::Family(Family::Unframed)),
        _ => Err(unknown(src)),
    }
}

/// Whether these bytes begin a message and cannot be a length.
pub(crate) fn begins_message(begin: [u8; 2]) -> bool {
    matches!(
        Protocol::of(begin),
        Some(Protocol::Binary | Protocol::Compact | Protocol::Json)
    )
}

/// Names what is not Thrift, or a form of Thrift that is not carried, by the
/// first bytes of a connection. All of them are lengths far beyond any message.
pub(crate) fn foreign(src: &[u8]) -> Option<CodecError> {
    const HTTP: [&[u8]; 9] = [
        b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"HTTP",
    ];
    if src.starts_with(&[0xff, 0xaf]) {
        return Some(not_carried("a mesh header").at(0));
    }
    let name = match src.first_chunk::<4>()? {
        begin if HTTP.contains(&&begin[..]) => "HTTP",
        b"PRI " => "HTTP/2 or gRPC",
        [0x16, 0x03, ..] => "TLS",
        [b'[', b'"', ..] => "Thrift's simple JSON protocol, which nobody reads",
        [b'{', ..] | [b'[', b'{', ..] => "JSON, but not Thrift's",
        _ => return None,
    };
    Some(not_carried(name).at(0))
}

/// Names what stands in a frame, by its first bytes, that is not carried.
pub(crate) fn unsupported(begin: [u8; 2]) -> Option<CodecError> {
    match begin {
        theader::MAGIC => Some(another("THeader")),
        ttheader::MAGIC => Some(another("TTHeader")),
        [b'{', _] => Some(thriftpy2_json()),
        _ => None,
    }
}

/// A length and an object, in a frame or not.
pub(crate) fn thriftpy2_json() -> CodecError {
    not_carried("the JSON protocol of thriftpy2, which is none of Thrift's")
}

fn not_carried(name: &str) -> CodecError {
    CodecError::new(
        CodecErrorKind::Unsupported,
        format!("this is {name}, expected Thrift: framed, unframed, THeader or TTHeader"),
    )
}

/// A transport that is carried, on a connection that began otherwise.
fn another(name: &str) -> CodecError {
    CodecError::new(
        CodecErrorKind::Unsupported,
        format!("this is the {name} transport, on a connection of another"),
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
