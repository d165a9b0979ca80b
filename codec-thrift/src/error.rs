//! Local replies, as `TApplicationException`s.

use meta_core::{
    CodecError, CodecErrorKind, FrameBuf, LocalReply, MessageKind, Metadata, ReplyKind,
};

use crate::{
    codec::ThriftCodec,
    detect::Family,
    head::{MessageType, Slot},
    wire::MessageBuilder,
};

/// Types of `TApplicationException`.
const INTERNAL_ERROR: i32 = 6;
const PROTOCOL_ERROR: i32 = 7;

impl ThriftCodec {
    /// Answers `request` in its own transport and protocol, under its own ids and
    /// the bare name of its method.
    pub(crate) fn answer_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        if request.kind != MessageKind::Request {
            return Ok(());
        }
        let slot = Slot::of(request).ok_or_else(|| {
            let detail = "the request was not decoded by this codec";
            CodecError::new(CodecErrorKind::Encode, detail)
        })?;
        let method = request.get("method").unwrap_or_default();
        let mut answer = MessageBuilder::new(slot.form, MessageType::Exception, method)
            // The ids are their 32-bit patterns.
            .seqid(request.id.0 as u32 as i32)
            .header_id(slot.envelope_id as i32)
            .string(1, &reply.to_string())
            .int(2, exception_type(reply.kind()));
        if let Some((key, value)) = self.ttheader.farewell(slot.form.transport) {
            answer = answer.info(key, value);
        }
        dst.put_slice(&answer.build());
        if self.family == Some(Family::TtHeader) {
            self.ttheader.note_answered(dst);
        }
        Ok(())
    }
}

/// All clients raise any type. What the proxy failed to do is an internal error,
/// as in the published proxies; what the caller sent wrong is a protocol error.
fn exception_type(kind: ReplyKind) -> i32 {
    match kind {
        ReplyKind::TooLarge | ReplyKind::BadRequest => PROTOCOL_ERROR,
        _ => INTERNAL_ERROR,
    }
}
