//! One table that is asked for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use meta_router::RouteTable;
use tokio::sync::{Notify, watch};

use super::{FirstFetch, RdsState, RdsStats, RdsStatus, RefusedRoutes};
use crate::{convert::DecodedRoutes, xds::EventKind};

/// A table that is asked for: as long as someone holds it.
pub(super) struct Entry {
    name: Arc<str>,
    pub(super) timeout: Option<Duration>,
    progress: watch::Sender<Progress>,
    report: Mutex<Report>,
    /// Woken when it is gone.
    notify: Arc<Notify>,
}

/// What whoever watches waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) routes: Option<Arc<RouteTable>>,
    /// How many tables there have been.
    pub(super) number: u64,
    pub(super) fetched: Option<FirstFetch>,
}

struct Report {
    status: RdsStatus,
    stats: RdsStats,
}

impl Entry {
    pub(super) fn new(
        name: Arc<str>,
        source: String,
        timeout: Option<Duration>,
        notify: Arc<Notify>,
    ) -> Self {
        let stats = RdsStats {
            update_attempt: 1,
            ..RdsStats::default()
        };
        Self {
            report: Mutex::new(Report {
                status: RdsStatus::new(name.clone(), source),
                stats,
            }),
            name,
            timeout,
            progress: watch::Sender::default(),
            notify,
        }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(super) fn status(&self) -> RdsStatus {
        self.report().status.clone()
    }

    pub(super) fn stats(&self) -> RdsStats {
        self.report().stats
    }

    /// Takes in what has happened.
    pub(super) fn take(&self, kind: EventKind<DecodedRoutes>, now: SystemTime) {
        let mut report = self.report();
        let Report { status, stats } = &mut *report;
        stats.update_attempt += 1;
        match kind {
            EventKind::Updated {
                version,
                value,
                canonical,
            } => {
                tracing::info!(
                    routes = &*self.name,
                    version,
                    count = value.table.len(),
                    "new routes"
                );
                for note in &value.notes {
                    tracing::warn!("{note}");
                }
                stats.update_success += 1;
                stats.config_reload += 1;
                stats.config_reload_time_ms = unix_millis(now);
                status.last_updated = Some(now);
                status.resource = Some(canonical);
                status.notes = value.notes;
                status.accept(version);
                self.publish(value.table);
            }
            EventKind::Unchanged { version } => {
                stats.update_success += 1;
                status.accept(version);
            }
            EventKind::Refused { version, reason } => {
                stats.update_rejected += 1;
                let is_new = status.refused.as_ref().is_none_or(|r| r.reason != reason);
                if is_new {
                    tracing::warn!(
                        routes = &*self.name,
                        version,
                        "routes are refused: {reason}"
                    );
                }
                status.state = RdsState::Refused;
                status.refused = Some(RefusedRoutes {
                    version,
                    reason,
                    at: now,
                });
            }
            EventKind::Empty => {
                stats.update_empty += 1;
                stats.update_success += 1;
            }
            EventKind::Removed => {
                stats.update_success += 1;
                status.state = RdsState::Absent;
                tracing::warn!(
                    routes = &*self.name,
                    "the control plane has no such routes; those in force stay"
                );
            }
            EventKind::Expired => {
                tracing::warn!(
                    routes = &*self.name,
                    "the routes have run out at the control plane; those in force stay"
                );
            }
            EventKind::FetchTimedOut => {
                stats.init_fetch_timeout += 1;
                if status.state == RdsState::Requested {
                    status.state = RdsState::TimedOut;
                }
                tracing::warn!(routes = &*self.name, "no routes in time");
                self.progress.send_if_modified(|progress| {
                    let fetched = progress.fetched.get_or_insert(FirstFetch::TimedOut);
                    *fetched == FirstFetch::TimedOut
                });
            }
            EventKind::Disconnected { .. } => stats.update_failure += 1,
        }
    }

    fn publish(&self, table: Arc<RouteTable>) {
        self.progress.send_modify(|progress| {
            progress.routes = Some(table);
            progress.number += 1;
            progress.fetched = Some(FirstFetch::Done);
        });
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.notify.notify_one();
    }
}

fn unix_millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
