//! Reading: the header area, and the message's own header behind it.

use bytes::Bytes;
use meta_core::{CodecError, Metadata, Role};

use super::{
    area::{Area, FIXED_BYTES, Fixed},
    zlib::{self, Inflater},
};
use crate::{
    codec::ThriftCodec,
    form::{Form, Protocol, Transport},
    head::{Envelope, Head, MessageType, Parsed},
};

/// A field's type and number, at their longest.
const FIELD_BYTES: usize = 4;

/// What of a compressed message over the limit is looked at for its header, all of it
/// again with each byte that comes.
const TOO_LONG_BYTES: usize = 4 << 10;

/// Most headers are shorter.
const FIRST_INFLATED_BYTES: usize = 256;

impl ThriftCodec {
    /// The header of the message at the beginning of `src`.
    pub(crate) fn theader(&self, src: &[u8]) -> Result<Parsed, CodecError> {
        let Some(fixed) = Fixed::read(src)? else {
            return Ok(Err(FIXED_BYTES));
        };
        let Some(before) = src.get(..fixed.payload_at) else {
            return Ok(Err(fixed.payload_at));
        };
        let frame = Frame {
            codec: self,
            bytes: src.get(..fixed.total).unwrap_or(src),
            fixed,
        };
        let area = Area::read(before).map_err(|error| frame.unread(error, Protocol::Binary))?;
        let parsed = match area.is_compressed {
            false => frame.plain(area.protocol),
            true => frame.compressed(area.protocol),
        };
        let mut head = match parsed.map_err(|error| frame.unread(error, area.protocol))? {
            Ok(head) => head,
            Err(need) => return Ok(Err(need)),
        };
        head.envelope.payload_at = fixed.payload_at;
        head.envelope.id = fixed.id;
        // Last, so that of what is wrong with them the caller can be told by name.
        match area.count_pairs(&self.limits) {
            Ok(pairs) => head.envelope.pairs = pairs,
            Err(error) => return Err(frame.untold(error, head)),
        }
        Ok(Ok(head))
    }
}

/// A frame whose header area is there.
struct Frame<'a> {
    codec: &'a ThriftCodec,
    bytes: &'a [u8],
    fixed: Fixed,
}

impl Frame<'_> {
    /// The header of a message that stands in the payload as it is.
    fn plain(&self, protocol: Protocol) -> Result<Parsed, CodecError> {
        let at = self.fixed.payload_at;
        let Some(&begin) = self.bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            return Ok(Err(at + 2));
        };
        let form = self.form(begin, protocol, at)?;
        Head::parse(self.bytes, at, form, self.codec.limits.header_bytes)
    }

    /// The header of a compressed message; no more is inflated than it takes, and
    /// the first field, by which a reply tells its status.
    fn compressed(&self, protocol: Protocol) -> Result<Parsed, CodecError> {
        let payload_at = self.fixed.payload_at;
        let limit = self.codec.limits.header_bytes;
        let payload = self.bytes.get(payload_at..).unwrap_or_default();
        let is_whole = self.bytes.len() >= self.fixed.total;
        // What is behind these would be of no use for a header within its limit.
        let most = match is_whole {
            true => limit.saturating_add(limit / 2),
            false => TOO_LONG_BYTES,
        };
        let begin = payload.get(..most).unwrap_or(payload);
        let is_part = begin.len() < payload.len();
        let inside = |error: CodecError| {
            let detail = format!("in the inflated message: {error}");
            CodecError::new(error.kind(), detail).at(payload_at)
        };
        let mut inflater = Inflater::new(begin);
        let mut need = FIRST_INFLATED_BYTES;
        loop {
            let is_short = !inflater.fill(need).map_err(|error| error.at(payload_at))?;
            let inflated = inflater.inflated();
            let parsed = match inflated.first_chunk() {
                None => Err(2),
                Some(&begin) => {
                    let form = self.form(begin, protocol, payload_at)?;
                    Head::parse(inflated, 0, form, limit).map_err(inside)?
                }
            };
            let needed = match &parsed {
                Ok(head) => head.body_at + FIELD_BYTES,
                Err(need) => *need,
            };
            // A message may be over before its first field would be.
            let is_enough = match is_short {
                true => inflater.is_at_end() || !is_whole,
                false => inflated.len() >= needed,
            };
            match parsed {
                Ok(mut head) if is_enough => {
                    head.envelope.inflated = Some(inflater.take().into());
                    return Ok(Ok(head));
                }
                _ if !is_short => need = needed,
                _ if inflater.is_at_end() => {
                    let bytes = inflated.len();
                    let detail = format!("message of {bytes} bytes, shorter than its header");
                    return Err(inside(CodecError::malformed(detail)));
                }
                _ if is_part => {
                    let bytes = begin.len();
                    let detail = format!("the first {bytes} compressed bytes hold no header");
                    return Err(CodecError::malformed(detail).at(payload_at));
                }
                _ if is_whole => return Err(zlib::cut_short().at(payload_at)),
                _ => return Ok(Err(self.bytes.len() + 1)),
            }
        }
    }

    /// The form of a message that begins with `begin`.
    fn form(&self, begin: [u8; 2], said: Protocol, at: usize) -> Result<Form, CodecError> {
        let protocol = match (said, Protocol::of(begin)) {
            (Protocol::Compact, Some(found @ Protocol::Compact)) => found,
            (Protocol::Binary, Some(found @ (Protocol::Binary | Protocol::OldBinary))) => found,
            _ => {
                let detail = format!(
                    "payload begins with {begin:02x?}, but the header says that it is {said}"
                );
                return Err(CodecError::malformed(detail).at(at));
            }
        };
        self.codec.allowed(protocol, at)?;
        Ok(Form::new(Transport::Header, protocol))
    }

    /// Adds the header's own id to an error, so that whoever waits under it can be
    /// told, though the message cannot be read. The frame can be skipped.
    fn unread(&self, error: CodecError, protocol: Protocol) -> CodecError {
        let head = Head {
            form: Form::new(Transport::Header, protocol),
            kind: match self.codec.role {
                Role::Downstream => MessageType::Call,
                Role::Upstream => MessageType::Exception,
            },
            id: self.fixed.id,
            id_at: 0,
            id_width: 0,
            name: 0..0,
            body_at: 0,
            envelope: Envelope {
                id: self.fixed.id,
                ..Envelope::default()
            },
        };
        self.told(error, &head)
    }

    /// Adds a message's header to an error, without its info headers. The frame can
    /// be skipped.
    fn untold(&self, error: CodecError, mut head: Head) -> CodecError {
        if head.envelope.inflated.is_none() {
            // Alone, as an inflated one is.
            let at = self.fixed.payload_at;
            let message = self.bytes.get(at..head.body_at).unwrap_or_default();
            head.name = head.name.start.saturating_sub(at)..head.name.end.saturating_sub(at);
            head.body_at = message.len();
            head.envelope.inflated = Some(Bytes::copy_from_slice(message));
        }
        self.told(error, &head)
    }

    fn told(&self, error: CodecError, head: &Head) -> CodecError {
        let mut metadata = Metadata::default();
        self.codec.describe(head, &Bytes::new(), &mut metadata);
        error
            .with_message(metadata)
            .with_skip(self.fixed.total as u64)
    }
}
