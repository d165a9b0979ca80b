//! The PROXY protocol, versions 1 and 2: whom a load balancer speaks for.

use std::net::SocketAddr;

use meta_core::{
    Address,
    stats::{Cell, Counter},
};
use meta_rds::{ProxyProtocolFilter, ProxyProtocolVersion};

use crate::arrival::{Arrival, LookError};

mod header;

use self::header::{Header, HeaderError, MAX_BYTES};

/// Takes PROXY headers.
#[derive(Debug)]
pub(super) struct ProxyProtocol {
    config: ProxyProtocolFilter,
    stats: ProxyProtocolStats,
    /// What its statistics stand under.
    prefix: String,
}

/// Exposed under `proxy_proto.`.
#[derive(Debug, Default)]
struct ProxyProtocolStats {
    not_found_disallowed: Counter,
    not_found_allowed: Counter,
    v1: VersionStats,
    v2: VersionStats,
}

/// Exposed under `proxy_proto.versions.<version>.`.
#[derive(Debug, Default)]
struct VersionStats {
    found: Counter,
    disallowed: Counter,
    error: Counter,
}

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyProtocolError {
    #[error("there is no header, and there has to be")]
    Missing,
    #[error("headers of version {} are not allowed", version_number(*.0))]
    Disallowed(ProxyProtocolVersion),
    #[error("{0}")]
    Header(#[from] HeaderError),
    #[error("the client closed the connection amid the header")]
    Closed,
    #[error(transparent)]
    Io(std::io::Error),
}

impl ProxyProtocolError {
    /// Whether it is the header's, or that of its lack, rather than the connection's.
    pub(super) fn is_of_header(&self) -> bool {
        !matches!(self, Self::Closed | Self::Io(_))
    }
}

impl ProxyProtocol {
    pub(super) fn new(config: ProxyProtocolFilter) -> Self {
        Self {
            prefix: match config.stat_prefix.as_str() {
                "" => "proxy_proto".to_owned(),
                prefix => format!("proxy_proto.{prefix}"),
            },
            config,
            stats: ProxyProtocolStats::default(),
        }
    }

    pub(super) fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let stats = &self.stats;
        for (name, counter) in [
            ("not_found_disallowed", &stats.not_found_disallowed),
            ("not_found_allowed", &stats.not_found_allowed),
            ("versions.v1.found", &stats.v1.found),
            ("versions.v1.disallowed", &stats.v1.disallowed),
            ("versions.v1.error", &stats.v1.error),
            ("versions.v2.found", &stats.v2.found),
            ("versions.v2.disallowed", &stats.v2.disallowed),
            ("versions.v2.error", &stats.v2.error),
        ] {
            visit(&format!("{}.{name}", self.prefix), Cell::Counter(counter));
        }
    }

    pub(super) async fn look_at(&self, arrival: &mut Arrival) -> Result<(), ProxyProtocolError> {
        let looked = arrival.stream.look(MAX_BYTES, Header::read).await;
        let header = match looked {
            Ok(header) => header,
            Err(LookError::Closed) => return Err(ProxyProtocolError::Closed),
            // The reader knows each header's length, and refuses those over the bound.
            Err(LookError::TooLong(max)) => {
                return Err(HeaderError::TooLong(max).into());
            }
            Err(LookError::Io(error)) => return Err(ProxyProtocolError::Io(error)),
        };
        let Some((version, header)) = header else {
            return self.without(arrival);
        };
        let stats = self.of_version(version);
        if self.config.disallowed_versions.contains(&version) {
            stats.disallowed.inc();
            return Err(ProxyProtocolError::Disallowed(version));
        }
        let header = header.inspect_err(|_| stats.error.inc())?;
        stats.found.inc();
        let skipped = arrival.stream.skip(header.bytes).await;
        skipped.map_err(ProxyProtocolError::Io)?;
        if let Some((source, destination)) = header.addresses {
            arrival.speaks_for(source, destination);
        }
        Ok(())
    }

    fn without(&self, arrival: &Arrival) -> Result<(), ProxyProtocolError> {
        if self.config.allow_without {
            self.stats.not_found_allowed.inc();
            tracing::trace!(remote = %arrival.remote, "a connection without a PROXY header");
            return Ok(());
        }
        self.stats.not_found_disallowed.inc();
        Err(ProxyProtocolError::Missing)
    }

    fn of_version(&self, version: ProxyProtocolVersion) -> &VersionStats {
        match version {
            ProxyProtocolVersion::V1 => &self.stats.v1,
            _ => &self.stats.v2,
        }
    }
}

impl Arrival {
    fn speaks_for(&mut self, source: SocketAddr, destination: SocketAddr) {
        let peer = std::mem::replace(&mut self.remote, Address::Ip(source));
        // Of several headers the first was the peer's own.
        self.peer.get_or_insert(peer);
        self.local = Address::Ip(destination);
        self.has_destination = true;
    }
}

fn version_number(version: ProxyProtocolVersion) -> u8 {
    match version {
        ProxyProtocolVersion::V1 => 1,
        _ => 2,
    }
}
