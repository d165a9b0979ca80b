//! The operators: what can stand between two percent signs.

use super::{super::error::FormatError, time::TimeFormat};

/// One operator, with what it was told.
#[derive(Debug)]
pub(super) enum Operator {
    StartTime(TimeFormat),
    Request(Lookup),
    Response(Lookup),
    Plain(Plain),
}

/// A key of the request's or the response's metadata.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) key: Box<str>,
    /// Where there is no such key.
    pub(super) otherwise: Option<Box<str>>,
    pub(super) max_chars: Option<usize>,
}

macro_rules! plain {
    ($($variant:ident $($name:literal)+,)*) => {
        /// An operator that is told nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Plain {
            $($variant,)*
        }

        impl Plain {
            fn of(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// All names.
            #[cfg(test)]
            pub(super) const NAMES: &[&str] = &[$($($name,)+)*];
        }
    };
}

plain! {
    ResponseCode "RESPONSE_CODE",
    ResponseCodeDetails "RESPONSE_CODE_DETAILS",
    ResponseFlags "RESPONSE_FLAGS",
    LocalReplyBody "LOCAL_REPLY_BODY",
    ConnectionTermination "CONNECTION_TERMINATION_DETAILS",
    TransportFailure "UPSTREAM_TRANSPORT_FAILURE_REASON",
    BytesReceived "BYTES_RECEIVED",
    BytesSent "BYTES_SENT",
    Duration "DURATION",
    UpstreamCluster "UPSTREAM_CLUSTER" "UPSTREAM_CLUSTER_RAW",
    UpstreamHost "UPSTREAM_HOST" "UPSTREAM_REMOTE_ADDRESS",
    UpstreamLocal "UPSTREAM_LOCAL_ADDRESS",
    DownstreamLocal "DOWNSTREAM_LOCAL_ADDRESS",
    DownstreamLocalIp "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    DownstreamRemote "DOWNSTREAM_REMOTE_ADDRESS",
    DownstreamRemoteIp "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    RouteName "ROUTE_NAME",
    ServerName "REQUESTED_SERVER_NAME",
    TlsVersion "DOWNSTREAM_TLS_VERSION",
    TlsCipher "DOWNSTREAM_TLS_CIPHER",
    PeerSubject "DOWNSTREAM_PEER_SUBJECT",
    PeerIssuer "DOWNSTREAM_PEER_ISSUER",
    PeerSerial "DOWNSTREAM_PEER_SERIAL",
    PeerUriSan "DOWNSTREAM_PEER_URI_SAN",
    PeerDnsSan "DOWNSTREAM_PEER_DNS_SAN",
    PeerFingerprint "DOWNSTREAM_PEER_FINGERPRINT_256",
    Protocol "PROTOCOL",
    Operation "OPERATION",
    ConnectionId "CONNECTION_ID",
}

impl Operator {
    /// The operator `name`, told `argument` and to be cut after `max_chars`; `at` is
    /// where it stands.
    pub(super) fn new(
        at: usize,
        name: &str,
        argument: Option<&str>,
        max_chars: Option<usize>,
    ) -> Result<Self, FormatError> {
        let error = |reason: String| Err(FormatError::new(at, reason));
        if max_chars.is_some() && !matches!(name, "REQ" | "RESP") {
            return error(format!("{name} takes no length"));
        }
        match (name, argument) {
            ("START_TIME", format) => {
                let format = TimeFormat::parse(format.unwrap_or_default());
                let format = format.map_err(|reason| FormatError::new(at, reason))?;
                Ok(Self::StartTime(format))
            }
            ("REQ", Some(keys)) => Lookup::parse(at, keys, max_chars).map(Self::Request),
            ("RESP", Some(keys)) => Lookup::parse(at, keys, max_chars).map(Self::Response),
            ("REQ" | "RESP", None) => error(format!("{name} needs a key: {name}(KEY)")),
            (name, argument) => match (Plain::of(name), argument) {
                (Some(plain), None) => Ok(Self::Plain(plain)),
                (Some(_), Some(_)) => error(format!("{name} takes nothing in brackets")),
                (None, _) => error(format!("unknown operator {name}")),
            },
        }
    }
}

impl Lookup {
    fn parse(at: usize, keys: &str, max_chars: Option<usize>) -> Result<Self, FormatError> {
        let (key, otherwise) = match keys.split_once('?') {
            Some((key, otherwise)) => (key, Some(otherwise)),
            None => (keys, None),
        };
        let several = otherwise.is_some_and(|key| key.contains('?'));
        if key.is_empty() || otherwise.is_some_and(str::is_empty) || several {
            let reason = format!("{keys:?} is neither a key nor two of the form X?Y");
            return Err(FormatError::new(at, reason));
        }
        Ok(Self {
            key: key.into(),
            otherwise: otherwise.map(Into::into),
            max_chars,
        })
    }
}
