//! Unframed JSON messages: they end with their outermost bracket.

use bytes::BytesMut;
use meta_core::{CodecError, Decoded};

use super::{
    fits, is_space,
    scan::{Scanned, Scanner},
};
use crate::{
    codec::ThriftCodec,
    form::{Form, Protocol, Transport},
    head::Head,
    walk::{more, too_large},
};

/// Whether the message with which `src` begins can only be JSON. Whitespace may
/// stand before it: as the length of a name it would be one of 144 MiB.
pub(crate) fn begins(src: &[u8]) -> bool {
    src.first()
        .is_some_and(|byte| *byte == b'[' || is_space(*byte))
}

impl ThriftCodec {
    /// Scans on in the message at the beginning of `src`.
    pub(crate) fn unframed_json(
        &mut self,
        src: &mut BytesMut,
        limit: usize,
    ) -> Result<Decoded, CodecError> {
        let mut scanner = match self.scanner.take() {
            Some(scanner) => scanner,
            None => match src.first_chunk() {
                Some([b'[', second]) => {
                    self.protocol([b'[', *second], src, 0)?;
                    Scanner::default()
                }
                Some(_) => {
                    self.allowed(Protocol::Json, 0)?;
                    Scanner::default()
                }
                None => return Ok(Decoded::need(2)),
            },
        };
        loop {
            let seen = src.get(..limit).unwrap_or(src);
            let error = match scanner.scan(seen, self.limits.depth) {
                Ok(Scanned::Head) => {
                    let form = Form::new(Transport::Unframed, Protocol::Json);
                    match Head::parse(src, 0, form, self.limits.header_bytes)? {
                        Ok(head) => self.walking = Some(head),
                        Err(_) => return Err(CodecError::malformed("header without an end")),
                    }
                    continue;
                }
                Ok(Scanned::End(end)) => match self.walking.take() {
                    Some(head) => return Ok(Decoded::Message(self.take(src, &head, end))),
                    None => return Err(CodecError::malformed("message without a header")),
                },
                Ok(Scanned::Need(need)) if need <= limit => {
                    if self.walking.is_none() {
                        fits(src.len(), self.limits.header_bytes)?;
                    }
                    self.scanner = Some(scanner);
                    return Ok(more(need, src.len()));
                }
                Ok(Scanned::Need(need)) => too_large(need, limit),
                Err(error) => error,
            };
            return Err(match self.walking.take() {
                Some(head) => self.answerable(error, src, &head),
                None => error,
            });
        }
    }
}
