//! TTHeader, Kitex's transport with info headers: reading and writing.
//!
//! `length 32, 10 00, flags 16, id 32, words 16`, then a header area of so many
//! words of four bytes, then the payload: a whole message, with a length before it
//! or not.

use meta_core::CodecError;

use self::header::{FIXED_BYTES, Header};
use crate::{
    detect::{Among, foreign, unsupported},
    form::{Protocol, Transport},
    head::chunk,
};

mod checksum;
mod connection;
mod describe;
mod header;
mod info;
mod keys;
mod read;
mod rewrite;
pub(crate) mod wire;
mod write;

pub(crate) use self::{connection::Connection, describe::describe, header::MAGIC};

/// The transport of the message at the beginning of `src`, on a connection that
/// carries TTHeader. Kitex takes strict binary without a header too, and its servers
/// answer so where they give up before they have read on.
pub(crate) fn among(src: &[u8]) -> Result<Among, CodecError> {
    let Some(&begin) = chunk(src, 0) else {
        return Ok(Among::Need(2));
    };
    if is_strict(begin) {
        return Ok(Among::Transport(Transport::Unframed));
    }
    if let Some(error) = foreign(src) {
        return Err(error);
    }
    match chunk(src, 4) {
        None => Ok(Among::Need(6)),
        Some(&begin) if is_strict(begin) => Ok(Among::Transport(Transport::Framed)),
        Some(&MAGIC) => match Header::read(src)? {
            None => Ok(Among::Need(FIXED_BYTES)),
            Some(header) => Ok(Among::Transport(Transport::TtHeader {
                framed: false,
                mux: header.is_mux(),
            })),
        },
        Some(&begin) => Err(unsupported(begin)
            .unwrap_or_else(|| {
                let detail =
                    format!("frame begins with {begin:02x?}, expected a TTHeader or strict binary");
                CodecError::malformed(detail)
            })
            .at(4)),
    }
}

fn is_strict(begin: [u8; 2]) -> bool {
    Protocol::of(begin) == Some(Protocol::Binary)
}

#[cfg(test)]
mod tests;
