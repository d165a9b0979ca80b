//! THeader, Apache's transport with info headers: reading and writing.
//!
//! `length 32, 0F FF, flags 16, sequence id 32, words 16`, then a header area of so
//! many words of four bytes, then the payload: a whole message, perhaps compressed.
//! (Apache Thrift, `doc/specs/HeaderFormat.md`.)

use bytes::Bytes;
use meta_core::{CodecError, CodecErrorKind, Metadata, Text};

use self::area::{Area, Fixed};
use crate::{
    detect::{Among, foreign, unknown, unsupported},
    form::{Protocol, Transport},
    head::Head,
};

mod area;
mod pairs;
mod read;
mod rewrite;
pub(crate) mod wire;
mod write;
mod zlib;

/// What stands behind the length, where a header follows.
pub(crate) const MAGIC: [u8; 2] = [0x0f, 0xff];

/// The transport of the message at the beginning of `src`, on a connection that
/// carries THeader and plain messages. Its servers and clients tell them so too,
/// and take strict binary and compact alone.
pub(crate) fn among(src: &[u8]) -> Result<Among, CodecError> {
    let Some(&begin) = src.first_chunk() else {
        return Ok(Among::Need(2));
    };
    match Protocol::of(begin) {
        Some(Protocol::Binary | Protocol::Compact) => {
            return Ok(Among::Transport(Transport::Unframed));
        }
        Some(Protocol::Json) => return Err(not_among(begin).at(0)),
        // A length.
        Some(Protocol::OldBinary) => {}
        None => return Err(unknown(src)),
    }
    if let Some(error) = foreign(src) {
        return Err(error);
    }
    let Some(&begin) = src.get(4..).and_then(<[u8]>::first_chunk) else {
        return Ok(Among::Need(6));
    };
    match (begin, Protocol::of(begin)) {
        (MAGIC, _) => Ok(Among::Transport(Transport::Header)),
        (_, Some(Protocol::Binary | Protocol::Compact)) => Ok(Among::Transport(Transport::Framed)),
        _ => Err(unsupported(begin).unwrap_or_else(|| not_among(begin)).at(4)),
    }
}

/// Refuses a frame whose beginning cannot be true, before the rest is waited for.
pub(crate) fn check(src: &[u8]) -> Result<(), CodecError> {
    Fixed::read(src).map(drop)
}

/// Adds what the info headers say.
pub(crate) fn describe(head: &Head, frame: &Bytes, metadata: &mut Metadata) {
    let pairs = head.envelope.pairs;
    let area = frame.get(..head.envelope.payload_at).unwrap_or_default();
    let area = match pairs {
        0 => return,
        _ => Area::read(area),
    };
    let Ok(area) = area else {
        return;
    };
    let names = if metadata.kind.is_call() { 2 } else { 0 };
    // What certainly has no room where it is gets it at once.
    if pairs + names > 3 {
        metadata.attributes.reserve(pairs + names);
    }
    for pair in area.pairs().map_while(Result::ok).take(pairs) {
        let attributes = &mut metadata.attributes;
        attributes.insert(Text::span(pair.key), Text::span(pair.value));
    }
}

/// What begins so does not come among THeader messages.
fn not_among(begin: [u8; 2]) -> CodecError {
    CodecError::malformed(format!(
        "begins with {begin:02x?}, expected a message in THeader, strict binary or compact"
    ))
}

/// A form of THeader that is not carried.
fn not_carried(what: &str) -> CodecError {
    let detail = format!("{what} in THeader, expected binary or compact, plain or by zlib");
    CodecError::new(CodecErrorKind::Unsupported, detail)
}

#[cfg(test)]
mod tests;
