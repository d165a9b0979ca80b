//! From the messages to plain types.

use std::{collections::HashMap, time::Duration};

use envoy_types::pb::{
    envoy::config::{bootstrap::v3 as pb, core::v3 as core},
    google::protobuf,
};
use meta_core::Address;
use prost_reflect::DescriptorPool;

use crate::{
    bootstrap::{Bootstrap, NodeInfo},
    path::Path,
    problem::{Place, Problems, Severity},
    tree::Tree,
};

mod access_log;
mod address;
mod cluster;
mod config_source;
mod dead_routes;
mod discovery;
mod extension;
mod http_routes;
mod limits;
mod listener;
mod matcher;
mod proxy;
mod routes;
mod tls;

pub(crate) use self::http_routes::RawTable;
pub use self::{http_routes::DecodedRoutes, routes::HashKeys};

/// Converts messages; where something is wrong, the result is of no use, and there
/// is a problem.
pub(crate) struct Converter<'a> {
    pool: &'a DescriptorPool,
    /// Where lines are looked up.
    tree: &'a Tree,
    problems: &'a mut Problems,
    secrets: tls::Secrets,
}

impl<'a> Converter<'a> {
    pub(crate) fn new(
        pool: &'a DescriptorPool,
        tree: &'a Tree,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            pool,
            tree,
            problems,
            secrets: tls::Secrets::new(),
        }
    }

    pub(crate) fn bootstrap(mut self, raw: &pb::Bootstrap) -> Bootstrap {
        let root = Path::ROOT;
        let mut bootstrap = Bootstrap::default();
        if let Some(node) = &raw.node {
            bootstrap.node = self.node(node);
        }
        let admin = raw.admin.as_ref().and_then(|admin| admin.address.as_ref());
        if let Some(address) = admin {
            if let Some(core::address::Address::Pipe(pipe)) = &address.address {
                bootstrap.admin_socket.mode = Some(pipe.mode).filter(|mode| *mode > 0);
            }
            let admin = root.field("admin");
            bootstrap.admin = self.admin(address, &admin.field("address"));
        }
        let limits = self.connection_limits(raw);
        bootstrap.max_connections = limits.global;
        let Some(resources) = &raw.static_resources else {
            return bootstrap;
        };
        let place = root.field("static_resources");
        let secrets = place.field("secrets");
        let mut names = HashMap::new();
        for (index, secret) in resources.secrets.iter().enumerate() {
            let place = secrets.index(index);
            self.unique(&mut names, &secret.name, &place);
            let converted = self.secret(secret, &place);
            self.secrets.insert(secret.name.clone(), converted);
        }
        let clusters = place.field("clusters");
        let mut names = HashMap::new();
        for (index, cluster) in resources.clusters.iter().enumerate() {
            let place = clusters.index(index);
            if let Some(cluster) = self.cluster(cluster, &place) {
                let name = cluster.config.name.clone();
                self.unique(&mut names, &name, &place);
                bootstrap.clusters.push(cluster);
            }
        }
        let listeners = place.field("listeners");
        let mut listener_names = HashMap::new();
        for (index, listener) in resources.listeners.iter().enumerate() {
            let place = listeners.index(index);
            if let Some(mut listener) = self.listener(listener, &place, &names) {
                self.unique(&mut listener_names, &listener.name, &place);
                listener.max_connections = limits.of_listener(&listener.name);
                bootstrap.listeners.push(listener);
            }
        }
        bootstrap
    }

    fn node(&self, node: &core::Node) -> NodeInfo {
        let locality = node.locality.clone().unwrap_or_default();
        NodeInfo {
            id: node.id.clone(),
            cluster: node.cluster.clone(),
            metadata: node
                .metadata
                .as_ref()
                .map(extension::object)
                .unwrap_or_default(),
            locality: [locality.region, locality.zone, locality.sub_zone],
        }
    }

    fn admin(&mut self, address: &core::Address, path: &Path<'_>) -> Option<Address> {
        self.tell_of_binding(address, path);
        let address = self.address(address, path)?;
        if let Address::Ip(ip) = address
            && !ip.ip().is_loopback()
        {
            let text = "others than this machine may reach the admin: who does can read the \
                        configuration and end the proxy";
            self.warn(path, text);
        }
        Some(address)
    }

    fn unique(&mut self, names: &mut HashMap<String, String>, name: &str, path: &Path<'_>) {
        match names.get(name) {
            Some(first) => {
                let text = format!("{name:?} is the name of {first} already");
                self.error(&path.field("name"), text);
            }
            None => {
                names.insert(name.to_owned(), path.to_string());
            }
        }
    }

    fn place(&self, path: &Path<'_>) -> Place {
        self.problems.place(self.tree.place(path), path)
    }

    fn error(&mut self, path: &Path<'_>, text: impl Into<String>) {
        self.problems.error(self.tree.place(path), path, text);
    }

    fn unsupported(&mut self, path: &Path<'_>, text: impl Into<String>) {
        let at = self.tree.place(path);
        self.problems.add(Severity::Unsupported, at, path, text);
    }

    fn warn(&mut self, path: &Path<'_>, text: impl Into<String>) {
        let at = self.tree.place(path);
        self.problems.add(Severity::Warning, at, path, text);
    }

    /// A duration that is not negative.
    fn duration(&mut self, raw: &protobuf::Duration, path: &Path<'_>) -> Option<Duration> {
        let parts = (u64::try_from(raw.seconds), u32::try_from(raw.nanos));
        match parts {
            (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => {
                Some(Duration::new(seconds, nanos))
            }
            _ => {
                self.error(path, "must not be negative");
                None
            }
        }
    }

    /// A number that fits this machine.
    fn size(raw: Option<&protobuf::UInt32Value>) -> Option<usize> {
        raw.and_then(|raw| usize::try_from(raw.value).ok())
    }
}
