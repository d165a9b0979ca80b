//! Which listener a redirected connection belongs to.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use meta_core::Address;

/// Listeners by the addresses that connections were made to.
#[derive(Debug, Default)]
pub(crate) struct HandOff {
    exact: HashMap<SocketAddr, usize>,
    /// Those that listen on all addresses of the host, by port.
    all_v4: HashMap<u16, usize>,
    all_v6: HashMap<u16, usize>,
}

impl HandOff {
    /// Adds an address of the listener of this index; of two at the same address the
    /// first counts.
    pub(crate) fn add(&mut self, address: &Address, takes_ipv4: bool, listener: usize) {
        let Some(address) = address.socket_addr() else {
            return;
        };
        if !address.ip().is_unspecified() {
            self.exact.entry(address).or_insert(listener);
            return;
        }
        if address.is_ipv4() || takes_ipv4 {
            self.all_v4.entry(address.port()).or_insert(listener);
        }
        if address.is_ipv6() {
            self.all_v6.entry(address.port()).or_insert(listener);
        }
    }

    /// The listener of this very address, or of its port on all addresses.
    pub(crate) fn listener(&self, address: &Address) -> Option<usize> {
        let address = address.socket_addr()?;
        let all = match address.ip() {
            IpAddr::V4(_) => &self.all_v4,
            IpAddr::V6(_) => &self.all_v6,
        };
        let found = self.exact.get(&address).or(all.get(&address.port()));
        found.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::Ip(text.parse().expect("an address"))
    }

    #[test]
    fn the_very_address_is_before_all_addresses() {
        let mut listeners = HandOff::default();
        listeners.add(&address("0.0.0.0:80"), false, 0);
        listeners.add(&address("10.0.0.1:80"), false, 1);
        listeners.add(&address("10.0.0.1:80"), false, 2);
        listeners.add(&address("[::]:81"), true, 3);
        listeners.add(&address("[::]:82"), false, 4);
        listeners.add(&Address::Unix("/run/a".into()), false, 5);
        for (to, expected) in [
            ("10.0.0.1:80", Some(1)),
            ("10.0.0.2:80", Some(0)),
            ("[2001:db8::1]:80", None),
            ("10.0.0.2:81", Some(3)),
            ("[2001:db8::1]:81", Some(3)),
            ("10.0.0.2:82", None),
            ("[2001:db8::1]:82", Some(4)),
        ] {
            assert_eq!(listeners.listener(&address(to)), expected, "{to}");
        }
    }
}
