//! Load balancers: which endpoint a request goes to.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use meta_core::Request;

/// Chooses among the endpoints of a cluster; one value for each worker.
pub(crate) trait LoadBalancer: Send + Sync + fmt::Debug {
    /// The index of an endpoint out of `endpoints`, or `None` where there is none.
    fn pick(&self, endpoints: usize, request: &Request) -> Option<usize>;
}

/// One after the other. Workers begin at different endpoints, so that few
/// requests on many workers do not all go to the first.
#[derive(Debug)]
pub(crate) struct RoundRobin(AtomicUsize);

impl RoundRobin {
    pub(crate) fn starting_at(first: usize) -> Self {
        Self(AtomicUsize::new(first))
    }
}

impl LoadBalancer for RoundRobin {
    fn pick(&self, endpoints: usize, _: &Request) -> Option<usize> {
        match endpoints {
            0 => None,
            1 => Some(0),
            _ => Some(self.0.fetch_add(1, Ordering::Relaxed) % endpoints),
        }
    }
}
