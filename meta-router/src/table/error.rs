//! What can be wrong with a route.

use std::{fmt, sync::Arc};

/// A route that cannot stand in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableError {
    /// Which of the entries it is, the first being 0.
    pub index: usize,
    /// The route's name.
    pub route: Arc<str>,
    /// What is wrong with it.
    pub problem: RouteProblem,
}

/// What is wrong with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteProblem {
    /// It names no cluster.
    NoDestination,
    /// The weights of its destinations are all 0.
    NoWeight,
    /// The weights of its destinations add up to more than a `u32` holds.
    WeightOverflow,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} {:?}: {}", self.index, self.route, self.problem)
    }
}

impl std::error::Error for TableError {}

impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDestination => "no destination",
            Self::NoWeight => "the weights of its destinations are all 0",
            Self::WeightOverflow => {
                "the weights of its destinations add up to more than 4294967295"
            }
        })
    }
}
