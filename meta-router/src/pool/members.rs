//! The endpoints of a cluster, as one worker knows them.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
};

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;

use super::*;
use crate::membership::Member;

/// Follows the endpoints of a cluster. As long as those there were at first are in
/// force, to look whether they are is all that a request pays.
pub(super) struct Members {
    shared: Arc<PoolShared>,
    first: List,
    later: ArcSwap<List>,
    /// Held while the next list is made.
    following: Mutex<()>,
}

/// The endpoints of one version of the cluster's.
pub(super) struct List {
    version: u64,
    endpoints: Vec<Arc<Endpoint>>,
}

/// The list in force. To be held no longer than a look takes.
pub(super) enum InForce<'a> {
    First(&'a List),
    Later(Guard<Arc<List>>),
}

impl Deref for InForce<'_> {
    type Target = [Arc<Endpoint>];

    fn deref(&self) -> &[Arc<Endpoint>] {
        match self {
            Self::First(list) => &list.endpoints,
            Self::Later(list) => &list.endpoints,
        }
    }
}

/// An endpoint out of the list in force.
pub(crate) struct Picked<'a> {
    list: InForce<'a>,
    index: usize,
}

impl<'a> Picked<'a> {
    /// The endpoint at `index`, which is there.
    pub(super) fn new(list: InForce<'a>, index: usize) -> Option<Self> {
        (index < list.len()).then_some(Self { list, index })
    }
}

impl Deref for Picked<'_> {
    type Target = Arc<Endpoint>;

    fn deref(&self) -> &Arc<Endpoint> {
        &self.list[self.index]
    }
}

impl Members {
    pub(super) fn new(shared: Arc<PoolShared>) -> Self {
        let nothing = List {
            version: u64::MAX,
            endpoints: Vec::new(),
        };
        let first = Self::next(&shared, &[]);
        Self {
            shared,
            first,
            later: ArcSwap::from_pointee(nothing),
            following: Mutex::new(()),
        }
    }

    /// The list in force.
    pub(super) fn in_force(&self) -> InForce<'_> {
        let version = self.shared.cluster.membership.version();
        if version == self.first.version {
            return InForce::First(&self.first);
        }
        let later = self.later.load();
        if later.version == version {
            return InForce::Later(later);
        }
        drop(later);
        self.follow();
        InForce::Later(self.later.load())
    }

    /// Takes up the cluster's endpoints, and retires what is none of them any more.
    #[cold]
    fn follow(&self) {
        let _following = self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let later = self.later.load_full();
        let old: &[_] = match later.version {
            u64::MAX => &self.first.endpoints,
            version if version == self.shared.cluster.membership.version() => return,
            _ => &later.endpoints,
        };
        let next = Arc::new(Self::next(&self.shared, old));
        self.later.store(next.clone());
        let stay: HashSet<_, RandomState> = next.endpoints.iter().map(Arc::as_ptr).collect();
        let gone = |endpoint: &&Arc<Endpoint>| !stay.contains(&Arc::as_ptr(*endpoint));
        old.iter()
            .filter(gone)
            .for_each(|endpoint| endpoint.retire());
        // Who waits for a connection to one of those that went is to wait no more.
        self.shared.wake();
    }

    /// The cluster's endpoints: out of `old` what is there already.
    fn next(shared: &Arc<PoolShared>, old: &[Arc<Endpoint>]) -> List {
        let membership = &shared.cluster.membership;
        let version = membership.version();
        let mut known: HashMap<*const Member, Arc<Endpoint>, RandomState> = old
            .iter()
            .map(|endpoint| (Arc::as_ptr(endpoint.member()), endpoint.clone()))
            .collect();
        let members = membership.members();
        let endpoints = members.iter().map(|member| {
            let new = || Endpoint::new(shared.clone(), member.clone());
            let endpoint = known.entry(Arc::as_ptr(member)).or_insert_with(new);
            endpoint.clone()
        });
        let endpoints: Vec<_> = endpoints.collect();
        shared.set_endpoints(&endpoints);
        List { version, endpoints }
    }
}
