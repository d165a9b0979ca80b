//! How sockets listen.

use std::time::Duration;

/// How a socket listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketSettings {
    /// Connections that wait to be accepted; the system may have a lower bound.
    /// Default: 4096.
    pub backlog: Option<u32>,
    /// Whether an IPv6 socket that listens on all addresses takes IPv4 connections
    /// too. Default: no.
    pub ipv4_compat: bool,
    /// The permissions of a unix socket's file. Default: those of the process.
    pub mode: Option<u32>,
    /// Whether it may take connections to addresses that are not the host's (Linux).
    /// Default: no.
    pub transparent: bool,
    /// Whether it may be bound to an address that the host does not have yet (Linux).
    /// Default: no.
    pub freebind: bool,
    /// Whether connections at rest are probed. Default: as the system does.
    pub keepalive: Option<Keepalive>,
    /// What else the system is told of it, in order.
    pub options: Vec<SocketOption>,
}

impl SocketSettings {
    /// Whether it may take connections to addresses that are not the host's.
    pub fn is_transparent(&self) -> bool {
        self.transparent || self.options.contains(&SocketOption::Transparent(true))
    }
}

/// How connections at rest are probed; what is `None` is as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// Probes without an answer after which a connection is broken.
    pub probes: Option<u32>,
    /// How long a connection is at rest before the first.
    pub time: Option<Duration>,
    /// How long after one the next comes.
    pub interval: Option<Duration>,
}

/// What the system can be told of a socket. Connections have it from their listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketOption {
    /// `SO_KEEPALIVE`.
    Keepalive(bool),
    /// `TCP_KEEPIDLE`.
    KeepaliveTime(Duration),
    /// `TCP_KEEPINTVL`.
    KeepaliveInterval(Duration),
    /// `TCP_KEEPCNT`.
    KeepaliveProbes(u32),
    /// `TCP_USER_TIMEOUT`: how long what was sent may go without an acknowledgement.
    UserTimeout(Duration),
    /// `TCP_NODELAY`; connections always have it.
    NoDelay(bool),
    /// `TCP_MAXSEG`.
    MaxSegment(u32),
    /// `SO_SNDBUF`.
    SendBuffer(usize),
    /// `SO_RCVBUF`.
    ReceiveBuffer(usize),
    /// `SO_REUSEADDR`.
    ReuseAddress(bool),
    /// `SO_REUSEPORT`.
    ReusePort(bool),
    /// `SO_PRIORITY`.
    Priority(u32),
    /// `SO_MARK`.
    Mark(u32),
    /// `IP_TOS`.
    TypeOfService(u32),
    /// `IPV6_TCLASS`.
    TrafficClass(u32),
    /// `IP_TTL`.
    TimeToLive(u32),
    /// `IPV6_UNICAST_HOPS`.
    HopLimit(u32),
    /// `IPV6_V6ONLY`.
    OnlyV6(bool),
    /// `IP_TRANSPARENT` and `IPV6_TRANSPARENT`.
    Transparent(bool),
    /// `IP_FREEBIND` and `IPV6_FREEBIND`.
    Freebind(bool),
}
