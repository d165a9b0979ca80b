//! Local replies, as `TApplicationException`s.

use meta_core::{
    CodecError, CodecErrorKind, FrameBuf, LocalReply, MessageKind, Metadata, ReplyKind,
};

use crate::{
    head::{MessageType, Slot},
    wire::MessageBuilder,
};

/// Types of `TApplicationException`.
const INTERNAL_ERROR: i32 = 6;
const PROTOCOL_ERROR: i32 = 7;

/// Answers `request` in its own transport and protocol, under its own id and the
/// bare name of its method.
pub(crate) fn on_error(
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
    let bytes = MessageBuilder::new(slot.form, MessageType::Exception, method)
        // The id is its 32-bit pattern.
        .seqid(request.id.0 as u32 as i32)
        .string(1, &reply.to_string())
        .int(2, exception_type(reply.kind()))
        .build();
    dst.put_slice(&bytes);
    Ok(())
}

/// All clients raise any type. What the proxy failed to do is an internal error,
/// as in the published proxies; what the caller sent wrong is a protocol error.
fn exception_type(kind: ReplyKind) -> i32 {
    match kind {
        ReplyKind::TooLarge | ReplyKind::BadRequest => PROTOCOL_ERROR,
        _ => INTERNAL_ERROR,
    }
}
