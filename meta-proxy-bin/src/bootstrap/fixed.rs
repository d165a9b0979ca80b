//! What of a bootstrap holds from the start to the end of a proxy.

use std::{collections::HashMap, sync::Arc};

use meta_core::Address;
use meta_rds::{Bootstrap, Cluster, Listener, NodeInfo, SocketSettings};
use meta_tls::ClientTlsConfig;
use serde_json::Value;

/// What of a bootstrap holds from the start to the end, besides what snapshots say.
#[derive(Debug)]
pub(crate) struct Fixed {
    node: NodeInfo,
    admin: Option<(Address, SocketSettings)>,
    max_connections: Option<usize>,
    sockets: HashMap<Arc<str>, Sockets>,
    servers: HashMap<Arc<str>, Servers>,
}

/// Where a listener listens.
#[derive(Debug, PartialEq)]
struct Sockets {
    binds: bool,
    addresses: Vec<(Address, SocketSettings)>,
}

/// How the servers of a cluster are spoken with.
#[derive(Debug, PartialEq)]
struct Servers {
    http2: bool,
    tls: Option<ClientTlsConfig>,
    options: Vec<(String, Value)>,
}

impl Fixed {
    pub(crate) fn of(bootstrap: &Bootstrap) -> Self {
        let listeners = bootstrap.listeners.iter();
        let clusters = bootstrap.clusters.iter();
        let admin = bootstrap.admin.clone();
        Self {
            node: bootstrap.node.clone(),
            admin: admin.map(|address| (address, bootstrap.admin_socket.clone())),
            max_connections: bootstrap.max_connections,
            sockets: listeners
                .map(|l| (l.name.clone(), Sockets::of(l)))
                .collect(),
            servers: clusters
                .map(|c| (c.config.name.clone(), Servers::of(c)))
                .collect(),
        }
    }

    /// What differs; that there are other listeners or clusters is not told here.
    pub(crate) fn difference(&self, wanted: &Self) -> Option<String> {
        let differences = [
            (self.node != wanted.node, "node"),
            (self.admin != wanted.admin, "admin"),
            (
                self.max_connections != wanted.max_connections,
                "the bound on all connections",
            ),
        ];
        if let Some((_, what)) = differences.into_iter().find(|(differs, _)| *differs) {
            return Some(what.to_owned());
        }
        if let Some(name) = changed(&self.sockets, &wanted.sockets) {
            return Some(format!("the sockets of listener {name:?}"));
        }
        let name = changed(&self.servers, &wanted.servers)?;
        Some(format!("how the servers of cluster {name:?} are spoken to"))
    }
}

impl Sockets {
    fn of(listener: &Listener) -> Self {
        let first = (listener.address.clone(), listener.socket.clone());
        let more = listener.additional_addresses.iter().cloned();
        Self {
            binds: listener.bind_to_port,
            addresses: [first].into_iter().chain(more).collect(),
        }
    }
}

impl Servers {
    fn of(cluster: &Cluster) -> Self {
        let options = cluster.protocol_options.iter();
        Self {
            http2: cluster.http2,
            tls: cluster.tls.clone(),
            options: options
                .map(|options| (options.name.clone(), options.config.clone()))
                .collect(),
        }
    }
}

/// The first of those that both have whose value is another.
fn changed<'a, T: PartialEq>(
    running: &'a HashMap<Arc<str>, T>,
    wanted: &HashMap<Arc<str>, T>,
) -> Option<&'a Arc<str>> {
    let is_other = |(name, value): &(&Arc<str>, &T)| {
        let wanted = wanted.get(*name);
        wanted.is_some_and(|wanted| wanted != *value)
    };
    running.iter().filter(is_other).map(|(name, _)| name).min()
}
