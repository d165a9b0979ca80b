//! The codec of the toy protocol.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use meta_core::{
    Attributes, Capabilities, Change, Codec, CodecError, CodecErrorKind, Control, Correlation,
    Decoded, EncodeContext, Encoded, Event, FrameBuf, Limits, LocalReply, Message, MessageKind,
    Metadata, Mutation, Status, Text, WireForm, WireId,
};

use super::frame::{Frame, HEAD_BYTES, LENGTH_END, kind_of};

/// Frames up to this length are kept whole for their attributes; of longer ones
/// the headers are copied, so that metadata do not pin a large body.
const KEEP_WHOLE_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct ToyCodec {
    limits: Limits,
    ids: bool,
    heartbeat: bool,
    streams: bool,
}

impl ToyCodec {
    pub(super) fn new(capabilities: &Capabilities, limits: Limits) -> Self {
        Self {
            limits,
            ids: matches!(capabilities.correlation, Correlation::ById(_)),
            heartbeat: capabilities.heartbeat,
            streams: capabilities.streams,
        }
    }

    /// What the fixed part of the frame tells.
    fn head(&self, head: &[u8; HEAD_BYTES]) -> Result<Head, CodecError> {
        let [m0, m1, kind, zero, l0, l1, l2, l3, id @ .., h0, h1, h2, h3] = *head;
        if [m0, m1] != *b"TY" || zero != 0 {
            return Err(CodecError::malformed("wrong magic").at(0));
        }
        let known = kind_of(kind).filter(|kind| match kind {
            MessageKind::Ping | MessageKind::Pong => self.heartbeat,
            kind => self.streams || !kind.is_stream(),
        });
        let kind = known.ok_or_else(|| {
            CodecError::new(CodecErrorKind::Unsupported, format!("kind {kind}")).at(2)
        })?;
        let id = if self.ids { u64::from_be_bytes(id) } else { 0 };
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let header_bytes = u32::from_be_bytes([h0, h1, h2, h3]) as usize;
        if length < HEAD_BYTES - LENGTH_END {
            return Err(CodecError::malformed("length shorter than the head").at(4));
        }
        let head = Head {
            kind,
            id: WireId(id),
            body_at: HEAD_BYTES.saturating_add(header_bytes),
            total: LENGTH_END.saturating_add(length),
        };
        if head.body_at > head.total {
            return Err(CodecError::malformed("headers longer than the frame").at(16));
        }
        let (total, limit) = (head.total, self.limits.message_bytes);
        if total > limit {
            let error = CodecError::too_large("frame", total as u64, limit).at(4);
            return Err(head.answerable(error));
        }
        if header_bytes > self.limits.header_bytes {
            let limit = self.limits.header_bytes;
            let error = CodecError::too_large("header area", header_bytes as u64, limit).at(16);
            return Err(head.answerable(error));
        }
        Ok(head)
    }
}

impl Codec for ToyCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        // What cannot become a frame is refused as early as it can be told.
        if !b"TY".starts_with(src.get(..2).unwrap_or(src)) {
            return Err(CodecError::malformed("wrong magic").at(0));
        }
        let Some(head) = src.first_chunk::<HEAD_BYTES>() else {
            return Ok(Decoded::need(HEAD_BYTES));
        };
        let head = self.head(head)?;
        if src.len() < head.total {
            return Ok(Decoded::need(head.total));
        }
        let mut metadata = Metadata::new(head.kind, head.id);
        metadata.header_bytes = head.body_at;
        metadata.total_bytes = head.total;
        if head.kind.is_stream() {
            metadata.stream_id = Some(head.id.0);
        }
        let spans = spans(&src[..head.body_at])?;
        if spans.len() > self.limits.attributes {
            let detail = format!("{} headers", spans.len());
            return Err(CodecError::new(CodecErrorKind::TooLarge, detail).at(HEAD_BYTES));
        }
        let frame = src.split_to(head.total).freeze();
        metadata.attributes = Attributes::with_head(if frame.len() <= KEEP_WHOLE_BYTES {
            frame.clone()
        } else {
            Bytes::copy_from_slice(&frame[..head.body_at])
        });
        for [key, value] in spans {
            metadata
                .attributes
                .insert(Text::span(key), Text::span(value));
        }
        interpret(&mut metadata);
        Ok(Decoded::Message(Message::new(metadata, frame)))
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let frame = &message.frame;
        let body_at = message.metadata.header_bytes;
        let (Some(head), Some(headers)) = (frame.get(..HEAD_BYTES), frame.get(HEAD_BYTES..body_at))
        else {
            return Err(CodecError::new(CodecErrorKind::Encode, "frame cut short"));
        };
        let headers = mutated(headers, context.mutation)?;
        let length = HEAD_BYTES - LENGTH_END + headers.len() + (frame.len() - body_at);
        dst.put_slice(&head[..4]);
        dst.put_u32(length_field(length)?);
        match self.ids {
            true => dst.put_u64(context.id.0),
            false => dst.put_slice(&head[8..16]),
        }
        dst.put_u32(length_field(headers.len())?);
        dst.put_slice(&headers);
        dst.put_bytes(frame.slice(body_at..));
        Ok(Encoded::Whole)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        let kind = match request.kind {
            MessageKind::Request => MessageKind::Response,
            MessageKind::StreamInit => MessageKind::StreamClose,
            _ => return Ok(()),
        };
        let frame = Frame::new(kind, request.id.0, reply.to_string())
            .header("status", "error")
            .header("reason", reply.kind().as_str());
        dst.put_slice(&frame.encode());
        Ok(())
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        let frame = match control {
            Control::Ping { id } if self.heartbeat => Frame::new(MessageKind::Ping, id.0, ""),
            Control::Pong { ping } if self.heartbeat => {
                Frame::new(MessageKind::Pong, ping.id.0, "")
            }
            Control::Goodbye => Frame::new(MessageKind::Event(Event::Drain), 0, ""),
            Control::StreamReset { stream_id } if self.streams => {
                Frame::new(MessageKind::StreamClose, stream_id, "").header("status", "error")
            }
            _ => return Ok(false),
        };
        dst.put_slice(&frame.encode());
        Ok(true)
    }
}

/// The fixed part of a frame.
struct Head {
    kind: MessageKind,
    id: WireId,
    body_at: usize,
    total: usize,
}

impl Head {
    fn answerable(&self, error: CodecError) -> CodecError {
        error.with_message(Metadata::new(self.kind, self.id))
    }
}

type Span = std::ops::Range<usize>;

/// Where keys and values stand; `head` is the frame up to its body.
fn spans(head: &[u8]) -> Result<Vec<[Span; 2]>, CodecError> {
    let mut spans = Vec::new();
    let mut at = HEAD_BYTES;
    let text = |at: &mut usize| {
        let length = head.get(*at..).and_then(<[u8]>::first_chunk);
        let start = *at + 2;
        let end = start + usize::from(u16::from_be_bytes(*length?));
        *at = end;
        (end <= head.len()).then_some(start..end)
    };
    while at < head.len() {
        let error = CodecError::malformed("header longer than the header area").at(at);
        match (text(&mut at), text(&mut at)) {
            (Some(key), Some(value)) => spans.push([key, value]),
            _ => return Err(error),
        }
    }
    Ok(spans)
}

/// Gives the headers that mean something their meaning.
fn interpret(metadata: &mut Metadata) {
    let get = |key| metadata.get(key).map(str::to_owned);
    let (service, method) = (get("service"), get("method"));
    let timeout = get("timeout-ms").and_then(|value| value.parse().ok());
    let form = get("form").and_then(|value| value.parse().ok());
    metadata.timeout = timeout.map(Duration::from_millis);
    metadata.form = WireForm(form.unwrap_or_default());
    metadata.binds_session = metadata.get("binds-session").is_some();
    metadata.ends_connection = metadata.get("ends-connection").is_some();
    metadata.status = match metadata.get("status") {
        Some("business") => Status::BusinessException,
        Some("error") => Status::Error,
        _ => Status::Ok,
    };
    match (service, method) {
        (Some(service), Some(method)) => metadata.set_service_operation(service, method),
        (None, Some(method)) => metadata.set_operation(method),
        _ => {}
    }
}

/// The header area with the changes applied: untouched headers keep their bytes
/// and their places, those that are set go to the end.
fn mutated(headers: &[u8], mutation: &Mutation) -> Result<Vec<u8>, CodecError> {
    if mutation.is_empty() {
        return Ok(headers.to_vec());
    }
    let cut = || CodecError::new(CodecErrorKind::Encode, "headers cut short");
    let mut out = Vec::with_capacity(headers.len());
    let mut rest = headers;
    while !rest.is_empty() {
        let (key, behind_key) = take_text(rest).ok_or_else(cut)?;
        let (_, behind) = take_text(behind_key).ok_or_else(cut)?;
        let touched = mutation.iter().any(|change| change.key().as_bytes() == key);
        if !touched {
            out.extend_from_slice(&rest[..rest.len() - behind.len()]);
        }
        rest = behind;
    }
    for (n, change) in mutation.iter().enumerate() {
        let Change::Set { key, value } = change else {
            continue;
        };
        if mutation.iter().skip(n + 1).any(|later| later.key() == key) {
            continue;
        }
        for text in [key, value] {
            let length = u16::try_from(text.len());
            let long = |_| CodecError::too_large("header", text.len() as u64, u16::MAX.into());
            out.extend_from_slice(&length.map_err(long)?.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
    Ok(out)
}

fn take_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

fn length_field(length: usize) -> Result<u32, CodecError> {
    let long = |_| CodecError::too_large("frame", length as u64, u32::MAX as usize);
    u32::try_from(length).map_err(long)
}
