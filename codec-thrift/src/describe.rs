//! Metadata: what is told of a message.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use meta_core::{MessageKind, Metadata, Status, Text, WireId};

use crate::{
    codec::ThriftCodec,
    form::{Protocol, Transport},
    head::{Head, MessageType, colon, varint},
    json, theader, ttheader,
};

/// A header up to this length is copied for the attributes where the message has a
/// buffer to itself: that costs less than to begin sharing it.
const COPY_HEADER_BYTES: usize = 256;
/// Otherwise messages up to this length are kept whole; of longer ones the header
/// is copied as well, so that metadata do not pin a large body.
const KEEP_WHOLE_BYTES: usize = 4096;

impl ThriftCodec {
    /// Fills in `metadata`, of the message with which `frame` begins.
    pub(crate) fn describe(&self, head: &Head, frame: &Bytes, metadata: &mut Metadata) {
        let message = head.envelope.inflated.as_ref().unwrap_or(frame);
        let of_call = matches!(head.kind, MessageType::Call | MessageType::OneWay);
        let transport = head.form.transport;
        metadata.kind = self.kind(head, message);
        metadata.id = WireId(head.id.into());
        metadata.form = head.form.into();
        // What is compressed has no part that is the body alone.
        let (header_bytes, kept_bytes) = match head.envelope.inflated {
            Some(_) => (frame.len(), head.envelope.payload_at),
            None => (head.body_at, head.body_at),
        };
        metadata.header_bytes = header_bytes;
        metadata.slot = head.into();
        metadata.status = match head.kind {
            MessageType::Exception => Status::Error,
            MessageType::Reply => {
                let body = message.get(head.body_at..).unwrap_or_default();
                reply_status(body, head.form.protocol)
            }
            MessageType::Call | MessageType::OneWay => Status::Ok,
        };
        // The name of an answer is that of its call; only calls are told by it.
        let is_told = match transport {
            Transport::Framed | Transport::Unframed => of_call,
            Transport::Header => of_call || head.envelope.pairs > 0,
            Transport::TtHeader { .. } => true,
        };
        if is_told {
            let copied = kept_bytes <= COPY_HEADER_BYTES && frame.is_unique();
            let whole = !copied && frame.len() <= KEEP_WHOLE_BYTES;
            metadata.attributes.set_head(match whole {
                true => frame.clone(),
                false => Bytes::copy_from_slice(frame.get(..kept_bytes).unwrap_or(frame)),
            });
        }
        match transport {
            // Kitex's servers close after an exception, without a word where there is
            // no header: the next call must not go the same way.
            Transport::Framed | Transport::Unframed => {
                metadata.ends_connection = head.kind == MessageType::Exception;
            }
            Transport::Header => theader::describe(head, frame, metadata),
            Transport::TtHeader { .. } => ttheader::describe(head, frame, metadata),
        }
        // Behind what the header says, so that it cannot say otherwise.
        if of_call {
            name(head, message, metadata);
        }
    }

    /// What the message is.
    fn kind(&self, head: &Head, message: &[u8]) -> MessageKind {
        let one_way = || self.settings.is_one_way(&head.name_in(message));
        match head.kind {
            MessageType::Call if one_way() => MessageKind::OneWay,
            MessageType::Call => MessageKind::Request,
            MessageType::OneWay => MessageKind::OneWay,
            MessageType::Reply | MessageType::Exception => MessageKind::Response,
        }
    }
}

/// Adds the call's name, which stands in `message`.
fn name(head: &Head, message: &[u8], metadata: &mut Metadata) {
    let name = head.name_in(message);
    // A part of the name: where it stands, or a copy of what stands nowhere.
    let text = |part: Range<usize>| match (&name, &head.envelope.inflated) {
        (Cow::Borrowed(_), None) => {
            Text::span(head.name.start + part.start..head.name.start + part.end)
        }
        _ => {
            let part = name.get(part).unwrap_or_default();
            Text::from(String::from_utf8_lossy(part).into_owned())
        }
    };
    match colon(&name) {
        None => {
            metadata.attributes.insert("method", text(0..name.len()));
            metadata.set_operation_attribute("method");
        }
        Some(colon) => {
            metadata.set_operation(text(0..name.len()));
            let attributes = &mut metadata.attributes;
            attributes.insert("method", text(colon + 1..name.len()));
            attributes.insert("service", text(0..colon));
        }
    }
}

/// Tells a result from a declared exception by the first field of the reply: its
/// id is 0, or there is none, where the call went well.
fn reply_status(body: &[u8], protocol: Protocol) -> Status {
    if protocol == Protocol::Json {
        return json::reply_status(body);
    }
    let first = match (protocol, body) {
        (_, [] | [0, ..]) => Some(0),
        (Protocol::Compact, [begin, ..]) => match begin >> 4 {
            // Zigzag leaves 0 as it is.
            0 => varint(body, 1).ok().flatten().map(|(id, _)| id),
            step => Some(step.into()),
        },
        (_, [_, i0, i1, ..]) => Some(u16::from_be_bytes([*i0, *i1]).into()),
        _ => None,
    };
    match first {
        Some(1..) => Status::BusinessException,
        Some(0) | None => Status::Ok,
    }
}
