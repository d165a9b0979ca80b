//! Decoding: frames by their length, unframed messages by walking them.

use bytes::{Bytes, BytesMut};
use meta_core::{
    Attributes, CodecError, CodecErrorKind, Decoded, Message, MessageKind, Metadata,
    SharedMetadata, Status, Text, WireId, take_frame,
};

use crate::{
    codec::ThriftCodec,
    form::{Detected, Form, Protocol, Transport, detect, foreign, unknown, unsupported},
    head::{Head, MessageType, Parsed, colon, varint},
    walk::Walked,
};

/// Messages up to this length are kept whole for their attributes; of longer
/// ones the header is copied, so that metadata do not pin a large body.
const KEEP_WHOLE_BYTES: usize = 4096;

/// The shortest header: compact, of an empty name.
const LEAST_HEAD_BYTES: usize = 4;

impl ThriftCodec {
    pub(crate) fn decode_message(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => match detect(src, self.limits.header_bytes)? {
                Detected::Transport(transport) => *self.transport.insert(transport),
                Detected::Need(bytes) => return Ok(Decoded::need(bytes)),
            },
        };
        match transport {
            Transport::Framed => self.framed(src),
            Transport::Unframed => self.unframed(src),
        }
    }

    fn framed(&self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let Some(&[l0, l1, l2, l3]) = src.first_chunk() else {
            return Ok(Decoded::need(4 + LEAST_HEAD_BYTES));
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let total = length.saturating_add(4);
        let limit = self.settings.limit(Transport::Framed, &self.limits);
        if length < LEAST_HEAD_BYTES {
            let detail = format!("frame of {length} bytes, shorter than a header");
            return Err(CodecError::malformed(detail).at(0));
        }
        if total > limit {
            return self.too_long(src, total, limit);
        }
        let Some(&begin) = src.get(4..).and_then(<[u8]>::first_chunk) else {
            return Ok(Decoded::need(total));
        };
        let protocol = self.protocol(begin, src, 4)?;
        if src.len() < total {
            return Ok(Decoded::need(total));
        }
        let form = Form::new(Transport::Framed, protocol);
        let frame = src.get(..total).unwrap_or(src);
        let Ok(head) = Head::parse(frame, form, self.limits.header_bytes)? else {
            let detail = format!("frame of {length} bytes, shorter than its header");
            return Err(CodecError::malformed(detail).at(0));
        };
        Ok(Decoded::Message(self.take(src, &head, total)))
    }

    /// Says what is wrong with a length over the limit: perhaps it is none. Of a
    /// frame, waits for the header, so that the caller can be told.
    fn too_long(&self, src: &[u8], total: usize, limit: usize) -> Result<Decoded, CodecError> {
        if let Some(error) = foreign(src) {
            return Err(error);
        }
        if src
            .first_chunk()
            .is_some_and(|begin| begins_message(*begin))
        {
            let detail = "an unframed message on a connection that is framed";
            return Err(CodecError::malformed(detail).at(0));
        }
        if total > i32::MAX as usize + 4 {
            return Err(unknown(src));
        }
        let error = CodecError::too_large("frame", total as u64, limit).at(0);
        let error = error.with_skip(total as u64);
        let parsed = match src.get(4..).and_then(<[u8]>::first_chunk) {
            Some(begin) => {
                let form = Form::new(Transport::Framed, self.protocol(*begin, src, 4)?);
                Head::parse(src, form, self.limits.header_bytes)?
            }
            None => Err(4 + LEAST_HEAD_BYTES),
        };
        match parsed {
            Ok(head) => Err(self.answerable(error, src, &head)),
            Err(need) if need > limit => Err(error),
            Err(need) => Ok(Decoded::need(need)),
        }
    }

    fn unframed(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let limit = self.settings.limit(Transport::Unframed, &self.limits);
        let (head, begins) = match self.walking.take() {
            Some(head) => (head, false),
            None => match self.begin(src, limit)? {
                Ok(head) => (head, true),
                Err(bytes) => return Ok(Decoded::need(bytes)),
            },
        };
        let walker = self.walker.get_or_insert_default();
        if begins {
            walker.start(head.form.protocol, head.body_at);
        }
        match walker.walk(src, limit, self.limits.depth) {
            Ok(Walked::End(end)) => Ok(Decoded::Message(self.take(src, &head, end))),
            Ok(Walked::Need(bytes)) => {
                self.walking = Some(head);
                Ok(Decoded::need(bytes))
            }
            Err(error) => Err(self.answerable(error, src, &head)),
        }
    }

    /// The header of the unframed message at the beginning of `src`.
    fn begin(&self, src: &[u8], limit: usize) -> Result<Parsed, CodecError> {
        let Some(&begin) = src.first_chunk() else {
            return Ok(Err(2));
        };
        let protocol = self.protocol(begin, src, 0)?;
        if protocol == Protocol::OldBinary {
            let behind = src.get(4..).and_then(<[u8]>::first_chunk);
            if behind.is_some_and(|behind| begins_message(*behind)) {
                let detail = "a frame on a connection that is unframed";
                return Err(CodecError::malformed(detail).at(0));
            }
            if let Some(error) = foreign(src) {
                return Err(error);
            }
        }
        let form = Form::new(Transport::Unframed, protocol);
        match Head::parse(src, form, self.limits.header_bytes)? {
            Err(need) if need > limit => {
                Err(CodecError::too_large("message header", need as u64, limit))
            }
            parsed => Ok(parsed),
        }
    }

    /// The protocol of the message that begins with `begin`, at `at`.
    fn protocol(&self, begin: [u8; 2], src: &[u8], at: usize) -> Result<Protocol, CodecError> {
        let protocol = match (unsupported(begin), Protocol::of(begin)) {
            (Some(error), _) => return Err(error.at(at)),
            (None, Some(protocol)) => protocol,
            (None, None) if at == 0 => return Err(unknown(src)),
            (None, None) => {
                let detail = format!("frame begins with {begin:02x?}, which no protocol does");
                return Err(CodecError::malformed(detail).at(at));
            }
        };
        if self.settings.allows(protocol) {
            return Ok(protocol);
        }
        let detail =
            format!("a {protocol} message, but the codec is configured for another protocol");
        Err(CodecError::new(CodecErrorKind::Unsupported, detail).at(at))
    }

    /// Takes the message of `total` bytes off the buffer.
    fn take(&self, src: &mut BytesMut, head: &Head, total: usize) -> Message {
        let mut message = Message {
            metadata: SharedMetadata::default(),
            frame: take_frame(src, total),
        };
        let frame = &message.frame;
        // Filled in where they stay: moving them costs more than reading the header.
        let Some(metadata) = message.metadata.get_mut() else {
            return message;
        };
        metadata.kind = self.kind(head, frame);
        metadata.id = WireId(head.id.into());
        metadata.form = head.form.into();
        metadata.header_bytes = head.body_at;
        metadata.total_bytes = total;
        metadata.slot = head.into();
        match head.kind {
            MessageType::Exception => metadata.status = Status::Error,
            MessageType::Reply => {
                let body = frame.get(head.body_at..).unwrap_or_default();
                metadata.status = reply_status(body, head.form.protocol);
            }
            // The name of an answer is that of its call; only calls are told by it.
            MessageType::Call | MessageType::OneWay => {
                let kept = match total <= KEEP_WHOLE_BYTES {
                    true => frame.clone(),
                    false => Bytes::copy_from_slice(frame.get(..head.body_at).unwrap_or(frame)),
                };
                name(head, kept, metadata);
            }
        }
        message
    }

    /// What the message is; its name is found in `kept`.
    fn kind(&self, head: &Head, kept: &[u8]) -> MessageKind {
        let name = kept.get(head.name.clone()).unwrap_or_default();
        match head.kind {
            MessageType::Call if self.settings.is_one_way(name) => MessageKind::OneWay,
            MessageType::Call => MessageKind::Request,
            MessageType::OneWay => MessageKind::OneWay,
            MessageType::Reply | MessageType::Exception => MessageKind::Response,
        }
    }

    /// Adds what was readable to an error, so that whoever waits can be told.
    fn answerable(&self, error: CodecError, src: &[u8], head: &Head) -> CodecError {
        let Some(kept) = src.get(..head.body_at) else {
            return error;
        };
        let mut metadata = Metadata::new(self.kind(head, kept), WireId(head.id.into()));
        metadata.form = head.form.into();
        metadata.header_bytes = head.body_at;
        metadata.slot = head.into();
        name(head, Bytes::copy_from_slice(kept), &mut metadata);
        error.with_message(metadata)
    }
}

/// Adds the name in `head`, with which `kept` begins, to the metadata.
fn name(head: &Head, kept: Bytes, metadata: &mut Metadata) {
    let name = head.name.clone();
    let colon = colon(kept.get(name.clone()).unwrap_or_default());
    metadata.attributes = Attributes::with_head(kept);
    match colon.map(|colon| name.start + colon) {
        None => {
            metadata.attributes.insert("method", Text::span(name));
            metadata.set_operation_attribute("method");
        }
        Some(colon) => {
            metadata.set_operation(Text::span(name.clone()));
            let attributes = &mut metadata.attributes;
            attributes.insert("method", Text::span(colon + 1..name.end));
            attributes.insert("service", Text::span(name.start..colon));
        }
    }
}

/// Whether these bytes begin a message and cannot be a length.
fn begins_message(begin: [u8; 2]) -> bool {
    matches!(
        Protocol::of(begin),
        Some(Protocol::Binary | Protocol::Compact)
    )
}

/// Tells a result from a declared exception by the first field of the reply: its
/// id is 0, or there is none, where the call went well.
fn reply_status(body: &[u8], protocol: Protocol) -> Status {
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
