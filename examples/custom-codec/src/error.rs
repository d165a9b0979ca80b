//! Local replies, as error frames.

use meta_core::{CodecError, FrameBuf, LocalReply, MessageKind, Metadata, ReplyKind};

use crate::{
    codec::ParcelCodec,
    head::{Kind, narrow},
    wire::Frame,
};

impl ParcelCodec {
    /// Answers `request` under its own id; who sent a one-way call waits for nothing.
    pub(crate) fn answer_error(
        &self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        if request.kind != MessageKind::Request {
            return Ok(());
        }
        let answer = Frame::new(Kind::Error, narrow(request.id)?)
            .number(code(reply.kind()))
            .body(reply.to_string());
        dst.put_slice(&answer.build());
        Ok(())
    }
}

/// The codes of the specification.
fn code(kind: ReplyKind) -> u32 {
    match kind {
        ReplyKind::BadRequest | ReplyKind::TooLarge => 1,
        ReplyKind::NoRoute | ReplyKind::UnknownCluster => 2,
        ReplyKind::Denied => 3,
        ReplyKind::RateLimited | ReplyKind::Overflow => 4,
        ReplyKind::Timeout => 5,
        ReplyKind::Internal => 7,
        // Servers that cannot be reached, that break off, or are about to stop.
        _ => 6,
    }
}
