//! Decoding: messages by their length, calls up to their attachments.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use meta_core::{
    CodecError, Decoded, Event, Limits, Message, MessageKind, Metadata, Status, WireId, take_frame,
};

use crate::{
    body::Body,
    codec::DubboCodec,
    config::Settings,
    head::{
        EVENT, HEAD_BYTES, Head, MAX_EVENT_BYTES, OK, REQUEST, Serialization, Slot, TWO_WAY,
        ping_slot,
    },
    hessian::{self, Classes},
    invocation::{Invocation, Refusal},
    jsonb,
    known::{self, Found, Front},
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
        let frame = src.get(..total).unwrap_or(src);
        let kind = kind(&head, frame);
        let reading = match kind.is_call() {
            true => self.read(&head, frame)?,
            false => Reading::None,
        };
        Ok(Decoded::Message(self.take(src, &head, kind, reading)))
    }

    /// Reads a call's body.
    fn read(&mut self, head: &Head, frame: &[u8]) -> Result<Reading, CodecError> {
        let reading = match head.serialization() {
            Serialization::Hessian2 => {
                let depth = self.limits.depth;
                let names_end = known::names_end_hessian(frame);
                let body = hessian::Reader::new(frame, HEAD_BYTES, &mut self.classes, depth);
                let invocation = &mut self.invocation;
                let (limits, settings) = (&self.limits, &self.settings);
                read(body, frame, names_end, head, invocation, limits, settings)
            }
            Serialization::Fastjson2 => {
                let names_end = known::names_end_jsonb(frame);
                let body = jsonb::Reader::new(frame, HEAD_BYTES, self.limits.depth);
                let invocation = &mut self.invocation;
                let (limits, settings) = (&self.limits, &self.settings);
                read(body, frame, names_end, head, invocation, limits, settings)
            }
            Serialization::Other(_) => return Ok(Reading::None),
        };
        match reading {
            Ok(reading) => Ok(reading),
            Err(Refusal::Unreadable) => Ok(Reading::None),
            Err(Refusal::Refused(error)) => Err(answerable(error, head)),
        }
    }

    /// Takes the message off the buffer.
    fn take(
        &mut self,
        src: &mut BytesMut,
        head: &Head,
        kind: MessageKind,
        reading: Reading,
    ) -> Message {
        let total = head.total();
        let mut message = Message {
            metadata: Arc::default(),
            frame: take_frame(src, total),
        };
        let frame = &message.frame;
        // Filled in where they stay: moving them costs more than reading the header.
        let Some(metadata) = Arc::get_mut(&mut message.metadata) else {
            return message;
        };
        metadata.kind = kind;
        metadata.id = WireId(head.id);
        metadata.total_bytes = total;
        metadata.header_bytes = HEAD_BYTES;
        let mut slot = Slot::new(head.flags);
        match (kind, reading) {
            (MessageKind::Ping, _) => {
                let body = frame.get(HEAD_BYTES..).unwrap_or_default();
                metadata.slot = ping_slot(head.flags, body);
                return message;
            }
            (MessageKind::Response, _) => metadata.status = status(head, frame),
            (_, Reading::None) => {}
            (_, Reading::Known(found, attachments_at)) => {
                // The header area lies around the arguments.
                metadata.header_bytes = total;
                slot.set_attachments_at(attachments_at);
                known::fill(found, &mut slot, metadata);
            }
            (_, Reading::Walked(front)) => {
                metadata.header_bytes = total;
                slot.set_attachments_at(match self.invocation.has_objects {
                    // Their classes may be defined among the arguments.
                    true => HEAD_BYTES,
                    false => self.invocation.attachments.start,
                });
                let called = self.invocation.called(frame);
                if called.answer_attachments {
                    slot.set_answer_attachments();
                }
                metadata.timeout = called.timeout;
                metadata.binds_session = called.callback;
                metadata.attributes = called.attributes;
                metadata.set_service_operation(called.interface, called.method);
                if let Some(front) = front {
                    self.remember(front, head, frame);
                }
            }
        }
        metadata.slot = slot.into();
        message
    }

    /// Takes note of a call that was walked, so that it is known when it comes
    /// again.
    fn remember(&mut self, front: Front, head: &Head, frame: &Bytes) {
        let invocation = &mut self.invocation;
        let number = head.serialization().number();
        let names = frame
            .get(HEAD_BYTES..invocation.names.end)
            .unwrap_or_default();
        known::remember_names(front, number, names, invocation.names);
        if !invocation.is_plain() {
            return;
        }
        let attachments = invocation.attachments.clone();
        let attachments = frame.get(attachments).unwrap_or_default();
        if !known::comes_again(front, names, attachments) {
            return;
        }
        // Attributes that point into a copy outlive the message.
        let (limits, on_mismatch) = (&self.limits, self.settings.on_mismatch);
        let copied = match head.serialization() {
            Serialization::Hessian2 => {
                let at = invocation.attachments.start;
                let mut body = hessian::Reader::new(frame, at, &mut self.classes, limits.depth);
                invocation.again(&mut body, limits, on_mismatch)
            }
            _ => {
                let at = invocation.attachments.start;
                let mut body = jsonb::Reader::new(frame, at, limits.depth);
                invocation.again(&mut body, limits, on_mismatch)
            }
        };
        if copied.is_ok() {
            let called = invocation.called(frame);
            known::remember(front, number, names, attachments, called);
        }
    }
}

/// Reads a call's body, as far as it is not known.
fn read(
    mut body: impl Body,
    frame: &[u8],
    names_end: Option<usize>,
    head: &Head,
    invocation: &mut Invocation,
    limits: &Limits,
    settings: &Settings,
) -> Result<Reading, Refusal> {
    let number = head.serialization().number();
    let names = names_end.and_then(|end| frame.get(HEAD_BYTES..end));
    let (front, known_names) = match names {
        Some(names) => known::names(number, names),
        None => (None, None),
    };
    invocation.front(&mut body, known_names)?;
    let at = body.at();
    if let (Some(front), Some(names), false) = (front, names, known_names.is_none()) {
        let attachments = frame.get(at..).unwrap_or_default();
        let found = known::find(front, number, names, attachments, limits);
        if let Some(found) = found {
            return Ok(Reading::Known(found, at));
        }
    }
    invocation.attachments(&mut body, limits, settings.on_mismatch, false)?;
    Ok(Reading::Walked(front))
}

/// What was made of a call's body.
enum Reading {
    /// It cannot be read.
    None,
    /// It is as one that came before, and its attachments begin there.
    Known(Found, usize),
    /// It stands in the codec's invocation.
    Walked(Option<Front>),
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
