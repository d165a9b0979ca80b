//! Which filter chain a connection goes through.
//!
//! The criteria are asked one after the other, in Envoy's order: destination port,
//! destination address, server name, transport protocol, application protocols,
//! address of the peer, kind of source, source address, source port. At each the most
//! specific answer is taken, whatever comes of those after it; there is no way back.
//! So each is a map, and hundreds of chains cost what one costs.

use std::{collections::HashMap, hash::Hash, net::IpAddr};

use meta_core::Address;
use meta_rds::{ChainMatch, Network, SourceType};

mod networks;
#[cfg(test)]
mod tests;

use self::networks::Networks;

/// What a chain is chosen by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits<'a> {
    /// The address it came to.
    pub(crate) local: &'a Address,
    /// Where it comes from.
    pub(crate) remote: &'a Address,
    /// Its peer, which may speak for another.
    pub(crate) peer: &'a Address,
    /// Whether it begins with TLS.
    pub(crate) is_tls: bool,
    /// The name that is asked for, in lower case.
    pub(crate) server_name: Option<&'a str>,
    /// The protocols that are offered, the client's favourite first.
    pub(crate) protocols: &'a [Box<str>],
}

/// Two chains that are for the same connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) first: usize,
    pub(crate) second: usize,
}

/// Filter chains by what they are for.
#[derive(Debug, Default)]
pub(crate) struct ChainIndex {
    by_port: Keyed<u16, ByDestination>,
    needs_tls_inspector: bool,
}

type ByDestination = Networks<ByServerName>;
type ByTransport = Keyed<Box<str>, Keyed<Box<str>, ByPeer>>;
type ByPeer = Networks<BySourceType>;
type BySource = Networks<Keyed<u16, Option<usize>>>;

#[derive(Debug, Default)]
struct ByServerName {
    exact: Keyed<Box<str>, ByTransport>,
    /// By what follows the star.
    wildcard: HashMap<Box<str>, ByTransport>,
}

#[derive(Debug, Default)]
struct BySourceType {
    any: Option<BySource>,
    same: Option<BySource>,
    external: Option<BySource>,
}

impl ChainIndex {
    /// An index of chains, which are known by their places in the list.
    ///
    /// # Errors
    ///
    /// Where a connection would match two of them to the same degree.
    pub(crate) fn new<'a>(
        chains: impl IntoIterator<Item = &'a ChainMatch>,
    ) -> Result<Self, Overlap> {
        let mut index = Self::default();
        for (number, chain) in chains.into_iter().enumerate() {
            index.needs_tls_inspector |= needs_tls_inspector(chain);
            let destinations = index.by_port.at(chain.destination_port);
            for network in or_all(&chain.destinations) {
                add(destinations.at(network), chain, number)?;
            }
        }
        Ok(index)
    }

    /// Whether the first bytes of connections have to be looked at.
    pub(crate) fn needs_tls_inspector(&self) -> bool {
        self.needs_tls_inspector
    }

    /// The chain for a connection.
    pub(crate) fn find(&self, traits: &Traits<'_>) -> Option<usize> {
        let local = traits.local.socket_addr();
        let remote = traits.remote.socket_addr();
        let destinations = self
            .by_port
            .find(local.map(|local| local.port()).as_ref())?;
        let names = destinations.find(ip(traits.local))?;
        let transports = names.find(traits.server_name.unwrap_or_default())?;
        let transport = if traits.is_tls { "tls" } else { "raw_buffer" };
        let protocols = transports.find(Some(transport))?;
        let mut offered = traits.protocols.iter();
        let offered = offered.find_map(|protocol| protocols.by_key.get(protocol));
        let peers = offered.or(protocols.any.as_deref())?;
        let kinds = peers.find(ip(traits.peer))?;
        let sources = kinds.find(|| is_same_host(traits))?;
        let ports = sources.find(ip(traits.remote))?;
        *ports.find(remote.map(|remote| remote.port()).as_ref())?
    }
}

fn add(names: &mut ByServerName, chain: &ChainMatch, number: usize) -> Result<(), Overlap> {
    for name in or_none(&chain.server_names) {
        let transports = match name {
            Some(name) => match name.strip_prefix('*') {
                Some(suffix) => names.wildcard.entry(suffix.into()).or_default(),
                None => names.exact.at(Some(name.as_str().into())),
            },
            None => names.exact.at(None),
        };
        let transport = chain.transport_protocol.as_deref().map(Into::into);
        let protocols = transports.at(transport);
        for protocol in or_none(&chain.application_protocols) {
            let peers = protocols.at(protocol.map(|protocol| protocol.as_str().into()));
            for peer in or_all(&chain.direct_sources) {
                let sources = peers.at(peer).at(chain.source_type);
                for source in or_all(&chain.sources) {
                    let ports = sources.at(source);
                    for port in or_none(&chain.source_ports) {
                        take(ports.at(port.copied()), number)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn take(seat: &mut Option<usize>, number: usize) -> Result<(), Overlap> {
    match *seat {
        // One that says the same twice means no harm.
        Some(first) if first != number => Err(Overlap {
            first,
            second: number,
        }),
        _ => {
            *seat = Some(number);
            Ok(())
        }
    }
}

/// Values by key, and one for all other keys.
#[derive(Debug)]
struct Keyed<K, T> {
    by_key: HashMap<K, T>,
    any: Option<Box<T>>,
}

impl<K, T> Default for Keyed<K, T> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            any: None,
        }
    }
}

impl<K: Eq + Hash, T: Default> Keyed<K, T> {
    /// The value of the key, or of all others; made where there is none.
    fn at(&mut self, key: Option<K>) -> &mut T {
        match key {
            Some(key) => self.by_key.entry(key).or_default(),
            None => self.any.get_or_insert_default(),
        }
    }

    fn find<Q>(&self, key: Option<&Q>) -> Option<&T>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let own = key.and_then(|key| self.by_key.get(key));
        own.or(self.any.as_deref())
    }
}

impl ByServerName {
    fn find(&self, name: &str) -> Option<&ByTransport> {
        if let Some(exact) = self.exact.by_key.get(name) {
            return Some(exact);
        }
        // Of `a.b.c` these are `.b.c` and `.c`, the most specific first.
        let dots = name.match_indices('.').map(|(at, _)| at);
        let mut suffixes = dots.filter(|at| *at > 0).filter_map(|at| name.get(at..));
        let wildcard = suffixes.find_map(|suffix| self.wildcard.get(suffix));
        wildcard.or(self.exact.any.as_deref())
    }
}

impl BySourceType {
    fn at(&mut self, kind: SourceType) -> &mut BySource {
        match kind {
            SourceType::SameIpOrLoopback => self.same.get_or_insert_default(),
            SourceType::External => self.external.get_or_insert_default(),
            _ => self.any.get_or_insert_default(),
        }
    }

    fn find(&self, is_same: impl FnOnce() -> bool) -> Option<&BySource> {
        let special = match (&self.same, &self.external) {
            (None, None) => None,
            (same, external) => {
                let special = if is_same() { same } else { external };
                special.as_ref()
            }
        };
        special.or(self.any.as_ref())
    }
}

/// Whether both ends of a connection are on one host.
fn is_same_host(traits: &Traits<'_>) -> bool {
    match (traits.remote, traits.local) {
        (Address::Ip(remote), _) if remote.ip().is_loopback() => true,
        (Address::Ip(remote), Address::Ip(local)) => remote.ip() == local.ip(),
        (Address::Ip(_), _) => false,
        _ => true,
    }
}

/// The IP address; what has none stands for no network but those of all addresses.
fn ip(address: &Address) -> Option<IpAddr> {
    address.socket_addr().map(|address| address.ip())
}

fn needs_tls_inspector(chain: &ChainMatch) -> bool {
    match chain.transport_protocol.as_deref() {
        Some(protocol) => protocol == "tls",
        None => !chain.server_names.is_empty() || !chain.application_protocols.is_empty(),
    }
}

/// Each of a list; `None` once for an empty one.
fn or_none<T>(list: &[T]) -> impl Iterator<Item = Option<&T>> {
    let nothing = list.is_empty().then_some(None);
    list.iter().map(Some).chain(nothing)
}

/// Each of a list; `None` once for an empty one.
fn or_all(list: &[Network]) -> impl Iterator<Item = Option<Network>> {
    or_none(list).map(Option::<&Network>::copied)
}
