//! What the proxy says on its own account: local replies and events.

use meta_core::{
    CodecError, CodecErrorKind, Control, FrameBuf, LocalReply, MessageKind, Metadata, ReplyKind,
    WireId,
};

use crate::{
    head::{EVENT, Head, OK, REQUEST, Serialization, Slot, TWO_WAY, ping_body},
    hessian::write::put_string,
};

/// Statuses of responses, as Dubbo names them.
const SERVER_TIMEOUT: u8 = 31;
const CHANNEL_INACTIVE: u8 = 35;
const BAD_REQUEST: u8 = 40;
const BAD_RESPONSE: u8 = 50;
const SERVICE_NOT_FOUND: u8 = 60;
const SERVICE_ERROR: u8 = 70;
const SERVER_ERROR: u8 = 80;
const SERVER_EXHAUSTED: u8 = 100;

/// The id of the providers' own read-only events.
const GOODBYE_ID: u64 = 2;

/// Answers `request` under its own id. The text is in hessian2, which all clients
/// read in an answer to any request.
pub(crate) fn on_error(request: &Metadata, reply: &LocalReply, dst: &mut FrameBuf) {
    if request.kind != MessageKind::Request {
        return;
    }
    let mut body = Vec::new();
    put_string(&mut body, &reply.to_string());
    let head = Head {
        flags: Serialization::Hessian2.number(),
        status: status(reply.kind()),
        id: request.id.0,
        body_bytes: body.len(),
    };
    dst.put_slice(&head.bytes());
    dst.put_slice(&body);
}

/// The status by which a client learns of a local reply. All but a timeout are
/// alike to it.
fn status(kind: ReplyKind) -> u8 {
    match kind {
        ReplyKind::Timeout => SERVER_TIMEOUT,
        ReplyKind::NoRoute | ReplyKind::UnknownCluster => SERVICE_NOT_FOUND,
        ReplyKind::BadRequest | ReplyKind::TooLarge => BAD_REQUEST,
        ReplyKind::Overflow | ReplyKind::RateLimited => SERVER_EXHAUSTED,
        ReplyKind::UpstreamReset | ReplyKind::UpstreamIncomplete | ReplyKind::Draining => {
            CHANNEL_INACTIVE
        }
        ReplyKind::BadResponse => BAD_RESPONSE,
        ReplyKind::Denied => SERVICE_ERROR,
        _ => SERVER_ERROR,
    }
}

/// Writes a heartbeat, its answer, or the read-only event; there is nothing else.
pub(crate) fn control(control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
    let hessian = Serialization::Hessian2.number();
    match control {
        Control::Ping { id } => put_event(REQUEST | TWO_WAY | EVENT | hessian, 0, id, b"N", dst),
        Control::Goodbye => {
            let id = WireId(GOODBYE_ID);
            put_event(REQUEST | EVENT | hessian, 0, id, b"\x01R", dst);
        }
        Control::Pong { ping } => {
            let flags = Slot::of(ping).map(|slot| EVENT | slot.serialization());
            let written = flags
                .and_then(|flags| ping_body(ping, |body| put_event(flags, OK, ping.id, body, dst)));
            written.ok_or_else(|| {
                let detail = "the ping was not decoded by this codec";
                CodecError::new(CodecErrorKind::Encode, detail)
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn put_event(flags: u8, status: u8, id: WireId, body: &[u8], dst: &mut FrameBuf) {
    let head = Head {
        flags,
        status,
        id: id.0,
        body_bytes: body.len(),
    };
    dst.put_slice(&head.bytes());
    dst.put_slice(body);
}
