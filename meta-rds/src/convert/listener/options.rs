//! Socket options by their numbers, which are Linux'.

use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{
    SocketOption as Raw,
    socket_option::{SocketIpVersion, Value},
};
use meta_core::Address;

use super::Converter;
use crate::{bootstrap::SocketOption, path::Path};

impl Converter<'_> {
    /// The options that concern a socket of this address.
    pub(super) fn socket_options(
        &mut self,
        raw: &[Raw],
        address: Option<&Address>,
        path: &Path<'_>,
    ) -> Vec<SocketOption> {
        let mut options = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let place = path.index(index);
            let option = self.socket_option(raw, &place);
            if concerns(raw, address) {
                options.extend(option);
            }
        }
        options
    }

    fn socket_option(&mut self, raw: &Raw, path: &Path<'_>) -> Option<SocketOption> {
        let value = match raw.value.as_ref()? {
            Value::IntValue(value) => *value,
            Value::BufValue(_) => {
                let text = "socket options whose values are bytes are not implemented yet";
                self.unsupported(&path.field("buf_value"), text);
                return None;
            }
        };
        let Some(make) = known(raw.level, raw.name) else {
            let (level, name) = (raw.level, raw.name);
            let text = format!("the socket option {name} of level {level} is not implemented");
            self.unsupported(path, text);
            return None;
        };
        let option = u32::try_from(value).ok().map(make);
        if option.is_none() {
            let text = format!("{value} is not a value of this option");
            self.error(&path.field("int_value"), text);
        }
        option
    }
}

/// Whether an option is for sockets such as that of the address.
fn concerns(raw: &Raw, address: Option<&Address>) -> bool {
    let kind = raw.r#type.as_ref();
    if kind.is_some_and(|kind| kind.datagram.is_some() && kind.stream.is_none()) {
        return false;
    }
    let ip = address.and_then(Address::socket_addr);
    match raw.ip_version() {
        SocketIpVersion::Unspecified => true,
        SocketIpVersion::Ipv4 => ip.is_some_and(|ip| ip.is_ipv4()),
        SocketIpVersion::Ipv6 => ip.is_some_and(|ip| ip.is_ipv6()),
    }
}

/// What an option of this level and name is made of.
fn known(level: i64, name: i64) -> Option<fn(u32) -> SocketOption> {
    const SOCKET: i64 = 1;
    const IP: i64 = 0;
    const TCP: i64 = 6;
    const IPV6: i64 = 41;
    use SocketOption::*;
    Some(match (level, name) {
        (SOCKET, 2) => |value| ReuseAddress(value != 0),
        (SOCKET, 7) => |value| SendBuffer(value as usize),
        (SOCKET, 8) => |value| ReceiveBuffer(value as usize),
        (SOCKET, 9) => |value| Keepalive(value != 0),
        (SOCKET, 12) => Priority,
        (SOCKET, 15) => |value| ReusePort(value != 0),
        (SOCKET, 36) => Mark,
        (IP, 1) => TypeOfService,
        (IP, 2) => TimeToLive,
        (IP, 15) | (IPV6, 78) => |value| Freebind(value != 0),
        (IP, 19) | (IPV6, 75) => |value| Transparent(value != 0),
        (TCP, 1) => |value| NoDelay(value != 0),
        (TCP, 2) => MaxSegment,
        (TCP, 4) => |value| KeepaliveTime(Duration::from_secs(value.into())),
        (TCP, 5) => |value| KeepaliveInterval(Duration::from_secs(value.into())),
        (TCP, 6) => KeepaliveProbes,
        (TCP, 18) => |value| UserTimeout(Duration::from_millis(value.into())),
        (IPV6, 16) => HopLimit,
        (IPV6, 26) => |value| OnlyV6(value != 0),
        (IPV6, 67) => TrafficClass,
        _ => return None,
    })
}
