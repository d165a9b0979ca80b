//! How listeners listen.

use std::time::Duration;

use envoy_types::pb::{
    envoy::config::{
        core::v3::{self as core, address::Address as Kind},
        listener::v3 as pb,
    },
    google::protobuf,
};
use meta_core::Address;

use super::Converter;
use crate::{
    bootstrap::{Keepalive, SocketSettings},
    path::Path,
};

impl Converter<'_> {
    /// Whether a listener has a socket of its own.
    #[expect(deprecated, reason = "Istio sends the older form")]
    pub(super) fn bind_to_port(raw: &pb::Listener) -> bool {
        let older = raw.deprecated_v1.as_ref();
        let older = older.and_then(|older| older.bind_to_port.as_ref());
        let flag = raw.bind_to_port.as_ref().or(older);
        flag.is_none_or(|flag| flag.value)
    }

    /// How a listener listens at its address.
    pub(super) fn socket_settings(
        &mut self,
        raw: &pb::Listener,
        address: Option<&Address>,
        path: &Path<'_>,
    ) -> SocketSettings {
        let mut settings = Self::common_settings(raw, raw.address.as_ref());
        settings.keepalive = keepalive(raw.tcp_keepalive.as_ref());
        let place = path.field("socket_options");
        settings.options = self.socket_options(&raw.socket_options, address, &place);
        settings
    }

    /// Where a listener listens besides.
    pub(super) fn additional_addresses(
        &mut self,
        raw: &pb::Listener,
        path: &Path<'_>,
    ) -> Vec<(Address, SocketSettings)> {
        let list = path.field("additional_addresses");
        let mut addresses = Vec::new();
        for (index, more) in raw.additional_addresses.iter().enumerate() {
            let place = list.index(index);
            let address = more.address.as_ref();
            let address = address.and_then(|raw| self.address(raw, &place.field("address")));
            let Some(address) = address else {
                continue;
            };
            let mut settings = Self::common_settings(raw, more.address.as_ref());
            let probes = more.tcp_keepalive.as_ref();
            settings.keepalive = keepalive(probes.or(raw.tcp_keepalive.as_ref()));
            // Its own take the place of the listener's.
            settings.options = match &more.socket_options {
                Some(own) => {
                    let place = place.field("socket_options");
                    let place = place.field("socket_options");
                    self.socket_options(&own.socket_options, Some(&address), &place)
                }
                None => {
                    let place = path.field("socket_options");
                    self.socket_options(&raw.socket_options, Some(&address), &place)
                }
            };
            addresses.push((address, settings));
        }
        addresses
    }

    /// What is the same for all addresses of a listener, or stands in the address.
    fn common_settings(raw: &pb::Listener, address: Option<&core::Address>) -> SocketSettings {
        let is_set = |flag: &Option<protobuf::BoolValue>| flag.as_ref().is_some_and(|f| f.value);
        let mut settings = SocketSettings {
            backlog: raw.tcp_backlog_size.as_ref().map(|size| size.value),
            transparent: is_set(&raw.transparent),
            freebind: is_set(&raw.freebind),
            ..SocketSettings::default()
        };
        match address.and_then(|address| address.address.as_ref()) {
            Some(Kind::SocketAddress(address)) => settings.ipv4_compat = address.ipv4_compat,
            Some(Kind::Pipe(pipe)) => settings.mode = Some(pipe.mode).filter(|mode| *mode > 0),
            _ => {}
        }
        settings
    }
}

/// `None` where nothing is probed: one of the numbers is 0.
fn keepalive(raw: Option<&core::TcpKeepalive>) -> Option<Keepalive> {
    let raw = raw?;
    let seconds = |raw: &Option<protobuf::UInt32Value>| {
        let seconds = raw.as_ref().map(|raw| raw.value);
        seconds.map(|seconds| Duration::from_secs(seconds.into()))
    };
    let keepalive = Keepalive {
        probes: raw.keepalive_probes.as_ref().map(|raw| raw.value),
        time: seconds(&raw.keepalive_time),
        interval: seconds(&raw.keepalive_interval),
    };
    let zero = Some(Duration::ZERO);
    let is_off =
        keepalive.probes == Some(0) || keepalive.time == zero || keepalive.interval == zero;
    (!is_off).then_some(keepalive)
}
