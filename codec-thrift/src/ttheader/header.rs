//! Header: what stands before the info blocks, and where everything begins.

use meta_core::{CodecError, CodecErrorKind};

use crate::head::chunk;

/// What tells a TTHeader, behind the length.
pub(crate) const MAGIC: [u8; 2] = [0x10, 0x00];

/// `length 32, magic 16, flags 16, id 32, words 16`
pub(super) const FIXED_BYTES: usize = 14;

/// The shortest frame: a header of one word, and nothing behind it.
const LEAST_BYTES: usize = FIXED_BYTES + 4;

/// Calls are told apart by the header's id, and answered in any order.
pub(super) const MUX: u16 = 0x0001;
const STREAM: u16 = 0x0002;
const DUPLEX_REVERSE: u16 = 0x0008;
const SASL: u16 = 0x0010;

/// Protocol ids of streams' frames, whose payload is a bare struct.
const STRUCTS: [u8; 2] = [0x10, 0x11];

/// The beginning of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the frame in all.
    pub(super) total: usize,
    pub(super) flags: u16,
    /// The id, which Kitex writes into the message too.
    pub(super) id: u32,
    /// Where the payload begins.
    pub(super) end: usize,
}

impl Header {
    /// Reads what has a fixed place, of which all lengths follow; `None` where that
    /// is not there yet.
    pub(super) fn read(src: &[u8]) -> Result<Option<Self>, CodecError> {
        let Some(&[l0, l1, l2, l3, _, _, f0, f1]) = chunk(src, 0) else {
            return Ok(None);
        };
        let total = (u32::from_be_bytes([l0, l1, l2, l3]) as usize).saturating_add(4);
        if total < LEAST_BYTES {
            let detail = format!("frame of {total} bytes, shorter than a TTHeader");
            return Err(CodecError::malformed(detail).at(0));
        }
        let flags = u16::from_be_bytes([f0, f1]);
        let not_carried = [
            (STREAM, "TTStream, Kitex's streaming over TTHeader"),
            (
                DUPLEX_REVERSE,
                "a TTHeader of a call in the reverse direction",
            ),
            (SASL, "a TTHeader of a SASL handshake"),
        ];
        for (flag, name) in not_carried {
            if flags & flag != 0 {
                return Err(unsupported(name).at(6));
            }
        }
        let Some(&[i0, i1, i2, i3, w0, w1]) = chunk(src, 8) else {
            return Ok(None);
        };
        let words = usize::from(u16::from_be_bytes([w0, w1]));
        if words == 0 {
            return Err(CodecError::malformed("TTHeader without a word of header").at(12));
        }
        let end = FIXED_BYTES + 4 * words;
        if end > total {
            let detail = format!("TTHeader of {words} words in a frame of {total} bytes");
            return Err(CodecError::malformed(detail).at(12));
        }
        Ok(Some(Self {
            total,
            flags,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            end,
        }))
    }

    /// Where the info blocks begin, behind `protocol 8, n 8, transform ids 8 × n`,
    /// of which only streams' protocol means anything to Kitex.
    pub(super) fn info_at(&self, src: &[u8]) -> Result<usize, CodecError> {
        let [protocol, transforms] = chunk(src, FIXED_BYTES).copied().unwrap_or_default();
        if STRUCTS.contains(&protocol) {
            let name = "TTStream, Kitex's streaming over TTHeader";
            return Err(unsupported(name).at(FIXED_BYTES));
        }
        let info_at = FIXED_BYTES + 2 + usize::from(transforms);
        match info_at > self.end {
            true => {
                let detail = format!("{transforms} transforms, which the header has no room for");
                Err(CodecError::malformed(detail).at(FIXED_BYTES + 1))
            }
            false => Ok(info_at),
        }
    }

    pub(super) fn is_mux(&self) -> bool {
        self.flags & MUX != 0
    }
}

pub(super) fn unsupported(name: &str) -> CodecError {
    let detail = format!("this is {name}, which is not carried");
    CodecError::new(CodecErrorKind::Unsupported, detail)
}
