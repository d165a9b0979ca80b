//! What the benchmark needs to know about an RPC protocol.
//!
//! Everything else in the crate works on frames and call numbers, so another
//! protocol is one more implementation of [`Protocol`] and a line in
//! [`by_name`].

mod dubbo;
mod hessian;
mod thrift;

use std::{fmt, mem};

use anyhow::{Result, bail, ensure};

pub(crate) use self::thrift::Form;
use crate::pattern::Body;

/// A protocol's framing, calls and replies.
pub(crate) trait Protocol: fmt::Debug + Sync {
    /// The name by which the proxy and the command line know the protocol.
    fn name(&self) -> &'static str;

    /// Which of the protocol's forms this is, if it has several.
    fn form(&self) -> Option<Form> {
        None
    }

    /// The method of a small request.
    fn method(&self) -> &'static str;

    /// The length of the argument with which a request has the size `size`, by
    /// the protocol's own idea of size.
    fn argument_len(&self, size: usize) -> Result<usize>;

    /// The length of the frame that `bytes` begins with, once enough of it is
    /// there to tell; an error if it cannot be a frame.
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>>;

    /// The call number to use for a connection's `count`-th call. Numbers must
    /// not repeat among calls in flight.
    fn call_id(&self, count: u64) -> u64;

    /// Appends a call that carries `body` as its one argument.
    fn write_request(&self, id: u64, body: &Body<'_>, out: &mut Vec<u8>);

    /// Appends the reply that carries the request's argument back; an error if
    /// the request is not, but for the argument, as it was made.
    fn write_reply(&self, request: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Takes a reply apart; anything other than the plain success reply to a
    /// call of [`Protocol::write_request`] is an error.
    fn read_reply<'a>(&self, frame: &'a [u8]) -> Result<Reply<'a>>;

    /// Envoy's network filter for this protocol, with every call routed to the
    /// cluster `echo`: a YAML mapping in flow style, on one line.
    fn envoy_filter(&self) -> String;

    /// The same with Envoy's generic proxy, if it has a codec for this protocol.
    fn envoy_generic_filter(&self) -> Option<String> {
        None
    }
}

/// A well-formed success reply.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    /// The number of the call it answers.
    pub(crate) id: u64,
    /// The value returned.
    pub(crate) body: Value<'a>,
}

/// The bytes of a value, in as many pieces as it has in its frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    rest: &'a [u8],
    split_off: fn(&mut &'a [u8]) -> Option<&'a [u8]>,
}

impl<'a> Value<'a> {
    /// A value in one piece.
    fn whole(bytes: &'a [u8]) -> Self {
        Self::in_pieces(bytes, |rest| (!rest.is_empty()).then(|| mem::take(rest)))
    }

    /// A value whose next piece `split_off` takes from the front of `bytes`.
    fn in_pieces(bytes: &'a [u8], split_off: fn(&mut &'a [u8]) -> Option<&'a [u8]>) -> Self {
        Self {
            rest: bytes,
            split_off,
        }
    }
}

impl<'a> Iterator for Value<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        (self.split_off)(&mut self.rest)
    }
}

/// Looks a protocol up; without a form, Thrift is framed binary.
pub(crate) fn by_name(name: &str, form: Option<Form>) -> Result<&'static dyn Protocol> {
    match name {
        "dubbo" => {
            ensure!(form.is_none(), "Dubbo has no forms");
            Ok(&dubbo::Dubbo)
        }
        "thrift" => Ok(thrift::in_form(form.unwrap_or(Form::BASE))),
        other => bail!("no such protocol: {other}"),
    }
}

/// Every protocol in every form.
#[cfg(test)]
pub(crate) fn all() -> Vec<&'static dyn Protocol> {
    use clap::ValueEnum;

    let forms = Form::value_variants().iter();
    let thrift = forms.map(|&form| thrift::in_form(form));
    [&dubbo::Dubbo as &'static dyn Protocol]
        .into_iter()
        .chain(thrift)
        .collect()
}
