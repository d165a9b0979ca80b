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
    /// The copies that are sent of its requests.
    pub mirrors: Vec<Mirror>,
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

/// A copy of some of a route's requests, changed as they are, to another cluster.
///
/// Nobody waits for its response, which is dropped, nor learns of its failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The cluster's name.
    pub cluster: Arc<str>,
    /// Which part of the requests.
    pub fraction: Fraction,
}

/// A part of all: `numerator` of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    /// How many; more than `per` is all.
    pub numerator: u32,
    /// Of how many; of 0, none is taken.
    pub per: u32,
}

impl Fraction {
    /// All.
    pub const ALL: Self = Self {
        numerator: 1,
        per: 1,
    };

    /// Whether one that has drawn `number`, out of all of `u64`, is of the part.
    pub fn takes(self, number: u64) -> bool {
        // The high half of the product is the number scaled down to `per`.
        let scaled = (u128::from(number) * u128::from(self.per)) >> 64;
        scaled < u128::from(self.numerator) && self.per > 0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions() {
        let of = |numerator, per| Fraction { numerator, per };
        // In the middle of each thousandth.
        let numbers = (0..1_000).map(|n| u64::MAX / 1_000 * n + u64::MAX / 2_000);
        let taken = |fraction: Fraction| numbers.clone().filter(|n| fraction.takes(*n)).count();
        assert_eq!(taken(Fraction::ALL), 1_000);
        assert_eq!(taken(of(0, 100)), 0);
        assert_eq!(taken(of(25, 100)), 250);
        assert_eq!(taken(of(3_000, 1_000_000)), 3);
        assert_eq!(taken(of(7, 5)), 1_000);
        assert_eq!(taken(of(1, 0)), 0);
        assert!(of(99, 100).takes(0) && !of(99, 100).takes(u64::MAX));
    }
}
