//! Addresses.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use envoy_types::pb::envoy::config::core::v3::{
    self as core, address::Address as Kind, socket_address::PortSpecifier,
};
use meta_core::Address;

use super::Converter;
use crate::{bootstrap::Network, path::Path};

/// An address, or a name that DNS may know.
pub(super) enum Host {
    Address(Address),
    Name(String, u16),
}

impl Converter<'_> {
    /// An address where no name may stand.
    pub(super) fn address(&mut self, raw: &core::Address, path: &Path<'_>) -> Option<Address> {
        match self.host(raw, path)? {
            Host::Address(address) => Some(address),
            Host::Name(name, _) => {
                let text = format!("{name:?} is no IP address");
                self.error(&path.field("socket_address").field("address"), text);
                None
            }
        }
    }

    /// Tells of what only sockets that listen have, where none of them does as it says.
    pub(super) fn tell_of_binding(&mut self, raw: &core::Address, path: &Path<'_>) {
        let text = "no effect: this is of listeners' sockets alone";
        match raw.address.as_ref() {
            Some(Kind::SocketAddress(raw)) if raw.ipv4_compat => {
                self.warn(&path.field("socket_address").field("ipv4_compat"), text);
            }
            Some(Kind::Pipe(pipe)) if pipe.mode > 0 => {
                self.warn(&path.field("pipe").field("mode"), text);
            }
            _ => {}
        }
    }

    pub(super) fn host(&mut self, raw: &core::Address, path: &Path<'_>) -> Option<Host> {
        match raw.address.as_ref()? {
            Kind::Pipe(pipe) if !pipe.path.is_empty() => {
                let path = PathBuf::from(&pipe.path);
                Some(Host::Address(Address::Unix(path)))
            }
            Kind::SocketAddress(raw) => self.socket(raw, &path.field("socket_address")),
            // Told by the rules and the table of fields.
            Kind::Pipe(_) | Kind::EnvoyInternalAddress(_) => None,
        }
    }

    fn socket(&mut self, raw: &core::SocketAddress, path: &Path<'_>) -> Option<Host> {
        if raw.protocol != core::socket_address::Protocol::Tcp as i32 {
            self.error(&path.field("protocol"), "only TCP is proxied");
        }
        let Some(PortSpecifier::PortValue(port)) = raw.port_specifier else {
            return None;
        };
        let Ok(port) = u16::try_from(port) else {
            let text = format!("{port} is no port (0 to 65535)");
            self.error(&path.field("port_value"), text);
            return None;
        };
        match raw.address.parse::<IpAddr>() {
            Ok(ip) => Some(Host::Address(SocketAddr::new(ip, port).into())),
            Err(_) if raw.address.is_empty() => None,
            Err(_) => Some(Host::Name(raw.address.clone(), port)),
        }
    }

    /// A network: an address and the bits of it that count.
    pub(super) fn network(&mut self, raw: &core::CidrRange, path: &Path<'_>) -> Option<Network> {
        let Ok(ip) = raw.address_prefix.parse::<IpAddr>() else {
            let text = format!("{:?} is no IP address", raw.address_prefix);
            self.error(&path.field("address_prefix"), text);
            return None;
        };
        let bits = raw.prefix_len.as_ref().map_or(0, |length| length.value);
        let network = u8::try_from(bits).ok();
        let network = network.and_then(|bits| Network::new(ip, bits));
        if network.is_none() {
            let all = if ip.is_ipv4() { 32 } else { 128 };
            let text = format!("must be at most {all}, is {bits}");
            self.error(&path.field("prefix_len"), text);
        }
        network
    }
}
