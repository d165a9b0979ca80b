//! Writing: ids, pairs and what follows from them; all else as it came.

use bytes::Bytes;
use meta_core::{
    CodecError, CodecErrorKind, EncodeContext, Encoded, FrameBuf, Message, MessageKind, Role,
};

use super::{
    checksum,
    header::{FIXED_BYTES, Header},
    info::{Key, Reader},
    keys::{CHECKSUM, READY_TO_RESET, SIGNATURE_PREFIX},
    rewrite::{Changes, rewrite},
};
use crate::{
    codec::ThriftCodec,
    encode::{IdBytes, put_rest, refused},
    form::Transport,
    head::{Slot, frame_length},
};

impl ThriftCodec {
    /// Writes a message under other ids or with other pairs.
    pub(crate) fn put_ttheader(
        &mut self,
        message: &Message,
        slot: Slot,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let frame = &message.frame;
        let header = Header::read(frame)?.ok_or_else(cut_short)?;
        let area = frame.get(..header.end).ok_or_else(cut_short)?;
        let info_at = header.info_at(area)?;
        let kind = message.metadata.kind;
        if self.role == Role::Upstream && kind.is_call() {
            self.ttheader.note_form(&message.metadata);
        }

        let id = u32::try_from(context.id.0)
            .map_err(|_| refused(format!("id {} is not a 32-bit number", context.id)))?;
        // Both ids: servers answer under the one or the other.
        let new_id = (context.id != message.metadata.id).then_some(id);
        // A client may number its headers otherwise than its messages.
        let asked = context.request.and_then(Slot::of);
        let asked = asked.filter(|asked| {
            let transport = asked.form.transport;
            matches!(transport, Transport::TtHeader { mux: false, .. })
        });
        let header_id = match asked {
            Some(asked) => asked.envelope_id,
            None => new_id.unwrap_or(header.id),
        };
        let payload = match new_id {
            None => Payload::as_it_came(frame, &header),
            Some(id) => Payload::with_id(frame, slot, id).ok_or_else(cut_short)?,
        };

        let checksum = match new_id {
            Some(id) if slot.checksum => new_checksum(frame, &header, info_at, slot, id)?,
            _ => None,
        };
        let mut own = Changes::default();
        if kind == MessageKind::Response && message.metadata.ends_connection {
            own.remove(READY_TO_RESET);
        }
        if let Some(checksum) = &checksum {
            own.set(CHECKSUM, checksum);
        }
        let farewell = self.ttheader.farewell(slot.form.transport);
        let farewell = farewell.filter(|_| kind == MessageKind::Response);
        let limit = self.settings.limit(slot.form.transport, &self.limits);
        let mut written = None;
        if farewell.is_some() || !context.mutation.is_empty() {
            let mut all = own.clone();
            all.extend(context.mutation);
            if let Some((key, value)) = farewell {
                all.set(key, value);
            }
            written = rewrite(area, FIXED_BYTES, info_at, &mut all)
                .filter(|info| FIXED_BYTES + info.len() + payload.bytes(frame) <= limit);
        }
        let is_whole = written.is_some() || context.mutation.is_empty();
        if written.is_none() && !own.is_empty() {
            written = rewrite(area, FIXED_BYTES, info_at, &mut own);
        }

        if written.is_none() && new_id.is_none() && header_id == header.id {
            put_rest(frame, 0, dst);
        } else {
            let info = written.as_deref();
            let info = info.or(area.get(FIXED_BYTES..)).unwrap_or_default();
            let total = FIXED_BYTES + info.len() + payload.bytes(frame);
            dst.put_u32(frame_length(total - 4)?);
            dst.put_slice(frame.get(4..8).unwrap_or_default());
            dst.put_u32(header_id);
            dst.put_u16(u16::try_from(info.len() / 4).map_err(|_| cut_short())?);
            dst.put_slice(info);
            payload.put(frame, dst)?;
        }
        Ok(match is_whole {
            true => Encoded::Whole,
            false => Encoded::WithoutMutation,
        })
    }
}

/// What is to stand behind the header.
enum Payload<'a> {
    AsItCame {
        at: usize,
    },
    WithId {
        framed: bool,
        before: &'a [u8],
        id: IdBytes,
        rest_at: usize,
    },
}

impl<'a> Payload<'a> {
    fn as_it_came(frame: &[u8], header: &Header) -> Self {
        Self::AsItCame {
            at: header.end.min(frame.len()),
        }
    }

    fn with_id(frame: &'a [u8], slot: Slot, id: u32) -> Option<Self> {
        let rest_at = slot.id_at + slot.id_width;
        (rest_at <= frame.len()).then_some(())?;
        Some(Self::WithId {
            framed: matches!(
                slot.form.transport,
                Transport::TtHeader { framed: true, .. }
            ),
            before: frame.get(slot.payload_at..slot.id_at)?,
            id: IdBytes::new(slot.form.protocol, id),
            rest_at,
        })
    }

    fn bytes(&self, frame: &[u8]) -> usize {
        match self {
            Self::AsItCame { at } => frame.len() - at,
            Self::WithId { framed: true, .. } => 4 + self.message_bytes(frame),
            Self::WithId { .. } => self.message_bytes(frame),
        }
    }

    fn message_bytes(&self, frame: &[u8]) -> usize {
        match self {
            Self::AsItCame { at } => frame.len() - at,
            Self::WithId {
                before,
                id,
                rest_at,
                ..
            } => before.len() + id.as_slice().len() + frame.len() - rest_at,
        }
    }

    fn put(&self, frame: &Bytes, dst: &mut FrameBuf) -> Result<(), CodecError> {
        match self {
            Self::AsItCame { at } => put_rest(frame, *at, dst),
            Self::WithId {
                framed,
                before,
                id,
                rest_at,
            } => {
                if *framed {
                    dst.put_u32(frame_length(self.message_bytes(frame))?);
                }
                dst.put_slice(before);
                dst.put_slice(id.as_slice());
                put_rest(frame, *rest_at, dst);
            }
        }
        Ok(())
    }
}

/// The checksum of a payload whose id becomes `id`, where the header has one that
/// can be read.
fn new_checksum(
    frame: &[u8],
    header: &Header,
    info_at: usize,
    slot: Slot,
    id: u32,
) -> Result<Option<String>, CodecError> {
    let area = frame.get(..header.end).unwrap_or_default();
    let mut reader = Reader::new(area, info_at);
    let mut found = None;
    while let Some(pair) = reader.next()? {
        let Key::String(key) = pair.key else { continue };
        let key = area.get(key).unwrap_or_default();
        if key.starts_with(SIGNATURE_PREFIX) {
            let key = String::from_utf8_lossy(key);
            let detail = format!("the payload is signed ({key}), so that its id cannot change");
            return Err(CodecError::new(CodecErrorKind::Unsupported, detail));
        }
        if key == CHECKSUM.as_bytes() {
            found = area.get(pair.value);
        }
    }
    let parsed = found.and_then(|digits| {
        let digits = std::str::from_utf8(digits).ok()?;
        u32::from_str_radix(digits, 16).ok()
    });
    let Some(old) = parsed else {
        return Ok(None);
    };
    let rest_at = slot.id_at + slot.id_width;
    let before = frame.get(slot.id_at..rest_at).ok_or_else(cut_short)?;
    let after = IdBytes::new(slot.form.protocol, id);
    let after = after.as_slice();
    if before.len() != after.len() {
        let detail = "the payload has a checksum, so that its id cannot change its width";
        return Err(CodecError::new(CodecErrorKind::Unsupported, detail));
    }
    let new = checksum::changed(old, before, after, frame.len() - rest_at);
    Ok(Some(format!("{new:08x}")))
}

fn cut_short() -> CodecError {
    refused("the frame is cut short")
}
