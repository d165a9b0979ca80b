//! Encoding: messages to bytes.

use meta_core::{
    Change, CodecError, CodecErrorKind, EncodeContext, Encoded, FrameBuf, Message, Mutation,
};

use crate::{
    codec::ParcelCodec,
    head::{HEAD_BYTES, Head, ID_AT, narrow},
    texts::{self, Texts},
};

impl ParcelCodec {
    pub(crate) fn encode_frame(
        &self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let (frame, id) = (&message.frame, narrow(context.id)?);
        let foreign = || CodecError::new(CodecErrorKind::Encode, "not a frame of this codec");
        let head = Head::parse(frame.first_chunk().ok_or_else(foreign)?)?;
        if frame.len() != head.total {
            return Err(foreign());
        }
        if context.mutation.is_empty() {
            dst.put_slice(frame.get(..ID_AT).ok_or_else(foreign)?);
            dst.put_u32(id);
            dst.put_bytes(frame.slice(ID_AT + 4..));
            return Ok(Encoded::Whole);
        }
        let block = rewritten(&head, frame, context.mutation)?;
        let body_bytes = frame.len() - head.body_at;
        let new = Head::write(head.kind, id, head.number, block.len(), body_bytes)?;
        dst.put_slice(&new);
        dst.put_slice(&block);
        dst.put_bytes(frame.slice(head.body_at..));
        Ok(Encoded::Whole)
    }
}

/// The header block with the changes applied: what is not touched keeps its bytes
/// and its place, what is set goes to the end. A call's own names are no headers
/// and stay.
fn rewritten(head: &Head, frame: &[u8], mutation: &Mutation) -> Result<Vec<u8>, CodecError> {
    let bytes = frame.get(..head.body_at).unwrap_or_default();
    let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    let mut block = Vec::with_capacity(bytes.len() + 64);
    let mut texts = Texts::new(bytes, HEAD_BYTES);
    if head.kind.is_call() {
        texts.next_range()?;
        texts.next_range()?;
        block.extend_from_slice(part(HEAD_BYTES, texts.at()));
    }
    while !texts.is_empty() {
        let from = texts.at();
        let key = texts.next_range()?;
        texts.next_range()?;
        let key = part(key.start, key.end);
        if !mutation.iter().any(|change| change.key().as_bytes() == key) {
            block.extend_from_slice(part(from, texts.at()));
        }
    }
    for (n, change) in mutation.iter().enumerate() {
        let is_last = !mutation
            .iter()
            .skip(n + 1)
            .any(|later| later.key() == change.key());
        if let (Change::Set { key, value }, true) = (change, is_last) {
            texts::put(&mut block, key)?;
            texts::put(&mut block, value)?;
        }
    }
    Ok(block)
}
