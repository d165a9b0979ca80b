//! The table in force.

use std::sync::Arc;

use arc_swap::ArcSwap;
use meta_core::{Request, ResolveRoute, ResolvedRoute};

use crate::table::RouteTable;

/// Holds the table in force, and swaps it whole.
///
/// Readers never wait, neither for each other nor for a swap. A request keeps the
/// route it found; the table of old goes when nobody holds it.
///
/// ```
/// use meta_core::Route;
/// use meta_router::{RouteEntry, RouteTable, Routes};
///
/// let routes = Routes::new(RouteTable::empty("rpc"));
/// let entry = RouteEntry::new(vec![], Route::to_cluster("all", "backend"));
/// let table = RouteTable::new("rpc", vec![entry]).expect("it has a destination");
/// let old = routes.replace(table);
/// assert!(old.is_empty());
/// assert_eq!(routes.current().len(), 1);
/// ```
#[derive(Debug)]
pub struct Routes(ArcSwap<RouteTable>);

impl Routes {
    /// Puts `table` in force.
    pub fn new(table: impl Into<Arc<RouteTable>>) -> Self {
        Self(ArcSwap::new(table.into()))
    }

    /// Puts `table` in force; returns the one that was.
    pub fn replace(&self, table: impl Into<Arc<RouteTable>>) -> Arc<RouteTable> {
        self.0.swap(table.into())
    }

    /// The table in force.
    pub fn current(&self) -> Arc<RouteTable> {
        self.0.load_full()
    }
}

impl ResolveRoute for Routes {
    fn resolve(&self, request: &Request) -> Option<ResolvedRoute> {
        self.0.load().resolve(request)
    }
}
