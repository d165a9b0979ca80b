//! A server of routes (RDS): a control plane in a process of one's own.
//!
//! A [`SnapshotCache`] holds what is served, for all nodes or for some; an
//! [`RdsServer`] serves it, in state of the world and in delta; a [`RouteDirectory`]
//! makes snapshots of the files of a folder. Under TLS: [`TlsListener`].
//!
//! ```no_run
//! use meta_rds::server::{RdsServer, RouteDirectory, SnapshotCache};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = SnapshotCache::new();
//! let (directory, snapshot) = RouteDirectory::open("/etc/routes")?;
//! cache.set(snapshot);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:18000").await?;
//! let follow = directory.follow(cache.clone(), |error| eprintln!("{error}"));
//! let serve = RdsServer::new(cache).serve(listener, std::future::pending());
//! tokio::select! {
//!     () = follow => {}
//!     served = serve => served?,
//! }
//! # Ok(())
//! # }
//! ```

mod accept;
mod cache;
mod connection;
mod directory;
mod metarouter;
mod service;
mod snapshot;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub use self::{
    accept::Accept,
    cache::{NodeStatus, SnapshotCache},
    directory::RouteDirectory,
    service::RdsServer,
    snapshot::RouteSnapshot,
    tls::TlsListener,
};
