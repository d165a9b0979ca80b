//! Decoding: frames by their length, unframed messages by walking them.

use bytes::{Bytes, BytesMut};
use meta_core::{
    CodecError, CodecErrorKind, Decoded, Message, Metadata, SharedMetadata, take_frame,
};

use crate::{
    codec::ThriftCodec,
    detect::{Among, Detected, Family, begins_message, detect, foreign, unknown, unsupported},
    form::{Form, Protocol, Transport},
    head::{Head, Parsed},
    json, theader,
    walk::{Walked, more},
};

/// The shortest header: compact, of an empty name.
const LEAST_HEAD_BYTES: usize = 4;

impl ThriftCodec {
    pub(crate) fn decode_message(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let family = match self.family {
            Some(family) => family,
            None => match detect(src, self.limits.header_bytes)? {
                Detected::Family(family) => *self.family.insert(family),
                Detected::Need(bytes) => return Ok(Decoded::need(bytes)),
            },
        };
        let among = match self.walking {
            Some(_) => Among::Transport(Transport::Unframed),
            None => family.transport(src)?,
        };
        let decoded = match among {
            Among::Transport(Transport::Unframed) => self.unframed(src),
            Among::Transport(transport) => self.framed(src, transport),
            Among::Need(bytes) => Ok(Decoded::need(bytes)),
        }?;
        if let (Family::TtHeader, Decoded::Message(message)) = (family, &decoded) {
            self.ttheader.note_read(&message.metadata);
        }
        Ok(decoded)
    }

    fn framed(&self, src: &mut BytesMut, transport: Transport) -> Result<Decoded, CodecError> {
        let Some(&[l0, l1, l2, l3]) = src.first_chunk() else {
            return Ok(Decoded::need(4 + LEAST_HEAD_BYTES));
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let total = length.saturating_add(4);
        let limit = self.settings.limit(transport, &self.limits);
        if length < LEAST_HEAD_BYTES {
            let detail = format!("frame of {length} bytes, shorter than a header");
            return Err(CodecError::malformed(detail).at(0));
        }
        if total > limit {
            return self.too_long(src, transport, total, limit);
        }
        // What is not Thrift is told before it is waited for.
        let mut plain = None;
        match transport {
            Transport::Framed => match src.get(4..).and_then(<[u8]>::first_chunk) {
                Some(&begin) => plain = Some(self.protocol(begin, src, 4)?),
                None => return Ok(Decoded::need(total)),
            },
            Transport::Header => theader::check(src)?,
            Transport::Unframed | Transport::TtHeader { .. } => {}
        }
        if src.len() < total {
            return Ok(Decoded::need(total));
        }
        let frame = src.get(..total).unwrap_or(src);
        let parsed = match plain {
            Some(protocol) => {
                let form = Form::new(transport, protocol);
                Head::parse(frame, 4, form, self.limits.header_bytes)?
            }
            None => self.head(frame, transport)?,
        };
        let Ok(head) = parsed else {
            let detail = format!("frame of {length} bytes, shorter than its header");
            return Err(CodecError::malformed(detail).at(0));
        };
        Ok(Decoded::Message(self.take(src, &head, total)))
    }

    /// The header of the framed message at the beginning of `src`.
    fn head(&self, src: &[u8], transport: Transport) -> Result<Parsed, CodecError> {
        match transport {
            Transport::Header => self.theader(src),
            Transport::TtHeader { .. } => self.ttheader(src),
            Transport::Framed | Transport::Unframed => {
                match src.get(4..).and_then(<[u8]>::first_chunk) {
                    Some(&begin) => {
                        let form = Form::new(transport, self.protocol(begin, src, 4)?);
                        Head::parse(src, 4, form, self.limits.header_bytes)
                    }
                    None => Ok(Err(4 + LEAST_HEAD_BYTES)),
                }
            }
        }
    }

    /// Says what is wrong with a length over the limit: perhaps it is none. Of a
    /// frame, waits for the header, so that the caller can be told.
    fn too_long(
        &self,
        src: &[u8],
        transport: Transport,
        total: usize,
        limit: usize,
    ) -> Result<Decoded, CodecError> {
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
        match self.head(src, transport)? {
            Ok(head) => Err(self.answerable(error, src, &head)),
            Err(need) if need > limit => Err(error),
            Err(need) => Ok(Decoded::need(need)),
        }
    }

    fn unframed(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let limit = self.settings.limit(Transport::Unframed, &self.limits);
        if self.scanner.is_some() || (self.walking.is_none() && json::begins(src)) {
            return self.unframed_json(src, limit);
        }
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
                Ok(more(bytes, src.len()))
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
        match Head::parse(src, 0, form, self.limits.header_bytes)? {
            Err(need) if need > limit => {
                Err(CodecError::too_large("message header", need as u64, limit))
            }
            parsed => Ok(parsed),
        }
    }

    /// The protocol of the message that begins with `begin`, at `at`.
    pub(crate) fn protocol(
        &self,
        begin: [u8; 2],
        src: &[u8],
        at: usize,
    ) -> Result<Protocol, CodecError> {
        let protocol = match Protocol::of(begin) {
            // Nothing else begins like it.
            Some(Protocol::Binary) => Protocol::Binary,
            protocol => match (unsupported(begin), protocol) {
                (Some(error), _) => return Err(error.at(at)),
                (None, Some(protocol)) => protocol,
                (None, None) if at == 0 => return Err(unknown(src)),
                (None, None) => {
                    let detail = format!("frame begins with {begin:02x?}, which no protocol does");
                    return Err(CodecError::malformed(detail).at(at));
                }
            },
        };
        self.allowed(protocol, at).map(|()| protocol)
    }

    /// Whether messages may be in `protocol`; one begins at `at`.
    pub(crate) fn allowed(&self, protocol: Protocol, at: usize) -> Result<(), CodecError> {
        if self.settings.allows(protocol) {
            return Ok(());
        }
        let detail =
            format!("a {protocol} message, but the codec is configured for another protocol");
        Err(CodecError::new(CodecErrorKind::Unsupported, detail).at(at))
    }

    /// Takes the message of `total` bytes off the buffer.
    pub(crate) fn take(&self, src: &mut BytesMut, head: &Head, total: usize) -> Message {
        let mut message = Message {
            metadata: SharedMetadata::default(),
            frame: take_frame(src, total),
        };
        // Filled in where they stay: moving them costs more than reading the header.
        if let Some(metadata) = message.metadata.get_mut() {
            metadata.total_bytes = total;
            self.describe(head, &message.frame, metadata);
        }
        message
    }

    /// Adds what was readable to an error, so that whoever waits can be told.
    pub(crate) fn answerable(&self, error: CodecError, src: &[u8], head: &Head) -> CodecError {
        let end = match head.envelope.inflated {
            Some(_) => head.envelope.payload_at,
            None => head.body_at,
        };
        let Some(kept) = src.get(..end) else {
            return error;
        };
        let mut metadata = Metadata::default();
        self.describe(head, &Bytes::copy_from_slice(kept), &mut metadata);
        error.with_message(metadata)
    }
}
