//! What stands around a message: nothing, a length, or a length and a header.
//!
//! Header transports carry info: a call's is written as clients do, with what
//! they always say and a trace id of the call's own, and a reply's is the trace
//! id again. That is the beginning of the argument, which both sides know, so
//! each can tell whether a message came with its own info.

mod theader;
mod ttheader;

use anyhow::{Result, ensure};

use super::encoding::Encoding;
use super::wire::{CutShort, checked_len, take, take_u16, take_u32};

/// Characters of the argument that are the trace id.
pub(super) const TRACE_ID: usize = 16;
const TRACE_KEY: Key<'_> = Key::Text(b"trace-id");

/// How messages are told apart on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    /// Nothing around a message.
    Unframed,
    /// A length.
    Framed,
    /// Apache's header.
    Header,
    /// Kitex's header.
    Ttheader,
    /// Kitex's header, and one more length inside.
    TtheaderFramed,
}

/// The name of a piece of info. Apache's header has no numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Key<'a> {
    Number(u16),
    Text(&'a [u8]),
}

/// Keys with their values.
type Info<'a> = Vec<(Key<'a>, &'a [u8])>;

/// Which way a message goes, and its id, which a header repeats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    Call { id: u32 },
    Reply { id: u32 },
}

/// A frame without what stands around its message.
#[derive(Debug)]
pub(super) struct Unwrapped<'a> {
    pub(super) message: &'a [u8],
    /// The id and the info, where there is a header.
    header: Option<(u32, Info<'a>)>,
}

impl Transport {
    /// The length of the frame in front, as far as its first bytes tell it.
    /// Unframed messages have to be read for that.
    pub(super) fn frame_len(self, bytes: &[u8], encoding: Encoding) -> Result<Option<usize>> {
        if self != Self::Unframed {
            let Some(len) = bytes.first_chunk::<4>() else {
                return Ok(None);
            };
            return Ok(Some(4 + checked_len(u32::from_be_bytes(*len))?));
        }
        let mut rest = bytes;
        match encoding.take(&mut rest) {
            Ok(_) => Ok(Some(bytes.len() - rest.len())),
            Err(error) if error.is::<CutShort>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Appends what stands around the message that `write` appends.
    pub(super) fn wrap(
        self,
        direction: Direction,
        encoding: Encoding,
        trace_id: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let info = || self.info(direction, trace_id);
        match self {
            Self::Unframed => write(out),
            Self::Framed => behind_length(out, write),
            Self::Header => behind_length(out, |out| {
                theader::write(direction.id(), encoding, &info(), out);
                write(out);
            }),
            Self::Ttheader => behind_length(out, |out| {
                ttheader::write(direction.id(), &info(), out);
                write(out);
            }),
            Self::TtheaderFramed => behind_length(out, |out| {
                ttheader::write(direction.id(), &info(), out);
                behind_length(out, write);
            }),
        }
    }

    /// Takes away what stands around a message.
    pub(super) fn unwrap(self, frame: &[u8], encoding: Encoding) -> Result<Unwrapped<'_>> {
        let mut rest = frame;
        if self != Self::Unframed {
            skip_length(&mut rest)?;
        }
        let header = match self {
            Self::Unframed | Self::Framed => None,
            Self::Header => Some(theader::take(&mut rest, encoding)?),
            Self::Ttheader => Some(ttheader::take(&mut rest)?),
            Self::TtheaderFramed => {
                let header = ttheader::take(&mut rest)?;
                skip_length(&mut rest)?;
                Some(header)
            }
        };
        Ok(Unwrapped {
            message: rest,
            header,
        })
    }

    /// Fails if a frame's header, where the form has one, is not the one that
    /// [`Transport::wrap`] writes.
    pub(super) fn verify(
        self,
        unwrapped: &Unwrapped<'_>,
        direction: Direction,
        trace_id: &[u8],
    ) -> Result<()> {
        if let Some((id, info)) = &unwrapped.header {
            ensure!(*id == direction.id(), "a header with id {id}");
            let (mut expected, mut found) = (self.info(direction, trace_id), info.clone());
            expected.sort_unstable();
            found.sort_unstable();
            ensure!(
                expected == found,
                "info {found:?} came instead of {expected:?}"
            );
        }
        Ok(())
    }

    /// The info of a message.
    fn info<'a>(self, direction: Direction, trace_id: &'a [u8]) -> Info<'a> {
        let mut info = match (self, direction) {
            (Self::Header, Direction::Call { .. }) => theader::CALL_INFO.to_vec(),
            (_, Direction::Call { .. }) => ttheader::CALL_INFO.to_vec(),
            (_, Direction::Reply { .. }) => Info::new(),
        };
        info.push((TRACE_KEY, trace_id));
        info
    }
}

impl Direction {
    fn id(self) -> u32 {
        match self {
            Self::Call { id } | Self::Reply { id } => id,
        }
    }
}

/// Appends what `write` appends, with its length in front.
fn behind_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Appends a header's area, as `write` does, with its length in words in front.
fn behind_words(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 2]);
    write(out);
    let len = (out.len() - start - 2).next_multiple_of(4);
    out.resize(start + 2 + len, 0);
    out[start..start + 2].copy_from_slice(&(len as u16 / 4).to_be_bytes());
}

/// The parts that both headers begin with: magic, flags, id, and the area.
fn take_start<'a>(rest: &mut &'a [u8], magic: u16) -> Result<(u32, &'a [u8])> {
    let found = take_u16(rest)?;
    ensure!(found == magic, "magic {found:#06x}");
    let flags = take_u16(rest)?;
    ensure!(flags == 0, "flags {flags:#x}");
    let id = take_u32(rest)?;
    let words = take_u16(rest)?;
    let area = take(rest, 4 * usize::from(words))?;
    Ok((id, area))
}

fn skip_length(rest: &mut &[u8]) -> Result<()> {
    let len = checked_len(take_u32(rest)?)?;
    ensure!(len == rest.len(), "a length of {len} before {}", rest.len());
    Ok(())
}
