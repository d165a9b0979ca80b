//! Clusters: where requests can go, in plain types.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use meta_codec::{TransportSocket, UpstreamConfig};
use meta_core::{Address, Sharing};

use crate::{connect::SocketOptions, endpoints::Endpoints, limit::Limit, membership::Membership};

/// A named group of endpoints that serve the same, and how to reach them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// Its name; anything may stand in it.
    pub name: Arc<str>,
    /// Where its servers are.
    pub endpoints: Endpoints,
    /// Whether requests share connections. Default: as the protocol does.
    pub sharing: Option<Sharing>,
    /// How long making a connection may take, until it is secured where it is to be.
    /// Default: 5 s.
    pub connect_timeout: Duration,
    /// What secures its connections. Default: nothing, plain text.
    pub transport_socket: Option<Arc<dyn TransportSocket>>,
    /// What is asked of its sockets.
    pub socket: SocketOptions,
    /// Bounds on what is open and under way.
    pub limits: ClusterLimits,
    /// Bounds on one connection.
    pub upstream: UpstreamConfig,
    /// Shared connections that a worker may have to one endpoint, for each wire
    /// form. It begins with one; another is added when one has
    /// [`UpstreamConfig::busy_in_flight`] requests in flight or no room, at most
    /// every second, for clients that have nothing in flight. Default: 4.
    pub shared_connections: usize,
    /// How long an unused connection is kept; a shared one may be told otherwise
    /// by [`UpstreamConfig::idle_timeout`]. Default: 5 minutes.
    pub idle_timeout: Duration,
    /// Requests that a connection carries before it is closed, after its last
    /// answer; the next goes over another. Connections that belong to one client are
    /// kept. Default: no bound.
    pub max_requests_per_connection: Option<NonZeroU32>,
}

/// Bounds on a cluster, over all workers; Envoy's circuit breakers.
///
/// Each worker may always have one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterLimits {
    /// Connections open or being made; at the bound requests wait. Default: 1024
    pub max_connections: usize,
    /// Requests that wait for a connection; at the bound they are refused.
    /// Default: 1024.
    pub max_pending: usize,
    /// Requests under way, waiting ones included; at the bound they are refused.
    /// Default: 65,536.
    pub max_requests: usize,
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending: 1024,
            max_requests: 65_536,
        }
    }
}

impl ClusterConfig {
    /// A cluster of the given endpoints, with defaults.
    pub fn new(name: impl Into<Arc<str>>, endpoints: Vec<Address>) -> Self {
        Self {
            name: name.into(),
            endpoints: endpoints.into(),
            sharing: None,
            connect_timeout: Duration::from_secs(5),
            transport_socket: None,
            socket: SocketOptions::default(),
            limits: ClusterLimits::default(),
            upstream: UpstreamConfig::default(),
            shared_connections: 4,
            idle_timeout: Duration::from_secs(300),
            max_requests_per_connection: None,
        }
    }
}

/// The clusters of a process; each worker's [`Router`](crate::Router) makes its
/// own pools of them.
#[derive(Debug)]
pub struct Clusters {
    by_name: HashMap<Arc<str>, Arc<Cluster>, RandomState>,
}

/// How much of each bound of a cluster is used, by all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterUsage {
    /// Connections open or being made.
    pub connections: Usage,
    /// Requests that wait for a connection.
    pub pending: Usage,
    /// Requests under way.
    pub requests: Usage,
}

/// How much of a bound is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// So much; may be over the bound for a moment.
    pub used: usize,
    /// The bound.
    pub max: usize,
}

impl Usage {
    fn of(limit: &Limit) -> Self {
        Self {
            used: limit.used(),
            max: limit.max(),
        }
    }

    /// What is left.
    pub fn remaining(&self) -> usize {
        self.max.saturating_sub(self.used)
    }
}

/// One cluster, as all workers see it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: ClusterConfig,
    pub(crate) connections: Arc<Limit>,
    pub(crate) pending: Arc<Limit>,
    pub(crate) requests: Arc<Limit>,
    pub(crate) membership: Arc<Membership>,
}

impl Clusters {
    /// The clusters described.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub fn new(configs: Vec<ClusterConfig>) -> Result<Arc<Self>, Vec<ClusterError>> {
        let mut by_name = HashMap::default();
        let mut errors = Vec::new();
        for config in configs {
            let name = config.name.clone();
            let mut wrong = |problem: &str| {
                errors.push(ClusterError {
                    cluster: name.clone(),
                    problem: problem.to_owned(),
                });
            };
            if config.connect_timeout.is_zero() {
                wrong("connect_timeout must be greater than 0");
            }
            if config.shared_connections == 0 {
                wrong("shared_connections must be greater than 0");
            }
            if config.upstream.write_buffer_bytes == 0 {
                wrong("write_buffer_bytes must be greater than 0");
            }
            if config.limits.max_requests == 0 {
                wrong("max_requests must be greater than 0");
            }
            let addresses = match &config.endpoints {
                Endpoints::Static(addresses) => &addresses[..],
                Endpoints::StrictDns { dns, .. } | Endpoints::LogicalDns { dns, .. } => {
                    dns.problems().for_each(&mut wrong);
                    if config.endpoints.hosts().iter().any(|h| h.name.is_empty()) {
                        wrong("a host to resolve has no name");
                    }
                    // Until there is an answer there are none.
                    &[]
                }
            };
            let limits = config.limits;
            let cluster = Arc::new(Cluster {
                membership: Arc::new(Membership::new(addresses)),
                config,
                connections: Limit::new(limits.max_connections),
                pending: Limit::new(limits.max_pending),
                requests: Limit::new(limits.max_requests),
            });
            if by_name.insert(name.clone(), cluster).is_some() {
                wrong("there is another cluster of this name");
            }
        }
        match errors.is_empty() {
            true => Ok(Arc::new(Self { by_name })),
            false => Err(errors),
        }
    }

    /// The names of the clusters, in no order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// The endpoints of a cluster.
    pub fn membership(&self, cluster: &str) -> Option<&Arc<Membership>> {
        let cluster = self.by_name.get(cluster);
        cluster.map(|cluster| &cluster.membership)
    }

    /// The endpoints of each cluster, in no order.
    pub fn memberships(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<Membership>)> {
        let clusters = self.by_name.iter();
        clusters.map(|(name, cluster)| (name, &cluster.membership))
    }

    /// How much of its bounds each cluster uses, in no order.
    pub fn usage(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, ClusterUsage)> {
        let clusters = self.by_name.iter();
        clusters.map(|(name, cluster)| {
            let usage = ClusterUsage {
                connections: Usage::of(&cluster.connections),
                pending: Usage::of(&cluster.pending),
                requests: Usage::of(&cluster.requests),
            };
            (name, usage)
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.by_name.values()
    }
}

/// What is wrong with a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterError {
    /// Its name.
    pub cluster: Arc<str>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {}: {}", self.cluster, self.problem)
    }
}

impl std::error::Error for ClusterError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_together() {
        let mut bad = ClusterConfig::new("bad", Vec::new());
        bad.connect_timeout = Duration::ZERO;
        bad.limits.max_requests = 0;
        let twice = ClusterConfig::new("twice", Vec::new());
        let errors = Clusters::new(vec![bad, twice.clone(), twice]).expect_err("three problems");
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "cluster bad: connect_timeout must be greater than 0",
                "cluster bad: max_requests must be greater than 0",
                "cluster twice: there is another cluster of this name",
            ]
        );
    }
}
