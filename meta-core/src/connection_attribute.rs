//! Attributes of the connection that a request came by.

use std::borrow::Cow;

use crate::{request::Address, session::ConnectionInfo, tls_info::PeerCertificate};

/// An attribute of a connection, under Envoy's names; matchers see it beside those of
/// the message.
///
/// The session alone says what it is. A message's own attribute of such a name, in
/// whatever case, is never looked at in its place, so that no client can claim to be
/// another. What a certificate says counts only where it was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionAttribute {
    /// `connection.requested_server_name`: the name the client asked for, by SNI.
    RequestedServerName,
    /// `connection.mtls`: `true` where the client has proved who it is by a
    /// certificate, or `false`.
    Mtls,
    /// `connection.tls_version`: `TLSv1.3`; missing without TLS.
    TlsVersion,
    /// `connection.subject_peer_certificate`: in the form of RFC 2253.
    SubjectPeerCertificate,
    /// `connection.dns_san_peer_certificate`: the first DNS name.
    DnsSanPeerCertificate,
    /// `connection.uri_san_peer_certificate`: the first URI.
    UriSanPeerCertificate,
    /// `connection.sha256_peer_certificate_digest`: lower-case hexadecimal digits.
    Sha256PeerCertificateDigest,
    /// `source.address`: the client's end, with its port.
    SourceAddress,
    /// `source.port`.
    SourcePort,
    /// `destination.address`: our end, with its port.
    DestinationAddress,
    /// `destination.port`.
    DestinationPort,
}

const NAMES: [(&str, ConnectionAttribute); 11] = [
    (
        "connection.requested_server_name",
        ConnectionAttribute::RequestedServerName,
    ),
    ("connection.mtls", ConnectionAttribute::Mtls),
    ("connection.tls_version", ConnectionAttribute::TlsVersion),
    (
        "connection.subject_peer_certificate",
        ConnectionAttribute::SubjectPeerCertificate,
    ),
    (
        "connection.dns_san_peer_certificate",
        ConnectionAttribute::DnsSanPeerCertificate,
    ),
    (
        "connection.uri_san_peer_certificate",
        ConnectionAttribute::UriSanPeerCertificate,
    ),
    (
        "connection.sha256_peer_certificate_digest",
        ConnectionAttribute::Sha256PeerCertificateDigest,
    ),
    ("source.address", ConnectionAttribute::SourceAddress),
    ("source.port", ConnectionAttribute::SourcePort),
    (
        "destination.address",
        ConnectionAttribute::DestinationAddress,
    ),
    ("destination.port", ConnectionAttribute::DestinationPort),
];

impl ConnectionAttribute {
    /// The attribute of that name, in whatever case.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut names = NAMES.iter();
        names.find_map(|(known, attribute)| known.eq_ignore_ascii_case(name).then_some(*attribute))
    }

    /// What it is of this connection; `None` where it has none.
    pub fn value(self, connection: &ConnectionInfo) -> Option<Cow<'_, str>> {
        let tls = connection.tls.as_deref();
        let peer = tls.and_then(|tls| tls.verified_peer());
        let of_peer = |value: fn(&PeerCertificate) -> Option<&str>| {
            let value = peer.and_then(value).filter(|value| !value.is_empty());
            value.map(Cow::Borrowed)
        };
        match self {
            Self::RequestedServerName => connection.server_name.as_deref().map(Cow::Borrowed),
            Self::Mtls => Some(Cow::Borrowed(match peer {
                Some(_) => "true",
                None => "false",
            })),
            Self::TlsVersion => tls.map(|tls| Cow::Borrowed(tls.version)),
            Self::SubjectPeerCertificate => of_peer(|peer| Some(&peer.subject)),
            Self::DnsSanPeerCertificate => of_peer(|peer| peer.dns_sans.first().map(|n| &**n)),
            Self::UriSanPeerCertificate => of_peer(|peer| peer.uri_sans.first().map(|n| &**n)),
            Self::Sha256PeerCertificateDigest => of_peer(|peer| Some(&peer.sha256)),
            Self::SourceAddress => Some(connection.remote.to_string().into()),
            Self::SourcePort => port(&connection.remote),
            Self::DestinationAddress => Some(connection.local.to_string().into()),
            Self::DestinationPort => port(&connection.local),
        }
    }
}

fn port(address: &Address) -> Option<Cow<'_, str>> {
    let address = address.socket_addr()?;
    Some(address.port().to_string().into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tls_info::TlsInfo;

    fn connection(is_verified: bool) -> ConnectionInfo {
        let peer = PeerCertificate {
            is_verified,
            subject: "CN=caller".into(),
            uri_sans: vec!["spiffe://a".into(), "spiffe://b".into()],
            sha256: "ab".into(),
            ..PeerCertificate::default()
        };
        ConnectionInfo {
            remote: Address::Ip(([10, 0, 0, 1], 4000).into()),
            local: Address::Memory,
            server_name: Some("greeter.example".into()),
            tls: Some(Arc::new(TlsInfo {
                version: "TLSv1.3",
                peer: Some(peer),
                ..TlsInfo::default()
            })),
            ..ConnectionInfo::default()
        }
    }

    fn values(connection: &ConnectionInfo) -> Vec<Option<String>> {
        let value = |(_, attribute): &(_, ConnectionAttribute)| attribute.value(connection);
        let values = NAMES.iter().map(value);
        values.map(|value| value.map(Cow::into_owned)).collect()
    }

    #[test]
    fn what_a_connection_says() {
        let expected = [
            Some("greeter.example"),
            Some("true"),
            Some("TLSv1.3"),
            Some("CN=caller"),
            None,
            Some("spiffe://a"),
            Some("ab"),
            Some("10.0.0.1:4000"),
            Some("4000"),
            Some("memory"),
            None,
        ];
        assert_eq!(
            values(&connection(true)),
            expected.map(|v| v.map(String::from))
        );
    }

    #[test]
    fn what_nobody_verified_does_not_count() {
        let values = values(&connection(false));
        assert_eq!(values[1].as_deref(), Some("false"));
        assert!(values[3..7].iter().all(Option::is_none), "{values:?}");
    }

    #[test]
    fn names_have_no_case() {
        let mtls = ConnectionAttribute::of_name("Connection.MTLS");
        assert_eq!(mtls, Some(ConnectionAttribute::Mtls));
        assert_eq!(ConnectionAttribute::of_name("connection.mtls2"), None);
        assert_eq!(ConnectionAttribute::of_name("method"), None);
    }
}
