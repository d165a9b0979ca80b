//! A proxy that runs, and what can be asked of it.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use meta_core::Address;
use meta_rds::Bootstrap;
use meta_router::Membership;
use tokio::sync::watch;

use crate::{
    config::Snapshot,
    error::{ApplyError, UpdateError},
    stats::Stats,
    supervisor::Shared,
};

/// Where a proxy is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Not all sockets listen yet.
    Starting,
    /// It serves.
    Ready,
    /// It serves, and tells those who ask that it soon will not.
    LameDuck,
    /// It takes no new connections, and ends those it has.
    Draining,
    /// No connection is left.
    Stopped,
}

impl Phase {
    /// Its name, in capitals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Ready => "LIVE",
            Self::LameDuck => "LAME_DUCK",
            Self::Draining => "DRAINING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a proxy came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Connections that ended of themselves, nothing being in flight on them.
    pub closed: usize,
    /// Connections that were cut off, at the deadline or by an abort.
    pub aborted: usize,
    /// How long it took, without the lame-duck time.
    pub elapsed: Duration,
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            closed,
            aborted,
            elapsed,
        } = self;
        let seconds = elapsed.as_secs_f64();
        write!(
            f,
            "{closed} connections closed, {aborted} aborted, in {seconds:.3} s"
        )
    }
}

/// A proxy that runs. Dropping it aborts the proxy, and does not wait.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
}

impl Running {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// What can be asked of it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for its end, whatever brings it about.
    pub async fn stopped(&self) -> DrainReport {
        self.handle.stopped().await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Asks and tells a proxy. Cheap to clone; keeps nothing alive.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Where the listener `name` listens, the first address where there are several;
    /// with its real port where it was told to listen on port 0.
    pub fn addr(&self, name: &str) -> Option<Address> {
        let mut listeners = self.listeners();
        listeners.find_map(|(own, address)| (&**own == name).then(|| address.clone()))
    }

    /// The listeners' names and where they listen, each address.
    pub fn listeners(&self) -> impl Iterator<Item = (&Arc<str>, &Address)> {
        self.0.listeners()
    }

    /// Where the admin answers, if it does, on an IP network.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_address()?.socket_addr()
    }

    /// Where the admin answers, if it does.
    pub fn admin_address(&self) -> Option<&Address> {
        self.0.admin.as_ref()
    }

    /// Waits until its end in order is asked for, by [`Handle::drain`] or over the
    /// admin.
    pub async fn drain_requested(&self) {
        self.0.drain_requested().await;
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        self.0.phase()
    }

    /// Follows where it is in its life.
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.0.phases()
    }

    /// The statistics, summed over all workers. Reads counters and disturbs no
    /// worker.
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Puts the route tables of `snapshot`, and the endpoints that its clusters list,
    /// in force, all of them or none. The next request of every connection follows the
    /// new routes to the new endpoints; no client's connection is closed, and requests
    /// under way keep the route they have. For endpoints that go, see
    /// [`Membership`](crate::meta_router::Membership).
    ///
    /// # Errors
    ///
    /// Where anything differs but routes and listed endpoints: listeners, codecs,
    /// filters, bounds, clusters. Those hold from the start to the end.
    pub fn apply(&self, snapshot: Snapshot) -> Result<(), ApplyError> {
        self.0.apply(snapshot).map(|_| ())
    }

    /// Puts a bootstrap in force in place of the one that the proxy was started with:
    /// its route tables and the endpoints that its clusters list, as by
    /// [`apply`](Self::apply), all of them or none. Says whether that changed
    /// anything; a table that means the same as the one in force does not.
    ///
    /// Reads the files that its TLS contexts name; not for threads that others wait
    /// for.
    ///
    /// # Errors
    ///
    /// Where it cannot be run, or anything differs but routes and listed endpoints; all
    /// else holds from the start to the end.
    pub fn update(&self, bootstrap: &Bootstrap) -> Result<bool, UpdateError> {
        self.0.update(bootstrap)
    }

    /// Opens the files of access logs anew, for those who have moved them away. Does
    /// not wait; a file that cannot be opened serves on, and that is counted.
    pub fn reopen_access_logs(&self) {
        self.0.plan.access_logs.reopen();
    }

    /// The endpoints of a cluster. They may be replaced; where they are found by name,
    /// until the next answer.
    pub fn membership(&self, cluster: &str) -> Option<&Arc<Membership>> {
        self.0.plan.clusters.membership(cluster)
    }

    /// Ends the proxy in order, and waits for the end: readiness fails, while
    /// connections are still accepted for the lame-duck time; then no more are
    /// accepted, clients are told where their protocol can, and each connection
    /// ends as soon as nothing is in flight on it. What is left after `deadline`,
    /// which counts from the end of the lame-duck time, is aborted.
    ///
    /// Where a drain is under way its deadline holds, and this waits for it.
    /// Cancellation: the drain goes on.
    pub async fn drain(&self, deadline: Duration) -> DrainReport {
        self.0.request_drain(deadline);
        self.stopped().await
    }

    /// Ends the proxy at once. Does not wait.
    pub fn abort(&self) {
        self.0.abort.cancel();
    }

    /// Waits for the end, whatever brings it about.
    pub async fn stopped(&self) -> DrainReport {
        self.0.stopped().await
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("phase", &self.phase())
            .field("listeners", &self.listeners().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
