//! What looks at connections before a filter chain is chosen.

use std::{ops::Range, time::Duration};

/// What looks at a listener's connections before a chain is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerFilters {
    /// In their order. Default: none.
    pub list: Vec<ListenerFilter>,
    /// How long a connection may take for all of them; `None`: as long as it likes.
    /// Default: 15 s.
    pub timeout: Option<Duration>,
    /// Whether a connection that took too long goes on, with what is known of it,
    /// rather than being closed. Default: no.
    pub continue_on_timeout: bool,
    /// Whether a connection whose original destination is the address of another
    /// listener is handed over to that one. Default: no.
    pub hand_off: bool,
}

impl Default for ListenerFilters {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            timeout: Some(Duration::from_secs(15)),
            continue_on_timeout: false,
            hand_off: false,
        }
    }
}

/// One that looks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerFilter {
    /// What it does.
    pub kind: ListenerFilterKind,
    /// Where it does not look. Default: it looks everywhere.
    pub disabled: Option<DestinationPorts>,
}

impl From<ListenerFilterKind> for ListenerFilter {
    fn from(kind: ListenerFilterKind) -> Self {
        Self {
            kind,
            disabled: None,
        }
    }
}

/// What a listener filter does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerFilterKind {
    /// Finds out whether a client begins with TLS, and which name and protocols it
    /// asks for.
    TlsInspector(TlsInspectorFilter),
    /// Takes the PROXY header that a load balancer puts before a connection, and the
    /// addresses in it for those of the connection.
    ProxyProtocol(ProxyProtocolFilter),
    /// Takes the address that a connection was made to before the system redirected
    /// it for its local one.
    OriginalDestination,
}

/// How connections are looked at for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInspectorFilter {
    /// The longest ClientHello that is waited for. Default: 16 KiB.
    pub max_hello_bytes: usize,
    /// Whether a connection that begins as TLS does and goes on otherwise is closed,
    /// rather than taken for plain bytes. Default: no.
    pub close_on_error: bool,
}

impl Default for TlsInspectorFilter {
    fn default() -> Self {
        Self {
            max_hello_bytes: 16 << 10,
            close_on_error: false,
        }
    }
}

/// What is expected before a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyProtocolFilter {
    /// Whether connections without a PROXY header are let in too. Default: no.
    ///
    /// Then whoever can connect can say who it is.
    pub allow_without: bool,
    /// The versions that are refused. Default: none.
    pub disallowed_versions: Vec<ProxyProtocolVersion>,
    /// What its statistics stand under: `proxy_proto.<stat_prefix>.`. Default:
    /// `proxy_proto.` alone.
    pub stat_prefix: String,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocolVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// A condition on the port that a connection came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationPorts {
    /// It holds everywhere.
    Any,
    /// It holds for these ports.
    Range(Range<i32>),
    /// It holds where the other does not.
    Not(Box<Self>),
    /// It holds where all hold.
    All(Vec<Self>),
    /// It holds where one holds.
    OneOf(Vec<Self>),
}

impl DestinationPorts {
    /// Whether it holds for a connection that came to `port`; `None`: that came to no
    /// port.
    pub fn holds(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Range(range) => port.is_some_and(|port| range.contains(&i32::from(port))),
            Self::Not(other) => !other.holds(port),
            Self::All(list) => list.iter().all(|one| one.holds(port)),
            Self::OneOf(list) => list.iter().any(|one| one.holds(port)),
        }
    }
}
