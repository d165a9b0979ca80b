//! What a client is told.

use std::{fmt, time::Duration};

use bytes::Bytes;
use envoy_types::pb::envoy::config::core::v3::Node;

/// A kind of resource: all that the client has to know of it.
pub(crate) struct ResourceType<V> {
    /// What requests for it and its resources are marked with.
    pub(crate) type_url: &'static str,
    /// Whether a response in [`Mode::StateOfTheWorld`] holds all there is, so that
    /// what it leaves out is gone.
    pub(crate) is_whole: bool,
    /// Reads a resource, whose name is its field number 1, as in every type there is.
    pub(crate) decode: fn(&[u8]) -> Result<Decoded<V>, String>,
}

/// A resource that was read.
pub(crate) struct Decoded<V> {
    pub(crate) value: V,
    /// Equal for resources that mean the same.
    pub(crate) canonical: Bytes,
}

/// How a server tells what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    /// Everything that was asked for, each time.
    #[default]
    StateOfTheWorld,
    /// What changed.
    Delta,
}

/// How a client goes about it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) node: Node,
    /// Whether only the first request of a stream names the node.
    pub(crate) node_once: bool,
    /// The bounds of the first and of the longest wait between two connections.
    pub(crate) reconnect: [Duration; 2],
    /// The first and the longest wait before a refusal is told again.
    pub(crate) refuse: [Duration; 2],
    /// How often everything is asked for again where a stream goes on; there are
    /// servers that forget a subscription. In state of the world alone.
    pub(crate) ask_again: Option<Duration>,
}

impl Settings {
    pub(crate) fn new(mode: Mode, node: Node) -> Self {
        Self {
            mode,
            node,
            node_once: false,
            reconnect: [Duration::from_millis(500), Duration::from_secs(30)],
            refuse: [Duration::from_millis(100), Duration::from_secs(1)],
            ask_again: Some(Duration::from_secs(60)),
        }
    }
}

impl<V> fmt::Debug for ResourceType<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_url)
    }
}
