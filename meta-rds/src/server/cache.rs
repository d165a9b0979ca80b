//! What is served to whom, and what they say of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::RouteSnapshot;

/// The snapshots that are served: one for all nodes, and others for some.
///
/// Clones are the same cache. A snapshot that is set is pushed to every stream it
/// changes something for.
#[derive(Clone, Debug)]
pub struct SnapshotCache {
    current: watch::Sender<Snapshots>,
    nodes: Arc<Mutex<BTreeMap<String, NodeStatus>>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots {
    all: Option<Arc<RouteSnapshot>>,
    nodes: HashMap<String, Arc<RouteSnapshot>>,
}

/// A node that has asked, and what it has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its id.
    pub id: String,
    /// The streams it has open.
    pub streams: u64,
    /// The version it accepted last.
    pub accepted: Option<String>,
    /// Why it refused the last version it was sent.
    pub refused: Option<String>,
}

/// The nodes that are remembered once they are gone.
const MAX_NODES: usize = 10_000;

impl SnapshotCache {
    /// A cache that serves nothing yet: who asks waits.
    pub fn new() -> Self {
        Self {
            current: watch::Sender::default(),
            nodes: Arc::default(),
        }
    }

    /// Serves `snapshot` to all nodes that have none of their own.
    pub fn set(&self, snapshot: RouteSnapshot) {
        self.current
            .send_modify(|current| current.all = Some(Arc::new(snapshot)));
    }

    /// Serves `snapshot` to the node of that id alone.
    pub fn set_node(&self, id: impl Into<String>, snapshot: RouteSnapshot) {
        self.current.send_modify(|current| {
            current.nodes.insert(id.into(), Arc::new(snapshot));
        });
    }

    /// Serves to the node of that id what is served to all.
    pub fn clear_node(&self, id: &str) {
        self.current.send_modify(|current| {
            current.nodes.remove(id);
        });
    }

    /// The nodes that have asked.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.values().cloned().collect()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Snapshots> {
        self.current.subscribe()
    }

    /// Changes what is known of a node.
    pub(super) fn note(&self, id: &str, change: impl FnOnce(&mut NodeStatus)) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() >= MAX_NODES && !nodes.contains_key(id) {
            nodes.retain(|_, node| node.streams > 0);
        }
        let node = nodes.entry(id.to_owned()).or_insert_with(|| NodeStatus {
            id: id.to_owned(),
            ..NodeStatus::default()
        });
        change(node);
    }
}

impl Default for SnapshotCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshots {
    pub(super) fn of(&self, node: &str) -> Option<&Arc<RouteSnapshot>> {
        self.nodes.get(node).or(self.all.as_ref())
    }
}
