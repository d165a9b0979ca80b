//! Lines of text.

use std::{io::Write as _, net::SocketAddr};

use meta_core::Address;

use super::{
    super::error::FormatError,
    parse::{self, Piece},
    time::TimeCache,
    value::{Context, Value},
};

/// Text with operators.
#[derive(Debug)]
pub(super) struct Line {
    pieces: Vec<Piece>,
}

impl Line {
    pub(super) fn parse(format: &str) -> Result<Self, FormatError> {
        parse::pieces(format).map(Self::from_pieces)
    }

    pub(super) fn from_pieces(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    pub(super) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// Writes it such that what peers say can end neither the line nor a quotation.
    pub(super) fn render(
        &self,
        context: &Context<'_>,
        omit_empty: bool,
        out: &mut Vec<u8>,
        times: &mut TimeCache,
    ) {
        self.render_with(context, omit_empty, out, |value, out| match value {
            Value::Peer(text) => put_escaped(text, out),
            value => put(value, out, times),
        });
    }

    /// Writes it with everything as it is.
    pub(super) fn render_raw(
        &self,
        context: &Context<'_>,
        omit_empty: bool,
        out: &mut Vec<u8>,
        times: &mut TimeCache,
    ) {
        self.render_with(context, omit_empty, out, |value, out| {
            put(value, out, times)
        });
    }

    fn render_with(
        &self,
        context: &Context<'_>,
        omit_empty: bool,
        out: &mut Vec<u8>,
        mut put: impl FnMut(&Value<'_>, &mut Vec<u8>),
    ) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Operator(operator) => match context.value(operator) {
                    Value::Missing if omit_empty => {}
                    value => put(&value, out),
                },
            }
        }
    }
}

/// Writes `value` as it is.
pub(super) fn put(value: &Value<'_>, out: &mut Vec<u8>, times: &mut TimeCache) {
    match value {
        Value::Missing => out.push(b'-'),
        Value::Number(number) => put_number(*number, out),
        Value::Word(word) => out.extend_from_slice(word.as_bytes()),
        Value::Peer(text) => out.extend_from_slice(text.as_bytes()),
        Value::Address(address) => put_address(address, true, out),
        Value::Host(address) => put_address(address, false, out),
        Value::Time(time, format) => format.render(*time, out, times),
    }
}

fn put_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// IPv4 by hand: there are four of them in a line.
fn put_address(address: &Address, with_port: bool, out: &mut Vec<u8>) {
    match address {
        Address::Ip(SocketAddr::V4(address)) => {
            for (index, octet) in address.ip().octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                put_number(octet.into(), out);
            }
            if with_port {
                out.push(b':');
                put_number(address.port().into(), out);
            }
        }
        // Writing to a vector does not fail.
        Address::Ip(address) if !with_port => drop(write!(out, "{}", address.ip())),
        address => drop(write!(out, "{address}")),
    }
}

/// Writes text that may hold anything such that it cannot end a line or a quotation:
/// bytes of control characters, quotation marks and backslashes as `\xHH`.
fn put_escaped(text: &str, out: &mut Vec<u8>) {
    let is_plain = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        if c.is_control() || matches!(c, '"' | '\\') {
            // Writing to a vector does not fail.
            bytes.iter().for_each(|b| drop(write!(out, "\\x{b:02X}")));
        } else {
            out.extend_from_slice(bytes);
        }
    }
}
