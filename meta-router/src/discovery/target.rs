//! A cluster whose endpoints are looked up.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use meta_core::Address;

use super::resolve::{DnsAnswer, DnsError};
use crate::membership::{Membership, MembershipStats};

/// A cluster, and what is known of its names.
#[derive(Debug)]
pub(super) struct Target {
    cluster: Arc<str>,
    membership: Arc<Membership>,
    /// The addresses of each name; `None` where only the first of all counts.
    by_name: Option<Mutex<Vec<Vec<Address>>>>,
}

/// One of the names of a cluster.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) target: Arc<Target>,
    pub(super) index: usize,
    pub(super) port: u16,
}

impl Target {
    /// All addresses of so many names.
    pub(super) fn strict(cluster: Arc<str>, membership: Arc<Membership>, names: usize) -> Self {
        Self {
            cluster,
            membership,
            by_name: Some(Mutex::new(vec![Vec::new(); names])),
        }
    }

    /// The first address of one name.
    pub(super) fn logical(cluster: Arc<str>, membership: Arc<Membership>) -> Self {
        Self {
            cluster,
            membership,
            by_name: None,
        }
    }
}

impl Share {
    pub(super) fn stats(&self) -> &MembershipStats {
        self.target.membership.stats()
    }

    /// Puts an answer in force; whether that changed anything.
    pub(super) fn put(&self, addresses: &[IpAddr]) -> bool {
        let target = &*self.target;
        let address = |ip: &IpAddr| Address::from(SocketAddr::new(*ip, self.port));
        let Some(by_name) = &target.by_name else {
            let first = addresses.first().map(address);
            return first.is_some_and(|first| target.membership.lead_to(first));
        };
        let mut by_name = by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = by_name.get_mut(self.index) {
            *own = addresses.iter().map(address).collect();
        }
        let mut all: Vec<_> = by_name.iter().flatten().cloned().collect();
        // Name servers turn their answers round; the endpoints are the same.
        all.sort_by_key(ip_and_port);
        all.dedup();
        let changed = target.membership.replace(&all);
        drop(by_name);
        changed
    }

    /// Counts an answer, and puts it in force if there is anything in it.
    pub(super) fn take(&self, name: &str, outcome: &Result<DnsAnswer, DnsError>) {
        let stats = self.stats();
        match outcome {
            Err(_) => stats.update_failure.inc(),
            Ok(answer) if answer.addresses.is_empty() => stats.update_empty.inc(),
            Ok(answer) => {
                stats.update_success.inc();
                if self.put(&answer.addresses) {
                    let (cluster, endpoints) = (&self.target.cluster, self.target.membership.len());
                    tracing::debug!(%cluster, name, endpoints, "the addresses have changed");
                } else {
                    stats.update_no_rebuild.inc();
                }
            }
        }
    }
}

fn ip_and_port(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Ip(address) => Some(*address),
        _ => None,
    }
}
