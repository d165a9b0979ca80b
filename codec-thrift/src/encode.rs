//! Encoding: messages leave as they came, but for their id.

use bytes::Bytes;
use meta_core::{
    CodecError, CodecErrorKind, EncodeContext, Encoded, FrameBuf, Message, Metadata, Role,
};

use crate::{
    codec::ThriftCodec,
    form::{Form, Protocol},
    head::{Slot, frame_length, put_varint},
};

/// Slices shorter than this are cheaper copied than hung in.
const COPY_BELOW_BYTES: usize = 1024;

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
        match self.transport {
            Some(transport) if transport != slot.form.transport => {
                let form = slot.form;
                return Err(refused(format!(
                    "a {form} message on a {transport} connection"
                )));
            }
            None if self.role == Role::Upstream => self.transport = Some(slot.form.transport),
            _ => {}
        }
        match context.id == message.metadata.id {
            true => put_rest(&message.frame, 0, dst),
            false => with_id(message, slot, context.id.0, dst)?,
        }
        // None of these forms has room for keys and values.
        Ok(match context.mutation.is_empty() {
            true => Encoded::Whole,
            false => Encoded::WithoutMutation,
        })
    }
}

fn with_id(message: &Message, slot: Slot, id: u64, dst: &mut FrameBuf) -> Result<(), CodecError> {
    let id = u32::try_from(id).map_err(|_| refused(format!("id {id} is not a 32-bit number")))?;
    let frame = &message.frame;
    let rest_at = slot.id_at + slot.id_width;
    let before = frame.get(..slot.id_at).filter(|_| rest_at <= frame.len());
    let before = before.ok_or_else(|| refused("the frame is cut short"))?;
    if slot.form.protocol != Protocol::Compact && frame.len() < COPY_BELOW_BYTES {
        dst.put_patched(frame, slot.id_at, &id.to_be_bytes());
        return Ok(());
    }
    if slot.form.protocol != Protocol::Compact {
        dst.put_slice(before);
        dst.put_u32(id);
        put_rest(frame, rest_at, dst);
        return Ok(());
    }
    let mut varint = [0; 5];
    let mut width = 0;
    put_varint(id, |byte| {
        if let Some(slot) = varint.get_mut(width) {
            *slot = byte;
        }
        width += 1;
    });
    let head_bytes = slot.form.transport.head_bytes();
    let bytes = frame.len() - head_bytes - slot.id_width + width;
    if let Some(length) = frame_length(slot.form.transport, bytes)? {
        dst.put_u32(length);
    }
    dst.put_slice(before.get(head_bytes..).unwrap_or_default());
    dst.put_slice(varint.get(..width).unwrap_or_default());
    put_rest(frame, rest_at, dst);
    Ok(())
}

/// Writes `frame` from `at` on.
fn put_rest(frame: &Bytes, at: usize, dst: &mut FrameBuf) {
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

fn refused(detail: impl Into<std::borrow::Cow<'static, str>>) -> CodecError {
    CodecError::new(CodecErrorKind::Encode, detail)
}
