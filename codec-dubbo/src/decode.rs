//! Decoding: messages by their length, calls up to their attachments.

use bytes::BytesMut;
use meta_core::{
    Attributes, CodecError, Decoded, Event, Message, MessageKind, Metadata, Role, SharedMetadata,
    Status, WireId, take_frame,
};

use crate::{
    body::Body,
    codec::DubboCodec,
    head::{
        EVENT, HEAD_BYTES, Head, MAX_EVENT_BYTES, OK, REQUEST, Serialization, Slot, TWO_WAY,
        ping_slot,
    },
    hessian::{self, Classes},
    invocation::{Invocation, Refusal},
    jsonb,
};

impl DubboCodec {
    pub(crate) fn decode_message(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let Some(head) = Head::parse(src)? else {
            return Ok(Decoded::need(HEAD_BYTES));
        };
        let total = head.total();
        let limit = self.settings.body_limit(&self.limits);
        if head.body_bytes > limit {
            let error = CodecError::too_large("body", head.body_bytes as u64, limit).at(12);
            return Err(answerable(error, &head));
        }
        if head.has(EVENT) {
            if head.body_bytes > MAX_EVENT_BYTES {
                let found = head.body_bytes;
                let detail = format!("event of {found} bytes, expected {MAX_EVENT_BYTES} at most");
                return Err(CodecError::malformed(detail).at(12).with_skip(total as u64));
            }
        } else if head.body_bytes == 0 {
            return Err(answerable(
                CodecError::malformed("empty body").at(12),
                &head,
            ));
        }
        if src.len() < total {
            return Ok(Decoded::need(total));
        }
        let mut metadata = SharedMetadata::default();
        // Filled in where they stay: moving them costs more than reading the header.
        let Some(filled) = metadata.get_mut() else {
            return Err(CodecError::malformed("new metadata that others hold"));
        };
        let frame = src.get(..total).unwrap_or(src);
        let kind = kind(&head, frame);
        filled.kind = kind;
        filled.id = WireId(head.id);
        filled.total_bytes = total;
        filled.header_bytes = HEAD_BYTES;
        filled.slot = Slot::new(head.flags).into();
        let mut invocation = Invocation::default();
        let mut is_read = false;
        match kind {
            // What servers ask their clients is not routed.
            MessageKind::Request | MessageKind::OneWay if self.role == Role::Downstream => {
                is_read = self.read(&head, frame, &mut invocation, &mut filled.attributes)?;
            }
            MessageKind::Response => filled.status = status(&head, frame),
            MessageKind::Ping => {
                let body = frame.get(HEAD_BYTES..).unwrap_or_default();
                filled.slot = ping_slot(head.flags, body);
            }
            _ => {}
        }
        let frame = take_frame(src, total);
        if is_read {
            invocation.fill(Slot::new(head.flags), &frame, filled);
        }
        Ok(Decoded::Message(Message { metadata, frame }))
    }

    /// Reads a call's body; `false` where that cannot be done.
    fn read(
        &mut self,
        head: &Head,
        frame: &[u8],
        invocation: &mut Invocation,
        attributes: &mut Attributes,
    ) -> Result<bool, CodecError> {
        let limits = &self.limits;
        let on_mismatch = self.settings.on_mismatch;
        let read = match head.serialization() {
            Serialization::Hessian2 => {
                let body = hessian::Reader::new(frame, HEAD_BYTES, &mut self.classes, limits.depth);
                invocation.read(body, limits, on_mismatch, attributes)
            }
            Serialization::Fastjson2 => {
                let body = jsonb::Reader::new(frame, HEAD_BYTES, limits.depth);
                invocation.read(body, limits, on_mismatch, attributes)
            }
            Serialization::Other(_) => return Ok(false),
        };
        match read {
            Ok(()) => Ok(true),
            Err(Refusal::Unreadable) => {
                *attributes = Attributes::new();
                Ok(false)
            }
            Err(Refusal::Refused(error)) => Err(answerable(error, head)),
        }
    }
}

/// What a message is.
fn kind(head: &Head, frame: &[u8]) -> MessageKind {
    let body = frame.get(HEAD_BYTES..).unwrap_or_default();
    match (head.has(EVENT), head.has(REQUEST), head.has(TWO_WAY)) {
        (false, true, true) => MessageKind::Request,
        (false, true, false) => MessageKind::OneWay,
        (false, false, _) => MessageKind::Response,
        (true, false, _) => MessageKind::Pong,
        (true, true, two_way) => event(head.serialization(), body, two_way),
    }
}

fn event(serialization: Serialization, body: &[u8], two_way: bool) -> MessageKind {
    let body = match serialization {
        Serialization::Fastjson2 => body.get(4..).unwrap_or_default(),
        _ => body,
    };
    match (serialization, body) {
        (Serialization::Hessian2, b"\x01R") | (Serialization::Fastjson2, b"\x4aR") => {
            MessageKind::Event(Event::Drain)
        }
        (Serialization::Hessian2, b"\x01W") | (Serialization::Fastjson2, b"\x4aW") => {
            MessageKind::Event(Event::Resume)
        }
        (Serialization::Hessian2, b"N" | b"") if two_way => MessageKind::Ping,
        (Serialization::Fastjson2, b"\xaf" | b"") if two_way => MessageKind::Ping,
        // Heartbeats are the only events that want an answer.
        (Serialization::Other(_), _) if two_way => MessageKind::Ping,
        _ => MessageKind::Event(Event::Other),
    }
}

/// How a call ended, by the header and the body's first bytes.
fn status(head: &Head, frame: &[u8]) -> Status {
    if head.status != OK {
        return Status::Error;
    }
    let mut classes = Classes::default();
    let kind = match head.serialization() {
        Serialization::Hessian2 => hessian::Reader::new(frame, HEAD_BYTES, &mut classes, 0).kind(),
        Serialization::Fastjson2 => jsonb::Reader::new(frame, HEAD_BYTES, 0).kind(),
        Serialization::Other(_) => return Status::Ok,
    };
    match kind {
        Ok(0 | 3) => Status::BusinessException,
        _ => Status::Ok,
    }
}

/// Adds what a message over a limit is about, so that whoever waits for it can
/// be told, and how to go on behind it.
#[cold]
fn answerable(error: CodecError, head: &Head) -> CodecError {
    let total = head.total();
    let error = error.with_skip(total as u64);
    if head.has(EVENT) {
        return error;
    }
    let mut metadata = Metadata::new(kind(head, &[]), WireId(head.id));
    metadata.header_bytes = HEAD_BYTES;
    metadata.total_bytes = total;
    metadata.slot = Slot::new(head.flags).into();
    error.with_message(metadata)
}
