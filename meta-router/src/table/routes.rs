//! The table in force.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use meta_core::{Request, ResolveRoute, ResolvedRoute};

use crate::table::RouteTable;

/// Tables that a thread keeps at hand: one for each listener, as a rule.
const MAX_AT_HAND: usize = 8;

thread_local! {
    /// The tables this thread used last, the last in front. To look whether one is
    /// still in force costs less than to become one of its holders.
    static AT_HAND: RefCell<Vec<AtHand>> = const { RefCell::new(Vec::new()) };
}

struct AtHand {
    /// Whose it is.
    routes: u64,
    version: u64,
    table: Arc<RouteTable>,
}

/// Holds the table in force, and swaps it whole.
///
/// Readers never wait, neither for each other nor for a swap. A request keeps the
/// route it found; the table of old goes when nobody holds it, and a thread that
/// used it holds it until it resolves its next request.
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
pub struct Routes {
    table: ArcSwap<RouteTable>,
    /// Grows with every swap.
    version: AtomicU64,
    /// No other has it.
    number: u64,
}

impl Routes {
    /// Puts `table` in force.
    pub fn new(table: impl Into<Arc<RouteTable>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            table: ArcSwap::new(table.into()),
            version: AtomicU64::new(0),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Puts `table` in force; returns the one that was.
    pub fn replace(&self, table: impl Into<Arc<RouteTable>>) -> Arc<RouteTable> {
        let old = self.table.swap(table.into());
        self.version.fetch_add(1, Ordering::Release);
        old
    }

    /// The table in force.
    pub fn current(&self) -> Arc<RouteTable> {
        self.table.load_full()
    }

    /// Brings the table in force to the front of what is at hand.
    fn fetch(&self, at_hand: &mut Vec<AtHand>) {
        // Read first: of a table swapped in between, the next request will learn.
        let version = self.version.load(Ordering::Acquire);
        let known = at_hand.iter().position(|known| known.routes == self.number);
        match known {
            Some(index) => at_hand[..=index].rotate_right(1),
            None => {
                at_hand.truncate(MAX_AT_HAND - 1);
                at_hand.insert(0, self.at_hand(version));
            }
        }
        if let Some(first) = at_hand.first_mut()
            && first.version != version
        {
            *first = self.at_hand(version);
        }
    }

    fn at_hand(&self, version: u64) -> AtHand {
        AtHand {
            routes: self.number,
            version,
            table: self.current(),
        }
    }
}

impl ResolveRoute for Routes {
    fn resolve(&self, request: &Request) -> Option<ResolvedRoute> {
        AT_HAND.with_borrow_mut(|at_hand| {
            let version = self.version.load(Ordering::Acquire);
            let is_first = at_hand
                .first()
                .is_some_and(|first| first.routes == self.number && first.version == version);
            if !is_first {
                self.fetch(at_hand);
            }
            at_hand.first()?.table.resolve(request)
        })
    }
}
