//! Values by network.

use std::{collections::HashMap, net::IpAddr};

use meta_rds::Network;

/// Values by network, of which the smallest that holds an address counts.
#[derive(Debug)]
pub(super) struct Networks<T> {
    by_network: HashMap<Network, T>,
    /// The lengths of networks that there are, the longest first.
    lengths: [Vec<u8>; 2],
    /// What is for every address. A network of all IPv4 addresses, or of all of
    /// IPv6, is before it.
    all: Option<Box<T>>,
}

impl<T> Default for Networks<T> {
    fn default() -> Self {
        Self {
            by_network: HashMap::new(),
            lengths: [Vec::new(), Vec::new()],
            all: None,
        }
    }
}

impl<T: Default> Networks<T> {
    /// The value of a network, or of all addresses; made where there is none.
    pub(super) fn at(&mut self, network: Option<Network>) -> &mut T {
        let Some(network) = network else {
            return self.all.get_or_insert_default();
        };
        let lengths = &mut self.lengths[usize::from(network.ip().is_ipv6())];
        if let Err(place) = lengths.binary_search_by(|length| network.bits().cmp(length)) {
            lengths.insert(place, network.bits());
        }
        self.by_network.entry(network).or_default()
    }

    pub(super) fn find(&self, ip: Option<IpAddr>) -> Option<&T> {
        let own = ip.and_then(|ip| {
            let lengths = &self.lengths[usize::from(ip.is_ipv6())];
            let mut networks = lengths.iter().filter_map(|bits| Network::new(ip, *bits));
            networks.find_map(|network| self.by_network.get(&network))
        });
        own.or(self.all.as_deref())
    }
}
