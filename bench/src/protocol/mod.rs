//! What the benchmark needs to know about an RPC protocol.
//!
//! Everything else in the crate works on frames and call numbers, so another
//! protocol is one more implementation of [`Protocol`] and a line in
//! [`by_name`].

mod thrift;

use std::fmt;

use anyhow::{Result, bail};

use crate::pattern::Body;

/// A protocol's framing, calls and replies.
pub(crate) trait Protocol: fmt::Debug + Sync {
    /// The name by which the proxy and the command line know the protocol.
    fn name(&self) -> &'static str;

    /// The length of the frame that `bytes` begins with, once enough of it is
    /// there to tell; an error if it cannot be a frame.
    fn frame_len(&self, bytes: &[u8]) -> Result<Option<usize>>;

    /// The call number to use for a connection's `count`-th call. Numbers must
    /// not repeat among calls in flight.
    fn call_id(&self, count: u64) -> u64;

    /// Appends a call that carries `body` as its one argument.
    fn write_request(&self, id: u64, body: &Body<'_>, out: &mut Vec<u8>);

    /// Appends the reply that carries the request's argument back.
    fn write_reply(&self, request: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Takes a reply apart; anything other than the plain success reply to a
    /// call of [`Protocol::write_request`] is an error.
    fn read_reply<'a>(&self, frame: &'a [u8]) -> Result<Reply<'a>>;

    /// Envoy's network filter for this protocol, with every call routed to the
    /// cluster `echo`: a YAML mapping in flow style, on one line.
    fn envoy_filter(&self) -> String;
}

/// A well-formed success reply.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    /// The number of the call it answers.
    pub(crate) id: u64,
    /// The value returned.
    pub(crate) body: &'a [u8],
}

/// Looks a protocol up.
pub(crate) fn by_name(name: &str) -> Result<&'static dyn Protocol> {
    match name {
        "thrift" => Ok(&thrift::Thrift),
        other => bail!("no such protocol: {other}"),
    }
}
