//! Routes: where a request goes, and how.

use std::{fmt, sync::Arc, time::Duration};

use crate::{extensions::Extensions, mutation::Mutation, request::Request};

/// One route: a destination and the policies that hold on the way to it.
///
/// Immutable; a request keeps the one it began with while tables are swapped.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Route {
    /// Its name, for logs.
    pub name: Arc<str>,
    /// Where requests go; one of them is chosen by weight.
    pub destinations: Vec<Destination>,
    /// How long a request may take in all. `None`: the default of 15 s;
    /// zero: no limit. The client's own deadline shortens it.
    pub timeout: Option<Duration>,
    /// Changes to every request.
    pub request_mutation: Mutation,
    /// Changes to every response.
    pub response_mutation: Mutation,
    /// What filters need to know of this route, by type.
    pub extensions: Extensions,
}

/// A cluster among those a route spreads its requests over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The cluster's name.
    pub cluster: Arc<str>,
    /// Its share, relative to the sum of all weights.
    pub weight: u32,
}

impl Route {
    /// How long a request may take where neither route nor client says.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

    /// A route of all requests to one cluster, with defaults.
    pub fn to_cluster(name: impl Into<Arc<str>>, cluster: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            destinations: vec![Destination {
                cluster: cluster.into(),
                weight: 1,
            }],
            ..Self::default()
        }
    }

    /// The timeout in force: `None` means no limit.
    pub fn effective_timeout(&self) -> Option<Duration> {
        match self.timeout {
            None => Some(Self::DEFAULT_TIMEOUT),
            Some(Duration::ZERO) => None,
            timeout => timeout,
        }
    }
}

/// A route, and the destination chosen for one request.
#[derive(Clone, Debug)]
pub struct ResolvedRoute {
    route: Arc<Route>,
    destination: usize,
}

impl ResolvedRoute {
    /// `route`, with the destination of that index.
    ///
    /// Returns `None` where the route has no such destination.
    pub fn new(route: Arc<Route>, destination: usize) -> Option<Self> {
        (destination < route.destinations.len()).then_some(Self { route, destination })
    }

    /// The route.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The cluster chosen.
    pub fn cluster(&self) -> &Arc<str> {
        // The index was checked against this very route, which is immutable.
        &self.route.destinations[self.destination].cluster
    }
}

/// Finds the route of a request: a table in force, or whatever stands for it.
pub trait ResolveRoute: Send + Sync {
    /// The route of `request`, or `None` where none matches.
    fn resolve(&self, request: &Request) -> Option<ResolvedRoute>;
}

impl fmt::Debug for dyn ResolveRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResolveRoute")
    }
}

/// A single route, for every request, to its first destination.
impl ResolveRoute for Arc<Route> {
    fn resolve(&self, _: &Request) -> Option<ResolvedRoute> {
        ResolvedRoute::new(self.clone(), 0)
    }
}
