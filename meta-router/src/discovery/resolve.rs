//! What is asked of a resolver.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use meta_core::BoxFuture;

/// Resolves names; the seam for tests, and for whatever else knows names.
pub trait Resolve: Send + Sync + 'static {
    /// Answers one question. That there is no such name, or none with addresses of
    /// this kind, is an answer too: one without addresses.
    ///
    /// Called on the runtime of [`Discovery::start`](super::Discovery::start); takes
    /// the time it takes.
    fn resolve<'a>(&'a self, query: DnsQuery<'a>) -> BoxFuture<'a, Result<DnsAnswer, DnsError>>;
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DnsQuery<'a> {
    /// The name.
    pub name: &'a str,
    /// Which addresses are wanted.
    pub family: IpFamily,
    /// The name servers; none for those of the system.
    pub resolvers: &'a [SocketAddr],
}

/// A kind of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The addresses of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    /// In the order of the answer; none where the name has none.
    pub addresses: Vec<IpAddr>,
    /// How long they hold; the shortest of all.
    pub ttl: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsError(String);

impl DnsError {
    /// There is none for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DnsError {}
