//! Why a proxy does not start, or does not take a snapshot.

use std::{io, sync::Arc};

use meta_filters::access_log::AccessLogError;
use meta_rds::LoadError;
use meta_router::ClusterError;
use meta_tls::TlsConfigError;

use crate::registry::LookupError;

/// Why a proxy does not start. Nothing is left running or bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The snapshot has no listener.
    #[error("there is nothing to listen on: the snapshot has no listener")]
    NoListener,
    /// Two listeners, or two sockets for one, go by the same name.
    #[error("there are two listeners of the name {listener:?}")]
    DuplicateListener {
        /// The name.
        listener: Arc<str>,
    },
    /// A listener of the snapshot was given no socket.
    #[error("listener {listener:?} has no socket")]
    NoSocket {
        /// The listener's name.
        listener: Arc<str>,
    },
    /// A socket was given for a listener that the snapshot does not have.
    #[error("there is a socket for the listener {listener:?}, but no such listener")]
    UnknownListener {
        /// The name.
        listener: Arc<str>,
    },
    /// A listener's codec or one of its filters cannot be had.
    #[error("listener {listener:?}")]
    Extension {
        /// The listener's name.
        listener: Arc<str>,
        /// What is wrong with it.
        source: LookupError,
    },
    /// Two of a listener's filter chains are for the same connections.
    #[error(
        "listener {listener:?}: the filter chains {first} and {second} are for the same connections"
    )]
    Chains {
        /// The listener's name.
        listener: Arc<str>,
        /// The name of the one, or its place in the list, the first being 0.
        first: String,
        /// The other.
        second: String,
    },
    /// The TLS of one of a listener's filter chains cannot be had.
    #[error("listener {listener:?}: TLS of the filter chain {chain}")]
    Tls {
        /// The listener's name.
        listener: Arc<str>,
        /// The chain's name, or its place in the list, the first being 0.
        chain: String,
        /// What is wrong with it.
        source: TlsConfigError,
    },
    /// One of a listener's access logs cannot be had.
    #[error("listener {listener:?}")]
    AccessLog {
        /// The listener's name.
        listener: Arc<str>,
        /// What is wrong with it.
        source: AccessLogError,
    },
    /// Something is wrong with the clusters.
    #[error("{}", join(.0))]
    Clusters(Vec<ClusterError>),
    /// A listener's socket cannot be had.
    #[error("listener {listener:?} cannot listen on {address}")]
    Listen {
        /// The listener's name.
        listener: Arc<str>,
        /// Where it was to listen.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The admin's socket cannot be had.
    #[error("admin cannot listen on {address}")]
    Admin {
        /// Where it was to listen.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A worker does not start.
    #[error("worker {worker} cannot start")]
    Worker {
        /// Its number, the first being 0.
        worker: usize,
        /// The system's reason.
        source: io::Error,
    },
}

/// Why a snapshot is not put in force. What was in force still is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A listener that runs is missing, or one that does not run is there.
    #[error("listener {listener:?} would have to be {}", if *.added { "added" } else { "removed" })]
    Listeners {
        /// The listener's name.
        listener: Arc<str>,
        /// Whether it is new.
        added: bool,
    },
    /// Something else than a listener's routes differs.
    #[error("listener {listener:?} would have to be restarted: its {what} differ")]
    Restart {
        /// The listener's name.
        listener: Arc<str>,
        /// What differs.
        what: &'static str,
    },
    /// The clusters differ in more than the endpoints they list.
    #[error("cluster {cluster:?} would have to {change}, which takes a restart")]
    Cluster {
        /// The cluster's name.
        cluster: Arc<str>,
        /// What would have to be done.
        change: &'static str,
    },
}

/// Why a bootstrap is not put in force. What was in force still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It cannot be read, or cannot be run.
    #[error("\n{0}")]
    Load(#[from] LoadError),
    /// Something differs that holds from the start to the end.
    #[error("another value takes a restart: {what}")]
    Restart {
        /// What differs.
        what: String,
    },
    /// Something else than routes and listed endpoints differs.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The proxy was not started by a bootstrap.
    #[error("the proxy was not started by a bootstrap")]
    NoBootstrap,
}

fn join(errors: &[ClusterError]) -> String {
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
