//! Listeners and their filter chains.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use meta_core::Address;
use meta_tls::ServerTlsConfig;

use super::{ListenerFilters, ProxySettings, SocketSettings};
use crate::problem::Place;

/// An address where requests come in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listener {
    /// Its name, unique in the bootstrap; its address where the file gives none.
    pub name: Arc<str>,
    /// What its statistics stand under, in place of its address.
    pub stat_prefix: Option<Arc<str>>,
    /// Where it listens; port 0 lets the system choose.
    pub address: Address,
    /// Where it listens besides, and how.
    pub additional_addresses: Vec<(Address, SocketSettings)>,
    /// How it listens at its address.
    pub socket: SocketSettings,
    /// Whether it listens at all; else its connections come from listeners that hand
    /// them over.
    pub bind_to_port: bool,
    /// What looks at connections before a chain is chosen.
    pub filters: ListenerFilters,
    /// What becomes of connections, by their addresses and what they begin with.
    pub filter_chains: Vec<FilterChain>,
    /// What becomes of those that match no chain.
    pub default_filter_chain: Option<FilterChain>,
    /// Bytes that wait to be written to a client before nothing more is read.
    pub write_buffer_bytes: Option<usize>,
    /// Connections open at a time; what comes beyond is closed.
    pub max_connections: Option<usize>,
    /// Whether it takes connections beyond the bound on those of all listeners.
    pub ignore_global_limit: bool,
    /// Whether its requests come into the service beside the proxy, or leave that.
    pub traffic_direction: TrafficDirection,
    /// Where it stands, for messages.
    pub place: Place,
}

/// Which way requests go, seen from the service beside the proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficDirection {
    /// It is not said.
    #[default]
    Unspecified,
    /// They come into the service.
    Inbound,
    /// They leave it.
    Outbound,
}

/// What becomes of some of a listener's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilterChain {
    /// Its name; may be empty.
    pub name: String,
    /// Which connections.
    pub matches: ChainMatch,
    /// How they are proxied.
    pub proxy: ProxySettings,
    /// TLS; `None`: plain bytes.
    pub tls: Option<ServerTlsConfig>,
    /// Where it stands, for messages.
    pub place: Place,
}

/// Which connections a chain is for; what is empty or `None` holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainMatch {
    /// The port they came to.
    pub destination_port: Option<u16>,
    /// The networks they came to.
    pub destinations: Vec<Network>,
    /// The names that TLS clients ask for, in lower case; may begin with `*.`, which
    /// stands for one label or more.
    pub server_names: Vec<String>,
    /// `tls` or `raw_buffer`.
    pub transport_protocol: Option<String>,
    /// The protocols that TLS clients offer (ALPN).
    pub application_protocols: Vec<String>,
    /// The networks that their peers are in, whoever those speak for.
    pub direct_sources: Vec<Network>,
    /// Where they come from, roughly.
    pub source_type: SourceType,
    /// The networks they come from.
    pub sources: Vec<Network>,
    /// The ports they come from.
    pub source_ports: Vec<u16>,
}

/// Where a connection comes from, roughly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceType {
    /// From anywhere.
    #[default]
    Any,
    /// From the same host: a loopback address, the address it came to, or a unix
    /// socket.
    SameIpOrLoopback,
    /// From another host.
    External,
}

/// A network: an address, and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    ip: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of the first `bits` bits of `ip`; `None` where it has not so many.
    pub fn new(ip: IpAddr, bits: u8) -> Option<Self> {
        let network = Self { ip, bits };
        (bits <= network.width()).then(|| Self {
            ip: network.mask(ip),
            ..network
        })
    }

    /// Its first address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How many bits count.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether `ip` is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.ip.is_ipv4() == ip.is_ipv4() && self.mask(ip) == self.ip
    }

    fn width(&self) -> u8 {
        if self.ip.is_ipv4() { 32 } else { 128 }
    }

    fn mask(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(ip) => {
                let all = u32::MAX.checked_shl(u32::from(32_u8.saturating_sub(self.bits)));
                Ipv4Addr::from(u32::from(ip) & all.unwrap_or(0)).into()
            }
            IpAddr::V6(ip) => {
                let all = u128::MAX.checked_shl(u32::from(128_u8.saturating_sub(self.bits)));
                IpAddr::V6((u128::from(ip) & all.unwrap_or(0)).into())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}
