//! The header area: what stands before the payload.

use std::ops::Range;

use meta_core::{CodecError, CodecErrorKind, Limits};

use super::{not_carried, pairs::Pairs};
use crate::{
    form::Protocol,
    head::{chunk, varint},
};

/// Length, magic, flags, sequence id and words.
pub(super) const FIXED_BYTES: usize = 14;

/// Ids of protocols.
const BINARY: u32 = 0;
const JSON: u32 = 1;
const COMPACT: u32 = 2;

/// Ids of transforms.
const NONE: u32 = 0;
pub(super) const ZLIB: u32 = 1;
const HMAC: u32 = 2;
const SNAPPY: u32 = 3;

/// What of a frame's beginning has a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Bytes of the frame in all.
    pub(super) total: usize,
    pub(super) id: u32,
    /// Where the header area ends.
    pub(super) payload_at: usize,
}

impl Fixed {
    /// Reads the beginning of a frame; `None` where it is not whole yet.
    pub(super) fn read(frame: &[u8]) -> Result<Option<Self>, CodecError> {
        let (Some(&length), Some(&id), Some(&words)) =
            (chunk(frame, 0), chunk(frame, 8), chunk(frame, 12))
        else {
            return Ok(None);
        };
        let total = (u32::from_be_bytes(length) as usize).saturating_add(4);
        let words = u16::from_be_bytes(words);
        let payload_at = FIXED_BYTES + 4 * usize::from(words);
        if payload_at > total {
            let detail = format!("header of {words} words in a frame of {total} bytes");
            return Err(CodecError::malformed(detail).at(12));
        }
        Ok(Some(Self {
            total,
            id: u32::from_be_bytes(id),
            payload_at,
        }))
    }
}

/// What a header area says.
#[derive(Clone, Debug)]
pub(super) struct Area<'a> {
    /// The frame up to its payload.
    bytes: &'a [u8],
    /// Binary, whether strict or old, or compact.
    pub(super) protocol: Protocol,
    pub(super) is_compressed: bool,
    /// Where the transforms end.
    pub(super) info_at: usize,
}

impl<'a> Area<'a> {
    /// Reads the area of which `before`, the frame up to its payload, is the end:
    /// `protocol, n, n transforms, info blocks, padding`, all numbers varints.
    pub(super) fn read(before: &'a [u8]) -> Result<Self, CodecError> {
        let mut at = FIXED_BYTES;
        let protocol = match take_number(before, &mut at, "protocol id")? {
            BINARY => Protocol::Binary,
            COMPACT => Protocol::Compact,
            JSON => return Err(not_carried("Thrift's JSON protocol").at(FIXED_BYTES)),
            other => return Err(not_carried(&format!("protocol {other}")).at(FIXED_BYTES)),
        };
        let count_at = at;
        let count = take_number(before, &mut at, "number of transforms")?;
        if count as usize > before.len() - at {
            let detail = format!("{count} transforms in {} bytes", before.len() - at);
            return Err(CodecError::malformed(detail).at(count_at));
        }
        let mut is_compressed = false;
        for _ in 0..count {
            let id_at = at;
            let what = match take_number(before, &mut at, "transform id")? {
                NONE => continue,
                ZLIB if !is_compressed => {
                    is_compressed = true;
                    continue;
                }
                ZLIB => "zlib within zlib".into(),
                HMAC => "the HMAC transform".into(),
                SNAPPY => "the snappy transform".into(),
                other => format!("transform {other}"),
            };
            return Err(not_carried(&what).at(id_at));
        }
        Ok(Self {
            bytes: before,
            protocol,
            is_compressed,
            info_at: at,
        })
    }

    /// The info headers.
    pub(super) fn pairs(&self) -> Pairs<'a> {
        Pairs::new(self.bytes, self.info_at)
    }

    /// The protocol and the transforms.
    pub(super) fn lead(&self) -> &'a [u8] {
        self.bytes(FIXED_BYTES..self.info_at)
    }

    /// Bytes of the area.
    pub(super) fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// How many info headers there are, within the limits.
    pub(super) fn count_pairs(&self, limits: &Limits) -> Result<usize, CodecError> {
        let bytes = self.bytes.len() - FIXED_BYTES;
        let limit = limits.header_bytes;
        if bytes > limit {
            let error = CodecError::too_large("header area", bytes as u64, limit);
            return Err(error.at(12));
        }
        let mut count = 0;
        for pair in self.pairs() {
            let at = pair?.start;
            count += 1;
            if count > limits.attributes {
                let limit = limits.attributes;
                let detail = format!("more than {limit} info headers");
                return Err(CodecError::new(CodecErrorKind::TooLarge, detail).at(at));
            }
        }
        Ok(count)
    }
}

/// Takes the number that is `what` off the area that ends with `before`.
pub(super) fn take_number(
    before: &[u8],
    at: &mut usize,
    what: &'static str,
) -> Result<u32, CodecError> {
    match varint(before, *at)? {
        Some((value, width)) => {
            let number = i32::try_from(value).map_err(|_| {
                let detail = format!("{what} {value}, expected a positive 32-bit number");
                CodecError::malformed(detail).at(*at)
            })?;
            *at += width;
            Ok(number.unsigned_abs())
        }
        None => {
            let detail = format!("the header ends within its {what}");
            Err(CodecError::malformed(detail).at(*at))
        }
    }
}
