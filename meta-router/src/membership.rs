//! The endpoints of a cluster, which may change while it is used.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;
use meta_codec::{EndpointStats, now};
use meta_core::{Address, stats::Counter};

use crate::avoid::{Avoid, Standing};

mod state;
#[cfg(test)]
mod tests;

pub use self::state::{EndpointCounts, EndpointHealth, EndpointState};

/// The endpoints of a cluster: an immutable list, swapped whole.
///
/// What stays keeps its connections and what is known of it. An endpoint that is
/// gone takes no new requests: those in flight end in peace, its connections at
/// rest close, and shared ones when their last call has been answered. A client
/// with a connection of its own keeps that until one side ends it.
///
/// An address that is listed twice gets twice as many requests.
pub struct Membership {
    members: ArcSwap<Vec<Arc<Member>>>,
    /// Grows with every swap.
    version: AtomicU64,
    /// Held while the next list is made.
    writing: Mutex<()>,
    stats: MembershipStats,
}

/// What is counted of the endpoints of a cluster, under Envoy's names.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct MembershipStats {
    /// Times that endpoints were added or removed.
    pub membership_change: Counter,
    /// Times that a source was asked for endpoints.
    pub update_attempt: Counter,
    /// Times that it named some.
    pub update_success: Counter,
    /// Times that it did not answer, or with an error.
    pub update_failure: Counter,
    /// Times that it said that there are none; the last ones known were kept.
    pub update_empty: Counter,
    /// Times that it named those already known.
    pub update_no_rebuild: Counter,
}

/// One endpoint, as all workers see it.
#[derive(Debug)]
pub(crate) struct Member {
    /// Where new connections lead.
    address: ArcSwap<Address>,
    pub(crate) avoid: Avoid,
    /// What each worker counts, for each codec that it speaks there.
    cells: Mutex<Vec<Arc<EndpointStats>>>,
}

impl Member {
    fn new(address: Address) -> Arc<Self> {
        Arc::new(Self {
            address: ArcSwap::from_pointee(address),
            avoid: Avoid::new(now()),
            cells: Mutex::default(),
        })
    }

    pub(crate) fn address(&self) -> Arc<Address> {
        self.address.load_full()
    }

    /// Has `cells` added up with the others.
    pub(crate) fn count_in(&self, cells: Arc<EndpointStats>) {
        self.cells().push(cells);
    }

    fn cells(&self) -> MutexGuard<'_, Vec<Arc<EndpointStats>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Membership {
    pub(crate) fn new(addresses: &[Address]) -> Self {
        let membership = Self {
            members: ArcSwap::default(),
            version: AtomicU64::new(0),
            writing: Mutex::new(()),
            stats: MembershipStats::default(),
        };
        membership.replace(addresses);
        membership
    }

    /// Puts these endpoints in the place of those there are; returns whether any
    /// came or went. The next request of every worker goes by them.
    ///
    /// In a cluster whose endpoints are looked up the next answer overrides them.
    pub fn replace(&self, addresses: &[Address]) -> bool {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.members.load_full();
        let is_same = old.len() == addresses.len()
            && old.iter().zip(addresses).all(|(m, a)| *m.address() == *a);
        if is_same {
            return false;
        }
        let mut known: HashMap<_, _, RandomState> = old
            .iter()
            .map(|member| ((*member.address()).clone(), (member, false)))
            .collect();
        let mut changed = false;
        let mut added = HashMap::<_, _, RandomState>::default();
        let members = addresses
            .iter()
            .map(|address| match known.get_mut(address) {
                Some((member, stays)) => {
                    *stays = true;
                    member.clone()
                }
                None => {
                    changed = true;
                    let member = || Member::new(address.clone());
                    added.entry(address).or_insert_with(member).clone()
                }
            });
        let members: Vec<_> = members.collect();
        changed |= known.values().any(|(_, stays)| !stays);
        self.swap(members);
        if changed {
            self.stats.membership_change.inc();
        }
        changed
    }

    /// Lets new connections of the only endpoint lead to `address`. The
    /// connections that there are stay. Returns whether the address is another.
    pub(crate) fn lead_to(&self, address: Address) -> bool {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.members.load()[..] {
            [only] if *only.address() == address => false,
            [only] => {
                only.address.store(Arc::new(address));
                // What was held against it concerned the old address.
                only.avoid.forget();
                true
            }
            _ => {
                drop(writing);
                self.replace(&[address])
            }
        }
    }

    fn swap(&self, members: Vec<Arc<Member>>) {
        self.members.store(Arc::new(members));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Where the endpoints are.
    pub fn addresses(&self) -> Vec<Address> {
        let members = self.members.load();
        let addresses = members.iter().map(|member| (*member.address()).clone());
        addresses.collect()
    }

    /// The endpoints, each once, and what is known of them.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        state::of(&self.members.load())
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.members.load().len()
    }

    /// Whether there is no endpoint.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is counted of them.
    pub fn stats(&self) -> &MembershipStats {
        &self.stats
    }

    /// Differs from what it was before every change.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The list in force; read the version first: of a list that is swapped in
    /// between, the next look at the version tells.
    pub(crate) fn members(&self) -> Guard<Arc<Vec<Arc<Member>>>> {
        self.members.load()
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}
