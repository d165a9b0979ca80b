//! PROXY headers: how long they are, and what they say.
//!
//! ppp reads whole headers; where they end is found out here, so that nothing is taken
//! for whole too early, nor waited for in vain.

use std::net::SocketAddr;

use meta_rds::ProxyProtocolVersion::{self, V1, V2};
use ppp::{v1, v2};

/// The longest header taken, its extensions included.
pub(super) const MAX_BYTES: usize = 4 << 10;
/// The longest of version 1, as its specification has it, with the line's end.
const MAX_V1_BYTES: usize = 107;
/// What comes before addresses and extensions in version 2.
const V2_BYTES: usize = 16;
const V1_PREFIX: &[u8] = b"PROXY ";

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its length.
    pub(super) bytes: usize,
    /// Where the connection comes from, and where it was made to; `None`: it says
    /// nothing, so that the addresses of the connection hold.
    pub(super) addresses: Option<(SocketAddr, SocketAddr)>,
}

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("the header has more than {0} bytes")]
    TooLong(usize),
    #[error("the header cannot be read: {0}")]
    Unreadable(String),
    #[error("the header is not about TCP connections")]
    NotTcp,
}

impl Header {
    /// Reads a header at the beginning of `bytes`: `Some(None)` where there is none,
    /// `None` where that is not clear yet, or the header is not whole.
    pub(super) fn read(
        bytes: &[u8],
    ) -> Option<Option<(ProxyProtocolVersion, Result<Self, HeaderError>)>> {
        for (version, prefix) in [(V1, V1_PREFIX), (V2, v2::PROTOCOL_PREFIX)] {
            if bytes.starts_with(prefix) {
                let header = match version {
                    V1 => Self::text(bytes)?,
                    _ => Self::binary(bytes)?,
                };
                return Some(Some((version, header)));
            }
            if prefix.starts_with(bytes) {
                return None;
            }
        }
        Some(None)
    }

    fn text(bytes: &[u8]) -> Option<Result<Self, HeaderError>> {
        let within = bytes.get(..MAX_V1_BYTES).unwrap_or(bytes);
        let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
            let is_over = bytes.len() >= MAX_V1_BYTES;
            return is_over.then_some(Err(HeaderError::TooLong(MAX_V1_BYTES)));
        };
        let line = &within[..=end];
        let addresses = match v1::Header::try_from(line) {
            Ok(header) => match header.addresses {
                v1::Addresses::Tcp4(ip) => Some(pair_v4(ip)),
                v1::Addresses::Tcp6(ip) => Some(pair_v6(ip)),
                v1::Addresses::Unknown => None,
            },
            Err(error) => return Some(Err(HeaderError::Unreadable(error.to_string()))),
        };
        Some(Ok(Self {
            bytes: line.len(),
            addresses,
        }))
    }

    fn binary(bytes: &[u8]) -> Option<Result<Self, HeaderError>> {
        let head: &[u8; V2_BYTES] = bytes.first_chunk()?;
        let [.., high, low] = *head;
        let length = V2_BYTES + usize::from(u16::from_be_bytes([high, low]));
        if length > MAX_BYTES {
            return Some(Err(HeaderError::TooLong(MAX_BYTES)));
        }
        let whole = bytes.get(..length)?;
        let header = match v2::Header::try_from(whole) {
            Ok(header) => header,
            Err(error) => return Some(Err(HeaderError::Unreadable(error.to_string()))),
        };
        let is_stream = header.protocol == v2::Protocol::Stream;
        let addresses = match (header.command, header.addresses) {
            // A load balancer's own check, say.
            (v2::Command::Local, _) => None,
            (_, v2::Addresses::Unspecified) => None,
            (_, v2::Addresses::IPv4(ip)) if is_stream => Some(pair_v4(ip)),
            (_, v2::Addresses::IPv6(ip)) if is_stream => Some(pair_v6(ip)),
            _ => return Some(Err(HeaderError::NotTcp)),
        };
        Some(Ok(Self {
            bytes: length,
            addresses,
        }))
    }
}

fn pair_v4(ip: v1::IPv4) -> (SocketAddr, SocketAddr) {
    (
        (ip.source_address, ip.source_port).into(),
        (ip.destination_address, ip.destination_port).into(),
    )
}

fn pair_v6(ip: v1::IPv6) -> (SocketAddr, SocketAddr) {
    (
        (ip.source_address, ip.source_port).into(),
        (ip.destination_address, ip.destination_port).into(),
    )
}

#[cfg(test)]
mod tests;
