//! Finding the endpoints of clusters by name.

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc, time::Duration};

use foldhash::fast::RandomState;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use self::{
    target::{Share, Target},
    watch::Watch,
};
use crate::{
    cluster::{Cluster, Clusters},
    endpoints::{DnsConfig, DnsHost, Endpoints},
};

mod lookup;
mod resolve;
mod system;
mod target;
#[cfg(test)]
mod tests;
mod watch;

pub use self::{
    resolve::{DnsAnswer, DnsError, DnsQuery, IpFamily, Resolve},
    system::DnsResolver,
};

/// Keeps the endpoints of the clusters that are found by name up to date, until it is
/// dropped.
///
/// A task for each name, on the runtime it was started on: no request ever waits for
/// a name. The last answer with addresses holds until there is another, whatever
/// fails meanwhile; an answer without addresses counts as a failure.
#[must_use = "names are followed until it is dropped"]
pub struct Discovery {
    tasks: JoinSet<()>,
    /// What has not been tried once.
    fresh: Vec<(Arc<str>, oneshot::Receiver<()>)>,
}

impl Discovery {
    /// Begins to resolve the names of `clusters`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if there are any.
    pub fn start(clusters: &Clusters, resolver: Arc<dyn Resolve>) -> Self {
        let mut names: HashMap<_, Vec<_>, RandomState> = HashMap::default();
        for cluster in clusters.iter() {
            for (host, dns, share) in shares(cluster) {
                match host.name.parse::<IpAddr>() {
                    Ok(ip) => drop(share.put(&[ip])),
                    Err(_) => {
                        let key = (host.name.to_ascii_lowercase(), dns);
                        names.entry(key).or_default().push(share);
                    }
                }
            }
        }
        let mut tasks = JoinSet::new();
        let mut fresh = Vec::with_capacity(names.len());
        for ((name, config), shares) in names {
            let name: Arc<str> = name.into();
            let (first, tried) = oneshot::channel();
            fresh.push((name.clone(), tried));
            let watch = Watch {
                name,
                config: config.clone(),
                resolver: resolver.clone(),
                shares,
                first: Some(first),
            };
            tasks.spawn(watch.run());
        }
        Self { tasks, fresh }
    }

    /// How many names are followed.
    pub fn names(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every name has been tried once, whatever came of it, and at most
    /// `bound`; returns the names that have not.
    pub async fn warm(&mut self, bound: Duration) -> Vec<Arc<str>> {
        let deadline = Instant::now() + bound;
        let mut late = Vec::new();
        for (name, mut tried) in self.fresh.drain(..) {
            if timeout_at(deadline, &mut tried).await.is_err() {
                late.push(name);
            }
        }
        late
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("names", &self.names())
            .finish_non_exhaustive()
    }
}

/// The names of a cluster.
fn shares(cluster: &Cluster) -> Vec<(&DnsHost, &DnsConfig, Share)> {
    let (name, membership) = (cluster.config.name.clone(), cluster.membership.clone());
    let endpoints = &cluster.config.endpoints;
    let hosts = endpoints.hosts();
    let (target, dns) = match endpoints {
        Endpoints::Static(_) => return Vec::new(),
        Endpoints::StrictDns { dns, .. } => (Target::strict(name, membership, hosts.len()), dns),
        Endpoints::LogicalDns { dns, .. } => (Target::logical(name, membership), dns),
    };
    let target = Arc::new(target);
    let share = |(index, host): (usize, &DnsHost)| Share {
        target: target.clone(),
        index,
        port: host.port,
    };
    let numbered = hosts.iter().enumerate();
    numbered
        .map(|(index, host)| (host, dns, share((index, host))))
        .collect()
}
