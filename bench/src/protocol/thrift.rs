//! Thrift: strict binary protocol in framed transport.
//!
//! The call is `string echo(1: string message)`. Frames are a 4-byte length,
//! the version and message type, the method name, the sequence id, and a
//! struct of one string field: field 1 in the arguments, field 0 in the
//! result.

use anyhow::{Context, Result, bail, ensure};

use super::{Protocol, Reply, Value};
use crate::pattern::Body;

const METHOD: &[u8] = b"echo";
const VERSION: u32 = 0x8001_0000;
const CALL: u32 = 1;
const REPLY: u32 = 2;
const TYPE_STOP: u8 = 0;
const TYPE_STRING: u8 = 11;
const ARGUMENT: u16 = 1;
const SUCCESS: u16 = 0;
/// Longer frames are taken for garbage.
const MAX_FRAME: usize = 64 << 20;

/// The framed binary flavour of Thrift.
#[derive(Debug)]
pub(crate) struct Thrift;

impl Protocol for Thrift {
    fn name(&self) -> &'static str {
        "thrift"
    }

    /// The argument's size is the request's.
    fn argument_len(&self, size: usize) -> Result<usize> {
        Ok(size)
    }

    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some(prefix) = bytes.first_chunk::<4>() else {
            return Ok(None);
        };
        let payload = u32::from_be_bytes(*prefix) as usize;
        ensure!(payload <= MAX_FRAME, "frame of {payload} bytes");
        Ok(Some(4 + payload))
    }

    fn call_id(&self, count: u64) -> u64 {
        // Sequence ids are 32-bit and signed; stay positive.
        count & 0x7fff_ffff
    }

    fn write_request(&self, id: u64, body: &Body<'_>, out: &mut Vec<u8>) {
        write_head(CALL, METHOD, id as u32, ARGUMENT, body.len(), out);
        body.write(0..body.len(), out);
        out.push(TYPE_STOP);
    }

    fn write_reply(&self, request: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let call = Message::parse(request)?;
        ensure!(call.kind == CALL, "message type {} is no call", call.kind);
        ensure!(call.field == ARGUMENT, "argument {}", call.field);
        write_head(REPLY, call.name, call.id, SUCCESS, call.value.len(), out);
        out.extend_from_slice(call.value);
        out.push(TYPE_STOP);
        Ok(())
    }

    fn read_reply<'a>(&self, frame: &'a [u8]) -> Result<Reply<'a>> {
        let reply = Message::parse(frame)?;
        if reply.kind != REPLY || reply.field != SUCCESS {
            bail!(
                "message type {} field {} instead of a result: {:?}",
                reply.kind,
                reply.field,
                String::from_utf8_lossy(&reply.value[..reply.value.len().min(200)])
            );
        }
        ensure!(
            reply.name == METHOD,
            "reply to method {:?}",
            String::from_utf8_lossy(reply.name)
        );
        Ok(Reply {
            id: u64::from(reply.id),
            body: Value::whole(reply.value),
        })
    }

    fn envoy_filter(&self) -> String {
        concat!(
            "{name: envoy.filters.network.thrift_proxy, typed_config: {",
            "'@type': type.googleapis.com/",
            "envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy, ",
            "stat_prefix: bench, transport: FRAMED, protocol: BINARY, ",
            "route_config: {name: all, routes: [",
            "{match: {method_name: ''}, route: {cluster: echo}}]}}}"
        )
        .to_owned()
    }
}

/// Appends everything in front of the string field's bytes.
fn write_head(kind: u32, name: &[u8], id: u32, field: u16, len: usize, out: &mut Vec<u8>) {
    let payload = 4 + 4 + name.len() + 4 + 1 + 2 + 4 + len + 1;
    out.reserve(4 + payload);
    out.extend_from_slice(&(payload as u32).to_be_bytes());
    out.extend_from_slice(&(VERSION | kind).to_be_bytes());
    out.extend_from_slice(&(name.len() as u32).to_be_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(&id.to_be_bytes());
    out.push(TYPE_STRING);
    out.extend_from_slice(&field.to_be_bytes());
    out.extend_from_slice(&(len as u32).to_be_bytes());
}

/// A message whose struct has exactly one field, a string.
struct Message<'a> {
    kind: u32,
    name: &'a [u8],
    id: u32,
    field: u16,
    value: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(frame: &'a [u8]) -> Result<Self> {
        let mut rest = frame.get(4..).context("no frame")?;
        let head = take_u32(&mut rest)?;
        ensure!(head & 0xffff_0000 == VERSION, "version {head:#x}");
        let name_len = take_u32(&mut rest)? as usize;
        let name = take(&mut rest, name_len)?;
        let id = take_u32(&mut rest)?;
        let kind = head & 0xff;
        let field = take(&mut rest, 3)?;
        ensure!(
            field[0] == TYPE_STRING,
            "message type {kind}: first field has type {}",
            field[0]
        );
        let field = u16::from_be_bytes([field[1], field[2]]);
        let value_len = take_u32(&mut rest)? as usize;
        let value = take(&mut rest, value_len)?;
        // An exception reply has more fields; its first one says what is wrong.
        if kind == CALL || kind == REPLY {
            ensure!(rest == [TYPE_STOP], "{} bytes too many", rest.len());
        }
        Ok(Self {
            kind,
            name,
            id,
            field,
            value,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    rest.split_off(..len).context("message cut short")
}

fn take_u32(rest: &mut &[u8]) -> Result<u32> {
    let bytes = rest.split_off(..4).context("message cut short")?;
    Ok(bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn a_reply_carries_the_request_back() -> Result<()> {
        let pattern = Pattern::new(100);
        let body = pattern.body(1, 42);
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        Thrift.write_request(42, &body, &mut request);
        assert_eq!(Thrift.frame_len(&request)?, Some(request.len()));
        assert_eq!(Thrift.frame_len(&request[..3])?, None);
        Thrift.write_reply(&request, &mut reply)?;
        let parsed = Thrift.read_reply(&reply)?;
        assert_eq!(parsed.id, 42);
        assert!(body.matches(parsed.body));
        Ok(())
    }

    #[test]
    fn anything_else_is_refused() -> Result<()> {
        let mut request = Vec::new();
        Thrift.write_request(1, &Pattern::new(20).body(0, 1), &mut request);
        assert!(Thrift.read_reply(&request).is_err(), "a call is no reply");
        for len in 0..request.len() {
            assert!(
                Thrift
                    .write_reply(&request[..len], &mut Vec::new())
                    .is_err()
            );
        }
        assert!(Thrift.frame_len(b"GET / HTTP/1.1").is_err());
        Ok(())
    }
}
