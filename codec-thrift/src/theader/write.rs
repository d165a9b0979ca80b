//! Writing: ids, info headers and what follows from them; all else as it came.

use bytes::Bytes;
use meta_core::{CodecError, EncodeContext, Encoded, FrameBuf, Message};

use super::{
    MAGIC,
    area::{Area, FIXED_BYTES, Fixed},
    rewrite::Rewrite,
    zlib,
};
use crate::{
    codec::ThriftCodec,
    encode::{COPY_BELOW_BYTES, IdBytes, put_rest, refused},
    form::Transport,
    head::{Slot, chunk, frame_length},
};

/// The largest header area that all libraries read: C++ refuses 64 KiB.
const MAX_WORDS: usize = (1 << 14) - 1;

impl ThriftCodec {
    /// Writes a message under another id or with other info headers.
    pub(crate) fn put_theader(
        &self,
        message: &Message,
        slot: Slot,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let frame = &message.frame;
        let cut_short = || refused("the frame is cut short");
        let fixed = Fixed::read(frame)?.ok_or_else(cut_short)?;
        let keeps_id = context.id == message.metadata.id;
        let id = u32::try_from(context.id.0)
            .map_err(|_| refused(format!("id {} is not a 32-bit number", context.id)))?;
        // A client that numbers its headers otherwise than its messages finds both.
        let asked = context.request.and_then(Slot::of);
        let asked = asked.filter(|slot| slot.form.transport == Transport::Header);
        let header_id = match asked {
            Some(asked) => asked.envelope_id,
            None if keeps_id => fixed.id,
            None => id,
        };
        let limit = self.settings.limit(Transport::Header, &self.limits);
        let payload = match (keeps_id, slot.compressed) {
            (true, _) => Payload::AsItCame,
            (false, false) => Payload::plain(frame, slot, id).ok_or_else(cut_short)?,
            (false, true) => Payload::compressed(frame, slot, id, limit)?,
        };
        if context.mutation.is_empty() {
            if keeps_id && header_id == fixed.id {
                put_rest(frame, 0, dst);
            } else {
                put_kept(frame, &fixed, header_id, payload, dst)?;
            }
            return Ok(Encoded::Whole);
        }
        let before = frame.get(..fixed.payload_at).ok_or_else(cut_short)?;
        let area = Area::read(before)?;
        let rewrite = Rewrite::new(&area, context.mutation);
        let words = rewrite.words();
        let total = FIXED_BYTES + 4 * words + payload.bytes(frame, &fixed);
        if words > MAX_WORDS || total > limit {
            put_kept(frame, &fixed, header_id, payload, dst)?;
            return Ok(Encoded::WithoutMutation);
        }
        dst.put_slice(&beginning(frame, total, header_id, words)?);
        rewrite.put(dst);
        payload.put(frame, &fixed, dst);
        Ok(Encoded::Whole)
    }
}

/// Writes a frame whose header area stays.
fn put_kept(
    frame: &Bytes,
    fixed: &Fixed,
    header_id: u32,
    payload: Payload<'_>,
    dst: &mut FrameBuf,
) -> Result<(), CodecError> {
    let total = fixed.payload_at + payload.bytes(frame, fixed);
    let words = (fixed.payload_at - FIXED_BYTES) / 4;
    dst.put_slice(&beginning(frame, total, header_id, words)?);
    let kept = frame.get(FIXED_BYTES..).unwrap_or_default();
    match payload {
        Payload::WithId(_, id, rest_at) if total == frame.len() && total < COPY_BELOW_BYTES => {
            let id = id.as_slice();
            dst.put_patched(kept, rest_at - id.len() - FIXED_BYTES, id);
        }
        payload => {
            let area = kept.get(..4 * words).unwrap_or_default();
            dst.put_slice(area);
            payload.put(frame, fixed, dst);
        }
    }
    Ok(())
}

/// What of a frame's beginning has a fixed length.
fn beginning(
    frame: &[u8],
    total: usize,
    header_id: u32,
    words: usize,
) -> Result<[u8; FIXED_BYTES], CodecError> {
    let [l0, l1, l2, l3] = frame_length(total - 4)?.to_be_bytes();
    let [m0, m1] = MAGIC;
    let [f0, f1] = chunk(frame, 6).copied().unwrap_or_default();
    let [i0, i1, i2, i3] = header_id.to_be_bytes();
    let words = u16::try_from(words).unwrap_or(u16::MAX);
    let [w0, w1] = words.to_be_bytes();
    Ok([l0, l1, l2, l3, m0, m1, f0, f1, i0, i1, i2, i3, w0, w1])
}

/// What is to stand behind the header area.
enum Payload<'a> {
    AsItCame,
    /// The message's beginning, its id, and where the rest is in the frame.
    WithId(&'a [u8], IdBytes, usize),
    /// The message, deflated again.
    Deflated(Bytes),
}

impl<'a> Payload<'a> {
    fn plain(frame: &'a [u8], slot: Slot, id: u32) -> Option<Self> {
        let before = frame.get(slot.payload_at..slot.id_at)?;
        let rest_at = slot.id_at + slot.id_width;
        let id = IdBytes::new(slot.form.protocol, id);
        (rest_at <= frame.len()).then_some(Self::WithId(before, id, rest_at))
    }

    fn compressed(frame: &[u8], slot: Slot, id: u32, limit: usize) -> Result<Self, CodecError> {
        let deflated = frame.get(slot.payload_at..).unwrap_or_default();
        let inflated = zlib::inflate(deflated, limit)?;
        let id = IdBytes::new(slot.form.protocol, id);
        let before = inflated.get(..slot.id_at);
        let rest = inflated.get(slot.id_at + slot.id_width..);
        let (Some(before), Some(rest)) = (before, rest) else {
            return Err(zlib::cut_short());
        };
        let deflated = zlib::deflate([before, id.as_slice(), rest])?;
        Ok(Self::Deflated(deflated.into()))
    }

    fn bytes(&self, frame: &[u8], fixed: &Fixed) -> usize {
        match self {
            Self::AsItCame => frame.len() - fixed.payload_at,
            Self::WithId(before, id, rest_at) => {
                before.len() + id.as_slice().len() + frame.len() - rest_at
            }
            Self::Deflated(bytes) => bytes.len(),
        }
    }

    fn put(self, frame: &Bytes, fixed: &Fixed, dst: &mut FrameBuf) {
        match self {
            Self::AsItCame => put_rest(frame, fixed.payload_at, dst),
            Self::WithId(before, id, rest_at) => {
                dst.put_slice(before);
                dst.put_slice(id.as_slice());
                put_rest(frame, rest_at, dst);
            }
            Self::Deflated(bytes) => dst.put_bytes(bytes),
        }
    }
}
