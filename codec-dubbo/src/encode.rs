//! Encoding: messages leave as they came, but for their id and what is to change
//! in their attachments.

use std::ops::Range;

use bytes::Bytes;
use meta_core::{
    CodecError, CodecErrorKind, EncodeContext, Encoded, FrameBuf, Message, MessageKind,
};

use crate::{
    attachments::{Before, rewrite},
    body::{Body, Stop},
    codec::DubboCodec,
    head::{HEAD_BYTES, Head, OK, Serialization, Slot},
    hessian,
    invocation::Front,
    jsonb,
};

/// Slices shorter than this are cheaper copied than hung in.
const COPY_BELOW_BYTES: usize = 1024;

/// Room for attachments that is kept for the next message.
const KEEP_SCRATCH_BYTES: usize = 16 << 10;

impl DubboCodec {
    pub(crate) fn encode_message(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let slot = Slot::of(&message.metadata)
            .ok_or_else(|| refused("the message was not decoded by this codec"))?;
        let head = Head::parse(&message.frame)?.filter(|head| head.total() == message.frame.len());
        let mut head = head.ok_or_else(|| refused("the frame is cut short"))?;
        head.id = context.id.0;
        if context.mutation.is_empty() {
            put_whole(&head, &message.frame, dst);
            return Ok(Encoded::Whole);
        }
        let changed = self.changed(message, slot, &head, context);
        let encoded = match changed {
            Some(changed) => self.put_changed(head, &message.frame, changed, dst),
            None => {
                put_whole(&head, &message.frame, dst);
                Ok(Encoded::WithoutMutation)
            }
        };
        if self.scratch.capacity() > KEEP_SCRATCH_BYTES {
            self.scratch = Vec::new();
        }
        encoded
    }

    /// Writes the attachments, as they will be, to `scratch`. `None` where that
    /// cannot be done.
    fn changed(
        &mut self,
        message: &Message,
        slot: Slot,
        head: &Head,
        context: &EncodeContext<'_>,
    ) -> Option<Changed> {
        let answer_attachments = context
            .request
            .and_then(Slot::of)
            .is_some_and(Slot::answer_attachments);
        let change = Change {
            what: match message.metadata.kind {
                MessageKind::Request | MessageKind::OneWay => What::Call(slot.attachments_at()?),
                MessageKind::Response if head.status == OK => What::Answer(answer_attachments),
                _ => return None,
            },
            form: head.serialization(),
            context,
            out: &mut self.scratch,
        };
        let frame = &message.frame[..];
        let changed = match head.serialization() {
            Serialization::Hessian2 => {
                let depth = self.limits.depth;
                let at = change.start();
                change.apply(hessian::Reader::new(frame, at, &mut self.classes, depth))
            }
            Serialization::Fastjson2 => {
                let at = change.start();
                change.apply(jsonb::Reader::new(frame, at, self.limits.depth))
            }
            Serialization::Other(_) => return None,
        };
        changed.ok().flatten()
    }

    fn put_changed(
        &self,
        mut head: Head,
        frame: &Bytes,
        changed: Changed,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let Changed {
            kind,
            before,
            behind,
        } = changed;
        let kind = kind.as_deref().unwrap_or_default();
        let rest = frame.len().saturating_sub(behind);
        let limit = self.settings.body_limit(&self.limits);
        head.body_bytes = kind.len() + before.len() + self.scratch.len() + rest;
        if head.body_bytes > limit {
            let found = head.body_bytes as u64;
            return Err(CodecError::too_large(
                "body with attachments set",
                found,
                limit,
            ));
        }
        dst.put_slice(&head.bytes());
        dst.put_slice(kind);
        put_range(frame, before, dst);
        dst.put_slice(&self.scratch);
        put_range(frame, behind..frame.len(), dst);
        Ok(Encoded::Whole)
    }
}

/// What stands around attachments that were written anew.
struct Changed {
    /// A response's kind, where that changes.
    kind: Option<Vec<u8>>,
    before: Range<usize>,
    behind: usize,
}

enum What {
    /// A call whose attachments begin there, or have yet to be found.
    Call(usize),
    /// A response, to a client that reads attachments or not.
    Answer(bool),
}

struct Change<'a> {
    what: What,
    form: Serialization,
    context: &'a EncodeContext<'a>,
    out: &'a mut Vec<u8>,
}

impl Change<'_> {
    /// Where to begin to read.
    fn start(&self) -> usize {
        match self.what {
            What::Call(at) => at,
            What::Answer(_) => HEAD_BYTES,
        }
    }

    fn apply(self, mut body: impl Body) -> Result<Option<Changed>, Stop> {
        self.out.clear();
        let mut kind = None;
        let mut begin = HEAD_BYTES;
        let before = match self.what {
            What::Call(at) => {
                if at == HEAD_BYTES && Front::default().read(&mut body).is_err() {
                    return Err(Stop::Unreadable);
                }
                Before::Next
            }
            What::Answer(reads_attachments) => {
                let found = body.kind()?;
                let (has_value, before) = match found {
                    0 | 1 => (true, Before::None),
                    2 => (false, Before::None),
                    3 | 4 => (true, Before::Next),
                    5 => (false, Before::Next),
                    _ => return Err(Stop::Unreadable),
                };
                if before == Before::None {
                    if !reads_attachments {
                        return Ok(None);
                    }
                    begin = body.at();
                    kind = Some(self.kind(found + 3));
                }
                if has_value {
                    body.skip()?;
                }
                before
            }
        };
        let before_attachments = begin..body.at();
        let written = rewrite(
            &mut body,
            before,
            self.form,
            self.context.mutation,
            self.out,
        )?;
        let behind = body.at();
        // Go's servers leave a null behind what they send.
        let rest = body.frame().get(behind..).unwrap_or_default();
        if !written || !matches!(rest, [] | [b'N']) {
            return Ok(None);
        }
        Ok(Some(Changed {
            kind,
            before: before_attachments,
            behind,
        }))
    }

    fn kind(&self, kind: u8) -> Vec<u8> {
        match self.form {
            Serialization::Fastjson2 => vec![0, 0, 0, 2, 0xbd, kind],
            _ => vec![0x90 + kind],
        }
    }
}

fn put_whole(head: &Head, frame: &Bytes, dst: &mut FrameBuf) {
    dst.put_slice(&head.bytes());
    put_range(frame, HEAD_BYTES..frame.len(), dst);
}

/// Writes the bytes `range` of `frame`.
fn put_range(frame: &Bytes, range: Range<usize>, dst: &mut FrameBuf) {
    let bytes = frame.get(range.clone()).unwrap_or_default();
    if bytes.len() < COPY_BELOW_BYTES {
        dst.put_slice(bytes);
    } else {
        dst.put_bytes(frame.slice(range));
    }
}

fn refused(detail: &'static str) -> CodecError {
    CodecError::new(CodecErrorKind::Encode, detail)
}
