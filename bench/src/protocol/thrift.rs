//! Thrift, in the forms that clients speak.
//!
//! The call is `string echo(1: string message)`. A form is a transport, which
//! tells where a message ends and may carry headers, and a protocol, which
//! tells how a message is written: its type, the method name, the sequence id,
//! and a struct of one string field. That is field 1 in the arguments and field
//! 0 in the result.

mod encoding;
mod form;
mod transport;
mod wire;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use self::encoding::{CALL, Head, Message, REPLY};
pub(crate) use self::form::Form;
use self::transport::{Direction, TRACE_ID, Unwrapped};
use super::{Protocol, Reply};
use crate::pattern::Body;

const METHOD: &str = "echo";
const ARGUMENT: u16 = 1;
const SUCCESS: u16 = 0;

/// Thrift in a form.
pub(super) fn in_form(form: Form) -> &'static dyn Protocol {
    let mut forms = Form::value_variants().iter();
    forms
        .find(|&&other| other == form)
        .unwrap_or(&Form::FramedBinary)
}

impl Protocol for Form {
    fn name(&self) -> &'static str {
        "thrift"
    }

    fn form(&self) -> Option<Form> {
        Some(*self)
    }

    fn method(&self) -> &'static str {
        METHOD
    }

    /// The argument's size is the request's.
    fn argument_len(&self, size: usize) -> Result<usize> {
        Ok(size)
    }

    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        self.transport().frame_len(bytes, self.encoding())
    }

    fn call_id(&self, count: u64) -> u64 {
        // Sequence ids are 32-bit and signed; stay positive.
        count & 0x7fff_ffff
    }

    fn write_request(&self, id: u64, body: &Body<'_>, out: &mut Vec<u8>) {
        let id = id as u32;
        let head = Head {
            kind: CALL,
            name: METHOD.as_bytes(),
            id,
            field: ARGUMENT,
        };
        let mut trace_id = Vec::with_capacity(TRACE_ID);
        body.write(0..body.len().min(TRACE_ID), &mut trace_id);
        let (direction, encoding) = (Direction::Call { id }, self.encoding());
        self.transport()
            .wrap(direction, encoding, &trace_id, out, |out| {
                encoding.write_body(&head, body, out);
            });
    }

    fn write_reply(&self, request: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (unwrapped, Message { head, value }) = self.read(request)?;
        ensure!(head.kind == CALL, "message type {} is no call", head.kind);
        ensure!(head.field == ARGUMENT, "argument {}", head.field);
        let trace_id = &value[..value.len().min(TRACE_ID)];
        let call = Direction::Call { id: head.id };
        self.transport().verify(&unwrapped, call, trace_id)?;

        let head = Head {
            kind: REPLY,
            field: SUCCESS,
            ..head
        };
        let (direction, encoding) = (Direction::Reply { id: head.id }, self.encoding());
        self.transport()
            .wrap(direction, encoding, trace_id, out, |out| {
                encoding.write_encoded(&head, value, out);
            });
        Ok(())
    }

    fn read_reply<'a>(&self, frame: &'a [u8]) -> Result<Reply<'a>> {
        let (unwrapped, Message { head, value }) = self.read(frame)?;
        ensure!(
            head.kind == REPLY && head.field == SUCCESS,
            "message type {} field {} instead of a result: {:?}",
            head.kind,
            head.field,
            String::from_utf8_lossy(&value[..value.len().min(200)])
        );
        ensure!(
            head.name == METHOD.as_bytes(),
            "reply to method {:?}",
            String::from_utf8_lossy(head.name)
        );
        let trace_id = &value[..value.len().min(TRACE_ID)];
        let reply = Direction::Reply { id: head.id };
        self.transport().verify(&unwrapped, reply, trace_id)?;
        Ok(Reply {
            id: u64::from(head.id),
            body: self.encoding().value(value),
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

impl Form {
    fn read(self, frame: &[u8]) -> Result<(Unwrapped<'_>, Message<'_>)> {
        let encoding = self.encoding();
        let unwrapped = self.transport().unwrap(frame, encoding)?;
        let mut rest = unwrapped.message;
        let message = encoding.take(&mut rest)?;
        ensure!(rest.is_empty(), "{} bytes too many", rest.len());
        Ok((unwrapped, message))
    }
}

#[cfg(test)]
mod tests;
