//! Addresses as they are written on the command line.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    str::FromStr,
};

use meta_core::Address;
use meta_router::DnsHost;

/// Reads `IP:PORT`, `HOST:PORT` or `unix:PATH`. A host name is resolved here and
/// never again; of its addresses the first counts.
pub(super) fn parse_address(text: &str) -> Result<Address, String> {
    let host = match parse_upstream(text)? {
        Upstream::At(address) => return Ok(address),
        Upstream::Named(host) => host,
    };
    match (&*host.name, host.port).to_socket_addrs() {
        Ok(mut found) => match found.next() {
            Some(address) => Ok(address.into()),
            None => Err(format!("the host {:?} has no address", host.name)),
        },
        Err(error) => Err(format!("cannot resolve the host {:?}: {error}", host.name)),
    }
}

/// A server: its address, or its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upstream {
    At(Address),
    Named(DnsHost),
}

/// Reads `IP:PORT`, `HOST:PORT` or `unix:PATH`.
pub(super) fn parse_upstream(text: &str) -> Result<Upstream, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err("expected a path behind `unix:`".to_owned()),
            path => Ok(Upstream::At(Address::Unix(PathBuf::from(path)))),
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Upstream::At(address.into()));
    }
    let expected = "expected IP:PORT, HOST:PORT or unix:PATH";
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("{expected}; there is no port"));
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(format!("{expected}; {port:?} is no port (0 to 65535)"));
    };
    if host.is_empty() || host.contains([':', '[', ']']) {
        return Err(format!("{expected}; {host:?} is neither"));
    }
    Ok(Upstream::Named(DnsHost::new(host, port)))
}

/// Where the admin answers: an address, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdminAddress {
    Off,
    At(SocketAddr),
}

impl FromStr for AdminAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            text => match text.parse() {
                Ok(address) => Ok(Self::At(address)),
                Err(_) => Err("expected IP:PORT or off".to_owned()),
            },
        }
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("127.0.0.1:20880", "127.0.0.1:20880"),
            ("[::1]:1", "[::1]:1"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:a b", "unix:a b"),
        ] {
            let address = parse_address(text).expect(text);
            assert_eq!(address.to_string(), expected);
        }
        let Ok(Address::Ip(local)) = parse_address("localhost:80") else {
            panic!("localhost is known");
        };
        assert!(local.ip().is_loopback());
    }

    #[test]
    fn servers_keep_their_names() {
        let named = parse_upstream("greeter.test:80").expect("a name");
        assert_eq!(named, Upstream::Named(DnsHost::new("greeter.test", 80)));
        let at = parse_upstream("[::1]:80").expect("an address");
        assert!(matches!(at, Upstream::At(Address::Ip(_))));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("", "there is no port"),
            ("127.0.0.1", "there is no port"),
            ("127.0.0.1:99999", "\"99999\" is no port"),
            ("::1:80", "\"::1\" is neither"),
            (":80", "\"\" is neither"),
            ("unix:", "a path behind"),
        ] {
            let error = parse_address(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_admin_can_be_off() {
        assert_eq!("off".parse(), Ok(AdminAddress::Off));
        let at = "127.0.0.1:0".parse::<AdminAddress>().expect("an address");
        assert_eq!(at.to_string(), "127.0.0.1:0");
        "on".parse::<AdminAddress>().expect_err("neither");
    }
}
