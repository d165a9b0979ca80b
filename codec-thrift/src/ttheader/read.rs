//! Reading: the header, and the beginning of the message behind it.

use bytes::Bytes;
use meta_core::{CodecError, CodecErrorKind, Metadata, Role};

use super::{
    header::{FIXED_BYTES, Header, unsupported},
    info::{Key, Reader},
    keys::{CHECKSUM, MESSAGE_TYPE, SIGNATURE_PREFIX, TO_METHOD},
};
use crate::{
    codec::ThriftCodec,
    form::{Form, Protocol, Transport},
    head::{Envelope, Head, MessageType, Parsed, chunk},
};

/// What begins Kitex's Protobuf messages, where Thrift's have their version.
const PROTOBUF: [u8; 2] = [0x90, 0x01];

impl ThriftCodec {
    /// The header of the message at the beginning of `src`.
    pub(crate) fn ttheader(&self, src: &[u8]) -> Result<Parsed, CodecError> {
        let Some(header) = Header::read(src)? else {
            return Ok(Err(FIXED_BYTES));
        };
        let frame = src.get(..header.total).unwrap_or(src);
        let Some(area) = frame.get(..header.end) else {
            return Ok(Err(header.end));
        };
        let info_at = header.info_at(area)?;
        let mut head = match self.behind(frame, &header) {
            Ok(Ok(head)) => head,
            Ok(Err(need)) if need <= header.total => return Ok(Err(need)),
            Ok(Err(_)) => {
                let total = header.total;
                let detail = format!("frame of {total} bytes, shorter than its message's header");
                let error = CodecError::malformed(detail).at(0);
                return Err(self.unread(error, &header, area, info_at));
            }
            Err(error) => return Err(self.unread(error, &header, area, info_at)),
        };
        // Last, so that of what is wrong with it the caller can be told by name.
        let checked = self
            .check(area, info_at, &mut head.envelope)
            .and_then(|()| one_id(&head, &header));
        if header.is_mux() || self.ttheader.is_mux(self.role) {
            head.id = header.id;
        }
        match checked {
            Ok(()) => Ok(Ok(head)),
            Err(error) => Err(self.told(error, frame, &header, head)),
        }
    }

    /// The header of the message that stands behind `header`.
    fn behind(&self, frame: &[u8], header: &Header) -> Result<Parsed, CodecError> {
        let at = header.end;
        let Some(&begin) = chunk(frame, at) else {
            return Ok(Err(at + 2));
        };
        let (protocol, framed) = match within(begin) {
            Some(protocol) => (protocol, false),
            None => {
                let Some(&[l0, l1, l2, l3, b0, b1]) = chunk(frame, at) else {
                    return Ok(Err(at + 6));
                };
                let Some(protocol) = within([b0, b1]) else {
                    return Err(no_message([l0, l1, l2, l3, b0, b1], at));
                };
                // Kitex would take what is left of the frame for its next message.
                let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
                let left = header.total - at - 4;
                if length != left {
                    let detail = format!("length {length}, with {left} bytes left of the frame");
                    return Err(CodecError::malformed(detail).at(at));
                }
                (protocol, true)
            }
        };
        let payload_at = if framed { at + 4 } else { at };
        self.allowed(protocol, payload_at)?;
        let mux = header.is_mux() || self.ttheader.is_mux(self.role);
        let form = Form::new(Transport::TtHeader { framed, mux }, protocol);
        let mut parsed = Head::parse(frame, payload_at, form, self.limits.header_bytes)?;
        if let Ok(head) = &mut parsed {
            head.envelope.id = header.id;
        }
        Ok(parsed)
    }

    /// Checks the info blocks, and takes note of what there is in them.
    fn check(
        &self,
        area: &[u8],
        info_at: usize,
        envelope: &mut Envelope,
    ) -> Result<(), CodecError> {
        let limit = self.limits.header_bytes;
        let bytes = area.len() - FIXED_BYTES;
        if bytes > limit {
            return Err(CodecError::too_large("TTHeader", bytes as u64, limit).at(12));
        }
        let mut reader = Reader::new(area, info_at);
        while let Some(pair) = reader.next()? {
            envelope.pairs += 1;
            if envelope.pairs > self.limits.attributes {
                let limit = self.limits.attributes;
                let detail = format!("more than {limit} pairs in a TTHeader");
                let error = CodecError::new(CodecErrorKind::TooLarge, detail);
                return Err(error.at(pair.bytes.start));
            }
            if let Key::String(key) = pair.key {
                let key = area.get(key).unwrap_or_default();
                envelope.checksum |=
                    key == CHECKSUM.as_bytes() || key.starts_with(SIGNATURE_PREFIX);
            }
        }
        Ok(())
    }

    /// Adds to an error what the header alone tells of a message that cannot be
    /// read, so that whoever waits can be told. The frame can be skipped.
    fn unread(
        &self,
        error: CodecError,
        header: &Header,
        area: &[u8],
        info_at: usize,
    ) -> CodecError {
        let mut reader = Reader::new(area, info_at);
        let mut name = 0..0;
        let mut one_way = false;
        while let Ok(Some(pair)) = reader.next() {
            match pair.key {
                Key::Integer(TO_METHOD) => name = pair.value,
                Key::Integer(MESSAGE_TYPE) => one_way = area.get(pair.value) == Some(b"4"),
                _ => {}
            }
        }
        let transport = Transport::TtHeader {
            framed: true,
            mux: header.is_mux() || self.ttheader.is_mux(self.role),
        };
        let head = Head {
            form: Form::new(transport, Protocol::Binary),
            kind: match self.role {
                Role::Upstream => MessageType::Exception,
                Role::Downstream if one_way => MessageType::OneWay,
                Role::Downstream => MessageType::Call,
            },
            id: header.id,
            id_at: 0,
            id_width: 0,
            body_at: name.end,
            envelope: Envelope {
                payload_at: name.start,
                id: header.id,
                ..Envelope::default()
            },
            name,
        };
        self.told(error, area, header, head)
    }

    /// Adds a message's own header to an error, without the pairs. The frame can be
    /// skipped.
    fn told(&self, error: CodecError, frame: &[u8], header: &Header, head: Head) -> CodecError {
        let at = head.envelope.payload_at;
        let kept = frame.get(at..head.body_at).unwrap_or_default();
        let mut alone = head;
        alone.name = alone.name.start.saturating_sub(at)..alone.name.end.saturating_sub(at);
        alone.body_at = kept.len();
        alone.envelope.pairs = 0;
        let mut metadata = Metadata::default();
        self.describe(&alone, &Bytes::copy_from_slice(kept), &mut metadata);
        error.with_message(metadata).with_skip(header.total as u64)
    }
}

/// The protocol of a message that begins so. Old binary could not be told from the
/// length of a frame, and nobody sends it here.
fn within(begin: [u8; 2]) -> Option<Protocol> {
    Protocol::of(begin).filter(|found| matches!(found, Protocol::Binary | Protocol::Compact))
}

/// On a multiplexed connection Kitex's servers answer under the message's id, its
/// clients look for the header's. They are alike wherever it is spoken; a client
/// with two could have its answer taken for that to another's call.
fn one_id(head: &Head, header: &Header) -> Result<(), CodecError> {
    let is_call = matches!(head.kind, MessageType::Call | MessageType::OneWay);
    if !header.is_mux() || !is_call || head.id == header.id {
        return Ok(());
    }
    let detail = format!(
        "id {} in a multiplexed TTHeader, {} in the message: they must be the same",
        header.id, head.id
    );
    Err(CodecError::new(CodecErrorKind::Refused, detail).at(8))
}

fn no_message(begin: [u8; 6], at: usize) -> CodecError {
    if begin.ends_with(&PROTOBUF) {
        return unsupported("Kitex's Protobuf in a TTHeader").at(at + 4);
    }
    let detail = format!(
        "payload begins with {begin:02x?}, expected a strict binary or compact message, \
         framed or not"
    );
    CodecError::malformed(detail).at(at)
}
