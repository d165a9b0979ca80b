//! When what was put in force.

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use jiff::Timestamp;

/// A time, shown as resources have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Updated(Timestamp);

impl Updated {
    pub(crate) fn now() -> Self {
        Self(Timestamp::now())
    }

    pub(crate) fn at(time: SystemTime) -> Self {
        Self(Timestamp::try_from(time).unwrap_or_default())
    }
}

/// To the millisecond.
impl fmt::Display for Updated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// When resources were last changed, those that were since the start.
#[derive(Clone, Debug)]
pub(crate) struct Updates {
    began: Updated,
    /// By the number of the filter chain.
    routes: HashMap<usize, Updated>,
    clusters: HashMap<Arc<str>, Updated>,
    /// The bootstrap in force as JSON, without secrets, and since when.
    bootstrap: (Option<Arc<str>>, Updated),
}

impl Updates {
    pub(super) fn new(began: Updated, document: Option<Arc<str>>) -> Self {
        Self {
            began,
            bootstrap: (document, began),
            routes: HashMap::new(),
            clusters: HashMap::new(),
        }
    }

    /// When the routes of a filter chain were put in force.
    pub(crate) fn routes(&self, chain: usize) -> Updated {
        self.routes.get(&chain).copied().unwrap_or(self.began)
    }

    /// When the endpoints that a cluster lists were put in force.
    pub(crate) fn cluster(&self, name: &str) -> Updated {
        self.clusters.get(name).copied().unwrap_or(self.began)
    }

    /// The bootstrap in force as JSON, without secrets, and since when; nothing where
    /// the proxy was told otherwise.
    pub(crate) fn bootstrap(&self) -> (Option<Arc<str>>, Updated) {
        self.bootstrap.clone()
    }

    /// Notes which bootstrap is in force.
    pub(crate) fn set_document(&mut self, document: &Arc<str>) {
        let (own, since) = &mut self.bootstrap;
        if own.as_ref() != Some(document) {
            *own = Some(document.clone());
            *since = Updated::now();
        }
    }

    pub(super) fn routes_changed(&mut self, chain: usize) {
        self.routes.insert(chain, Updated::now());
    }

    pub(super) fn cluster_changed(&mut self, name: &Arc<str>) {
        self.clusters.insert(name.clone(), Updated::now());
    }
}
