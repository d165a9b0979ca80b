//! Decoding: bytes to messages.

use std::{ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};
use meta_core::{
    Attributes, CodecError, CodecErrorKind, Decoded, Message, Metadata, Status, Text, take_frame,
};

use crate::{
    codec::ParcelCodec,
    head::{HEAD_BYTES, Head, Kind},
    texts::Texts,
};

/// Up to this length a frame is kept whole for the sake of its attributes; of a
/// longer one the header block is copied, so that an access log does not pin its
/// body.
const KEEP_WHOLE_BYTES: usize = 4096;

/// Codes from here on are the service's own.
const FIRST_SERVICE_CODE: u32 = 1000;

impl ParcelCodec {
    pub(crate) fn decode_frame(&self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let Some(bytes) = src.first_chunk() else {
            return Ok(Decoded::need(HEAD_BYTES));
        };
        let head = Head::parse(bytes)?;
        self.check_size(&head)?;
        if src.len() < head.total {
            return Ok(Decoded::need(head.total));
        }
        let texts = self.texts(&head, src)?;

        // From here on nothing fails: the frame may leave the buffer.
        let frame = take_frame(src, head.total);
        let kept = match frame.len() {
            ..=KEEP_WHOLE_BYTES => frame.clone(),
            _ => Bytes::copy_from_slice(frame.get(..head.body_at).unwrap_or_default()),
        };
        Ok(Decoded::Message(Message::new(
            describe(&head, kept, &texts),
            frame,
        )))
    }

    /// Refuses what is over a limit from its head alone. The error says whose
    /// message it is and how long, so that the caller is told and the connection
    /// goes on behind it.
    fn check_size(&self, head: &Head) -> Result<(), CodecError> {
        let (block, limits) = (head.body_at - HEAD_BYTES, &self.limits);
        let error = if head.total > limits.message_bytes {
            CodecError::too_large("frame", head.total as u64, limits.message_bytes).at(0)
        } else if block > limits.header_bytes {
            CodecError::too_large("header block", block as u64, limits.header_bytes).at(6)
        } else {
            return Ok(());
        };
        Err(error
            .with_message(head.metadata())
            .with_skip(head.total as u64))
    }

    /// Where the texts of the header block stand.
    fn texts(&self, head: &Head, frame: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        let mut texts = Texts::new(frame.get(..head.body_at).unwrap_or_default(), HEAD_BYTES);
        let mut ranges = Vec::new();
        while !texts.is_empty() {
            if ranges.len() / 2 > self.limits.attributes {
                let detail = format!("more than {} headers", self.limits.attributes);
                let error = CodecError::new(CodecErrorKind::TooLarge, detail);
                let error = error.at(texts.at()).with_message(head.metadata());
                return Err(error.with_skip(head.total as u64));
            }
            ranges.push(texts.next_range()?);
        }
        let names = if head.kind.is_call() { 2 } else { 0 };
        if ranges.len() < names || ranges.len() % 2 != 0 {
            let detail = match ranges.len() < names {
                true => "a call without a service and a method",
                false => "a header without a value",
            };
            return Err(CodecError::malformed(detail).at(head.body_at));
        }
        Ok(ranges)
    }
}

/// What the proxy is told of the frame.
fn describe(head: &Head, kept: Bytes, texts: &[Range<usize>]) -> Metadata {
    let mut metadata = head.metadata();
    let (names, headers) = match texts {
        [service, method, headers @ ..] if head.kind.is_call() => {
            (Some((service.clone(), method.clone())), headers)
        }
        headers => (None, headers),
    };
    let mut attributes = Attributes::with_head(kept);
    attributes.reserve(texts.len() / 2 + 1);
    for pair in headers.chunks_exact(2) {
        if let [key, value] = pair {
            attributes.insert(Text::span(key.clone()), Text::span(value.clone()));
        }
    }
    // Behind the headers: of one name the last counts, and a header called `method`
    // must not route a call that servers dispatch by another.
    if let Some((service, method)) = &names {
        attributes.insert("service", Text::span(service.clone()));
        attributes.insert("method", Text::span(method.clone()));
    }
    metadata.attributes = attributes;
    if let Some((service, method)) = names {
        metadata.set_service_operation(Text::span(service), Text::span(method));
        let timeout = Duration::from_millis(head.number.into());
        metadata.timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    }
    metadata.status = match head.kind {
        Kind::Error if head.number >= FIRST_SERVICE_CODE => Status::BusinessException,
        Kind::Error => Status::Error,
        _ => Status::Ok,
    };
    metadata
}
