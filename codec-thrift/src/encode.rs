//! Encoding: messages leave as they came, but for their id.

use bytes::Bytes;
use meta_core::{
    CodecError, CodecErrorKind, EncodeContext, Encoded, FrameBuf, Message, MessageKind, Metadata,
    Role,
};

use crate::{
    codec::ThriftCodec,
    detect::Family,
    form::{Form, Protocol, Transport},
    head::{Slot, frame_length, put_varint},
    json,
};

/// Slices shorter than this are cheaper copied than hung in.
pub(crate) const COPY_BELOW_BYTES: usize = 1024;

impl ThriftCodec {
    pub(crate) fn encode_message(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let slot = Slot::of(&message.metadata)
            .ok_or_else(|| refused("the message was not decoded by this codec"))?;
        if let Some(request) = context.request {
            same_form(request, slot.form)?;
        }
        let transport = slot.form.transport;
        match self.family {
            Some(family) if !family.carries(transport) => {
                let form = slot.form;
                return Err(refused(format!(
                    "a {form} message on a {family} connection"
                )));
            }
            None if self.role == Role::Upstream => self.family = Some(Family::of(transport)),
            _ => {}
        }
        let encoded = match transport {
            Transport::Header => self.put_theader(message, slot, context, dst),
            Transport::TtHeader { .. } => self.put_ttheader(message, slot, context, dst),
            Transport::Framed | Transport::Unframed => put_plain(message, slot, context, dst),
        }?;
        let is_answer = message.metadata.kind == MessageKind::Response;
        if is_answer && self.family == Some(Family::TtHeader) {
            self.ttheader.note_answered(dst);
        }
        Ok(encoded)
    }
}

/// These forms have no room for keys and values.
fn put_plain(
    message: &Message,
    slot: Slot,
    context: &EncodeContext<'_>,
    dst: &mut FrameBuf,
) -> Result<Encoded, CodecError> {
    match context.id == message.metadata.id {
        true => put_rest(&message.frame, 0, dst),
        false => with_id(message, slot, context.id.0, dst)?,
    }
    Ok(match context.mutation.is_empty() {
        true => Encoded::Whole,
        false => Encoded::WithoutMutation,
    })
}

fn with_id(message: &Message, slot: Slot, id: u64, dst: &mut FrameBuf) -> Result<(), CodecError> {
    let id = u32::try_from(id).map_err(|_| refused(format!("id {id} is not a 32-bit number")))?;
    let frame = &message.frame;
    let rest_at = slot.id_at + slot.id_width;
    let before = frame.get(..slot.id_at).filter(|_| rest_at <= frame.len());
    let before = before.ok_or_else(|| refused("the frame is cut short"))?;
    let id = IdBytes::new(slot.form.protocol, id);
    let id = id.as_slice();
    if id.len() == slot.id_width && frame.len() < COPY_BELOW_BYTES {
        dst.put_patched(frame, slot.id_at, id);
        return Ok(());
    }
    if slot.form.transport == Transport::Framed {
        let bytes = frame.len() - slot.payload_at - slot.id_width + id.len();
        dst.put_u32(frame_length(bytes)?);
    }
    dst.put_slice(before.get(slot.payload_at..).unwrap_or_default());
    dst.put_slice(id);
    put_rest(frame, rest_at, dst);
    Ok(())
}

/// A sequence id as messages of a protocol carry it.
pub(crate) struct IdBytes {
    bytes: [u8; json::ID_BYTES],
    width: usize,
}

impl IdBytes {
    pub(crate) fn new(protocol: Protocol, id: u32) -> Self {
        let mut bytes = [0; json::ID_BYTES];
        if let Protocol::Binary | Protocol::OldBinary = protocol
            && let Some(first) = bytes.first_chunk_mut()
        {
            *first = id.to_be_bytes();
            return Self { bytes, width: 4 };
        }
        let mut width = 0;
        let put = |byte| {
            if let Some(slot) = bytes.get_mut(width) {
                *slot = byte;
            }
            width += 1;
        };
        match protocol {
            Protocol::Json => json::put_number(id as i32, put),
            _ => put_varint(id, put),
        }
        Self { bytes, width }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.width).unwrap_or_default()
    }
}

/// Writes `frame` from `at` on.
pub(crate) fn put_rest(frame: &Bytes, at: usize, dst: &mut FrameBuf) {
    let rest = frame.get(at..).unwrap_or_default();
    if rest.len() < COPY_BELOW_BYTES {
        dst.put_slice(rest);
    } else {
        dst.put_bytes(frame.slice(at..));
    }
}

/// A client reads answers in the form of its call alone.
fn same_form(request: &Metadata, answer: Form) -> Result<(), CodecError> {
    match Slot::of(request) {
        Some(asked) if !asked.form.reads(answer) => {
            let form = asked.form;
            Err(refused(format!(
                "the call is {form}, its answer is {answer}"
            )))
        }
        _ => Ok(()),
    }
}

pub(crate) fn refused(detail: impl Into<std::borrow::Cow<'static, str>>) -> CodecError {
    CodecError::new(CodecErrorKind::Encode, detail)
}
