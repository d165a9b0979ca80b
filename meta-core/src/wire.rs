//! Small names for what identifies a message and its form on the wire.

use std::fmt;

/// A request id as the wire carries it, widened to 64 bits.
///
/// Signed ids are kept as their bit pattern: Dubbo's −1 is `u64::MAX`,
/// Thrift's −1 is `0xFFFF_FFFF`. 0 where a protocol has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireId(pub u64);

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What makes two connections of one protocol unlike: transport, encoding,
/// multiplexing, credentials sent first. Only the codec knows what the number
/// means; connections are pooled by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireForm(pub u64);

/// The worker a piece of state belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub usize);
