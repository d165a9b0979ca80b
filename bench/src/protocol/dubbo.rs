//! Dubbo 2 with Hessian2, as Dubbo 3 clients and providers speak it over
//! `dubbo://`.
//!
//! The call is `String echo(String)` or `String sayHello(String)`. A frame is
//! a header of 16 bytes and a body whose length is the header's last field. A
//! request's body: the protocol version, path, service version, method and
//! parameter types, the argument, and a map of attachments. A reply's body:
//! its kind, the value, and attachments again.
//!
//! A body of 128 bytes has no room for the names that real services have. A
//! short argument therefore goes to an interface with a short name, with all
//! that a client attaches except the application's name; a longer one to an
//! interface with an ordinary name, with everything.

mod call;

use anyhow::{Context, Result, bail, ensure};

use self::call::{CALLS, Call};
use super::{Protocol, Reply, Value, hessian};
use crate::pattern::Body;

const HEADER: usize = 16;
const MAGIC: [u8; 2] = [0xda, 0xbb];
const REQUEST: u8 = 0x80;
const TWO_WAY: u8 = 0x40;
const EVENT: u8 = 0x20;
/// The serialization, in the low bits of the flags.
const HESSIAN2: u8 = 2;
/// The status of a request, which has none.
const NO_STATUS: u8 = 0;
const OK: u8 = 20;
/// The kind of reply with a value and attachments: 4 as a Hessian2 integer.
const VALUE_WITH_ATTACHMENTS: u8 = 0x94;
/// The attachments of every reply: `{"dubbo": "2.0.2"}`.
const REPLY_ATTACHMENTS: &[u8] = b"H\x05dubbo\x052.0.2Z";
/// The body of a heartbeat and of its answer: null.
const HEARTBEAT: &[u8] = b"N";
/// Ids count from a random signed number in Dubbo 3 clients. Here each
/// connection has the same ones, so a proxy that lets clients share an
/// upstream connection has to tell them apart.
const FIRST_ID: u64 = 0x9d2c_5680_efc6_0000;
/// Longer bodies are taken for garbage.
const MAX_BODY: usize = 64 << 20;

/// Dubbo 2 with Hessian2.
#[derive(Debug)]
pub(crate) struct Dubbo;

impl Protocol for Dubbo {
    fn name(&self) -> &'static str {
        "dubbo"
    }

    fn method(&self) -> &'static str {
        Call::small().method
    }

    /// `size` counts all of the frame's body, as the header does.
    fn argument_len(&self, size: usize) -> Result<usize> {
        let len = CALLS.iter().find_map(|call| call.argument_len(size));
        len.with_context(|| format!("no Dubbo request here has a body of exactly {size} bytes"))
    }

    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let magic = &bytes[..bytes.len().min(MAGIC.len())];
        ensure!(MAGIC.starts_with(magic), "no frame: {magic:02x?}");
        let Some(header) = Header::parse(bytes) else {
            return Ok(None);
        };
        let body = header.body_len as usize;
        ensure!(body <= MAX_BODY, "frame with a body of {body} bytes");
        Ok(Some(HEADER + body))
    }

    fn call_id(&self, count: u64) -> u64 {
        FIRST_ID.wrapping_add(count)
    }

    fn write_request(&self, id: u64, body: &Body<'_>, out: &mut Vec<u8>) {
        let call = Call::with_argument(body.len());
        let header = Header {
            flags: REQUEST | TWO_WAY | HESSIAN2,
            status: NO_STATUS,
            id,
            body_len: call.body_len(body.len()) as u32,
        };
        out.reserve(HEADER + header.body_len as usize);
        header.write(out);
        out.extend_from_slice(&call.before);
        hessian::write_body(body, out);
        out.extend_from_slice(&call.after);
    }

    /// Answers heartbeats as well, which a proxy may send when it likes. A
    /// call has to arrive as it was made, to the last attachment.
    fn write_reply(&self, request: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (header, body) = parse_frame(request)?;
        if header.flags & EVENT != 0 {
            return write_event_answer(&header, body, out);
        }
        ensure!(
            header.flags == REQUEST | TWO_WAY | HESSIAN2 && header.status == NO_STATUS,
            "flags {:#x} status {} are no call's",
            header.flags,
            header.status
        );
        let argument = CALLS.iter().find_map(|call| call.argument(body));
        let argument = argument.context("a call nobody made")?;
        let header = Header {
            flags: HESSIAN2,
            status: OK,
            id: header.id,
            body_len: (1 + argument.len() + REPLY_ATTACHMENTS.len()) as u32,
        };
        out.reserve(HEADER + header.body_len as usize);
        header.write(out);
        out.push(VALUE_WITH_ATTACHMENTS);
        out.extend_from_slice(argument);
        out.extend_from_slice(REPLY_ATTACHMENTS);
        Ok(())
    }

    fn read_reply<'a>(&self, frame: &'a [u8]) -> Result<Reply<'a>> {
        let (header, body) = parse_frame(frame)?;
        if header.flags != HESSIAN2 || header.status != OK {
            bail!(
                "flags {:#x} status {} instead of a result: {:?}",
                header.flags,
                header.status,
                String::from_utf8_lossy(&body[..body.len().min(200)])
            );
        }
        let (&kind, mut rest) = body.split_first().context("a reply without a body")?;
        ensure!(kind == VALUE_WITH_ATTACHMENTS, "reply of kind {kind:#x}");
        let value = hessian::take_encoded(&mut rest)?;
        ensure!(rest == REPLY_ATTACHMENTS, "other attachments: {rest:02x?}");
        Ok(Reply {
            id: header.id,
            body: Value::in_pieces(value, hessian::next_piece),
        })
    }

    fn envoy_filter(&self) -> String {
        let routes = CALLS.iter().map(|call| {
            format!(
                "{{name: {0}, interface: {0}, routes: [\
                 {{match: {{method: {{name: {{exact: {1}}}}}}}, route: {{cluster: echo}}}}]}}",
                call.interface, call.method
            )
        });
        format!(
            "{{name: envoy.filters.network.dubbo_proxy, typed_config: {{\
             '@type': type.googleapis.com/\
             envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy, \
             stat_prefix: bench, route_config: [{}]}}}}",
            routes.collect::<Vec<_>>().join(", ")
        )
    }

    fn envoy_generic_filter(&self) -> Option<String> {
        let hosts = CALLS.iter().map(|call| {
            format!(
                "{{name: {0}, hosts: [{0}], routes: {{matcher_list: {{matchers: [\
                 {{predicate: {{single_predicate: {{\
                 input: {{name: method, typed_config: {{'@type': type.googleapis.com/\
                 envoy.extensions.filters.network.generic_proxy.matcher.v3.MethodMatchInput}}}}, \
                 value_match: {{exact: {1}}}}}}}, \
                 on_match: {{action: {{name: route, typed_config: {{\
                 '@type': type.googleapis.com/\
                 envoy.extensions.filters.network.generic_proxy.action.v3.RouteAction, \
                 cluster: echo}}}}}}}}]}}}}}}",
                call.interface, call.method
            )
        });
        Some(format!(
            "{{name: envoy.filters.network.generic_proxy, typed_config: {{\
             '@type': type.googleapis.com/\
             envoy.extensions.filters.network.generic_proxy.v3.GenericProxy, \
             stat_prefix: bench, \
             codec_config: {{name: envoy.generic_proxy.codecs.dubbo, typed_config: {{\
             '@type': type.googleapis.com/\
             envoy.extensions.filters.network.generic_proxy.codecs.dubbo.v3.DubboCodecConfig}}}}, \
             route_config: {{name: all, virtual_hosts: [{}]}}, \
             filters: [{{name: envoy.filters.generic.router, typed_config: {{\
             '@type': type.googleapis.com/\
             envoy.extensions.filters.network.generic_proxy.router.v3.Router, \
             bind_upstream_connection: true}}}}]}}}}",
            hosts.collect::<Vec<_>>().join(", ")
        ))
    }
}

struct Header {
    flags: u8,
    status: u8,
    id: u64,
    body_len: u32,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &header = bytes.first_chunk::<HEADER>()?;
        let [_, _, flags, status, rest @ ..] = header;
        let (id, len) = rest.split_first_chunk::<8>()?;
        Some(Self {
            flags,
            status,
            id: u64::from_be_bytes(*id),
            body_len: u32::from_be_bytes(*len.first_chunk()?),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.flags, self.status]);
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.body_len.to_be_bytes());
    }
}

fn parse_frame(frame: &[u8]) -> Result<(Header, &[u8])> {
    ensure!(frame.starts_with(&MAGIC), "no frame");
    let header = Header::parse(frame).context("no whole header")?;
    let body = &frame[HEADER..];
    ensure!(
        body.len() == header.body_len as usize,
        "{} of {} bytes",
        body.len(),
        header.body_len
    );
    Ok((header, body))
}

fn write_event_answer(header: &Header, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    ensure!(
        header.flags & REQUEST != 0 && body == HEARTBEAT,
        "flags {:#x} body {body:02x?} are no heartbeat",
        header.flags
    );
    if header.flags & TWO_WAY != 0 {
        let answer = Header {
            flags: EVENT | HESSIAN2,
            status: OK,
            id: header.id,
            body_len: HEARTBEAT.len() as u32,
        };
        answer.write(out);
        out.extend_from_slice(HEARTBEAT);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
