//! Where the endpoints of a cluster come from, in plain types.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use meta_core::Address;

/// Where the endpoints of a cluster come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoints {
    /// They are listed. An address that is listed twice gets twice as many requests.
    Static(Vec<Address>),
    /// Every address that the names resolve to is an endpoint, for as long as it is
    /// in the answer.
    StrictDns {
        /// The names, or IP addresses, and their ports.
        hosts: Vec<DnsHost>,
        /// How they are resolved.
        dns: DnsConfig,
    },
    /// There is one endpoint: new connections go to the first address that the name
    /// resolves to. Those there are stay, whatever it resolves to next.
    LogicalDns {
        /// The name, or IP address, and its port.
        host: DnsHost,
        /// How it is resolved.
        dns: DnsConfig,
    },
}

impl Endpoints {
    /// What is to be resolved.
    pub fn hosts(&self) -> &[DnsHost] {
        match self {
            Self::Static(_) => &[],
            Self::StrictDns { hosts, .. } => hosts,
            Self::LogicalDns { host, .. } => std::slice::from_ref(host),
        }
    }
}

impl From<Vec<Address>> for Endpoints {
    fn from(addresses: Vec<Address>) -> Self {
        Self::Static(addresses)
    }
}

impl<const N: usize> From<[Address; N]> for Endpoints {
    fn from(addresses: [Address; N]) -> Self {
        Self::Static(addresses.into())
    }
}

/// A name that is resolved, and the port of the servers there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsHost {
    /// The name; an IP address stands for itself.
    pub name: Arc<str>,
    /// The port.
    pub port: u16,
}

impl DnsHost {
    /// The servers of that name, on that port.
    pub fn new(name: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
        }
    }
}

impl fmt::Display for DnsHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// How names are resolved. Names with the same settings are resolved once, however
/// many clusters name them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DnsConfig {
    /// How long after an answer the name is resolved again. Default: 5 s.
    pub refresh_rate: Duration,
    /// Whether an answer's time to live takes the place of `refresh_rate`; one of 0
    /// does not. Default: no.
    pub respect_ttl: bool,
    /// A time to live that is shorter counts as this. Default: 0.
    pub min_ttl: Duration,
    /// Up to so much is added to that, at random. Default: nothing.
    pub jitter: Duration,
    /// How long after a failure, or an answer without addresses, the name is resolved
    /// again. Default: as after an answer.
    pub failure_refresh: Option<DnsBackoff>,
    /// Which addresses are asked for. Default: [`LookupFamily::Auto`].
    pub family: LookupFamily,
    /// The name servers. Default, where there are none: the system's, with its search
    /// domains.
    pub resolvers: Vec<SocketAddr>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            refresh_rate: Duration::from_secs(5),
            respect_ttl: false,
            min_ttl: Duration::ZERO,
            jitter: Duration::ZERO,
            failure_refresh: None,
            family: LookupFamily::Auto,
            resolvers: Vec::new(),
        }
    }
}

impl DnsConfig {
    /// What is wrong with it.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &'static str> {
        let backoff = self.failure_refresh;
        let checks = [
            (
                self.refresh_rate.is_zero(),
                "dns refresh_rate must be greater than 0",
            ),
            (
                backoff.is_some_and(|backoff| backoff.base.is_zero()),
                "the base of dns failure_refresh must be greater than 0",
            ),
            (
                backoff.is_some_and(|backoff| backoff.max < backoff.base),
                "the max of dns failure_refresh must not be less than its base",
            ),
        ];
        let wrong = checks.into_iter().filter(|(is_wrong, _)| *is_wrong);
        wrong.map(|(_, problem)| problem)
    }
}

/// Pauses between failures: each twice as long as the one before, less up to a half
/// of it, at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DnsBackoff {
    /// The first.
    pub base: Duration,
    /// The longest.
    pub max: Duration,
}

/// Which addresses a name is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupFamily {
    /// IPv6; IPv4 where there is none.
    #[default]
    Auto,
    /// IPv4.
    V4Only,
    /// IPv6.
    V6Only,
    /// IPv4; IPv6 where there is none.
    V4Preferred,
    /// Both.
    All,
}
