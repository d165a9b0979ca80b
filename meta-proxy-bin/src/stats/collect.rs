//! Reading the cells of a proxy.

use std::{collections::HashSet, sync::atomic::Ordering::Relaxed, time::SystemTime};

use meta_core::stats::Cell;
use meta_router::ClusterUsage;

use super::{Scope, StatValue, Stats};
use crate::{
    handle::Phase,
    listener::{Listener, stat_name},
    supervisor::Shared,
    sys,
};

impl Stats {
    /// What stands in the cells of all workers.
    pub(crate) fn collect(shared: &Shared) -> Self {
        let mut stats = Self::default();
        stats.add_server(shared);
        stats.add_listeners(shared);
        stats.add_managers(shared);
        for (cluster, usage) in shared.plan.clusters.usage() {
            stats.add_circuit_breakers(cluster, usage);
        }
        stats.add_access_logs(shared);
        for (cluster, membership) in shared.plan.clusters.memberships() {
            stats.add_membership(&Scope::Cluster(cluster), membership.stats());
            // Nothing takes an endpoint for unhealthy.
            let members = StatValue::Gauge(membership.len() as i64);
            stats.add(
                &Scope::Cluster(cluster),
                "membership_total",
                members.clone(),
            );
            stats.add(&Scope::Cluster(cluster), "membership_healthy", members);
        }
        for chain in shared.plan.chains() {
            let scope = Scope::MetaProtocol(&chain.config.stat_prefix);
            for filter in &chain.filters {
                filter.visit_stats(&mut |name, cell| stats.add_cell(&scope, name, cell));
            }
        }
        for cluster in &shared.clusters {
            let scope = Scope::Cluster(&cluster.name);
            if let Some(socket) = &cluster.transport_socket {
                socket.visit_stats(&mut |name, cell| {
                    if let Some(value) = StatValue::of(cell) {
                        stats.add(&scope, name, value);
                    }
                });
            }
        }
        stats.add_live_routes(shared);
        stats.add_bootstraps(shared);
        for worker in shared.workers() {
            for (chain, cells) in shared.plan.chains().zip(worker.downstream.iter().flatten()) {
                let scope = Scope::MetaProtocol(&chain.config.stat_prefix);
                stats.add_downstream(&scope, cells);
            }
            for (cluster, cells) in &worker.upstream {
                stats.add_upstream(&Scope::Cluster(cluster), cells);
            }
        }
        stats
    }

    /// Routes that come from elsewhere, under Envoy's names.
    fn add_live_routes(&mut self, shared: &Shared) {
        let Some(live) = shared.live() else {
            return;
        };
        let mut seen = HashSet::new();
        for (chain, name, counts) in live.stats() {
            let Some(chain) = shared.plan.chains().nth(chain) else {
                continue;
            };
            let prefix = &chain.config.stat_prefix;
            // One table is counted once, however many chains of the prefix have it.
            if !seen.insert((prefix, name)) {
                continue;
            }
            let scope = Scope::MetaProtocol(prefix);
            for (metric, count) in [
                ("config_reload", counts.config_reload),
                ("update_attempt", counts.update_attempt),
                ("update_success", counts.update_success),
                ("update_failure", counts.update_failure),
                ("update_rejected", counts.update_rejected),
                ("update_empty", counts.update_empty),
                ("init_fetch_timeout", counts.init_fetch_timeout),
            ] {
                let metric = format!("rds.{name}.{metric}");
                self.add(&scope, &metric, StatValue::Counter(count));
            }
            let metric = format!("rds.{name}.config_reload_time_ms");
            let time = i64::try_from(counts.config_reload_time_ms).unwrap_or(i64::MAX);
            self.add(&scope, &metric, StatValue::Gauge(time));
        }
        let planes = live.control_planes();
        let connected = planes.iter().all(|plane| plane.connected);
        let connected = StatValue::Gauge(i64::from(connected));
        self.add(&Scope::Whole, "control_plane.connected_state", connected);
    }

    /// What became of bootstraps since the start, where there was one.
    fn add_bootstraps(&mut self, shared: &Shared) {
        if shared.about.fixed.is_none() {
            return;
        }
        let counts = &shared.bootstraps;
        for (name, count) in [
            ("bootstrap.config_reload", &counts.reload),
            ("bootstrap.update_rejected", &counts.rejected),
            ("bootstrap.update_success", &counts.success),
        ] {
            let count = StatValue::Counter(count.load(Relaxed));
            self.add(&Scope::Whole, name, count);
        }
    }

    fn add_access_logs(&mut self, shared: &Shared) {
        let logs = &shared.plan.access_logs;
        if logs.is_empty() {
            return;
        }
        let stats = logs.stats();
        let counters = [
            (Scope::Filesystem, "write_buffered", stats.lines_buffered),
            (Scope::Filesystem, "write_completed", stats.writes_completed),
            (Scope::Filesystem, "write_failed", stats.writes_failed),
            (
                Scope::Filesystem,
                "flushed_by_timer",
                stats.flushed_by_timer,
            ),
            (Scope::Filesystem, "reopen_failed", stats.reopen_failed),
            (Scope::AccessLog, "lines_written", stats.lines_written),
            (Scope::AccessLog, "lines_dropped", stats.lines_dropped),
        ];
        for (scope, name, count) in counters {
            self.add(&scope, name, StatValue::Counter(count));
        }
        let buffered = StatValue::Gauge(stats.buffered_bytes);
        self.add(&Scope::Filesystem, "write_total_buffered", buffered);
    }

    fn add_server(&mut self, shared: &Shared) {
        // Envoy's numbers: live, draining, and still starting.
        let state = match shared.phase() {
            Phase::Ready => 0,
            Phase::Starting => 3,
            _ => 1,
        };
        let state = match shared.is_live() {
            false if state == 0 => 1,
            _ => state,
        };
        let gauges = [
            ("concurrency", shared.workers().len() as i64),
            ("live", i64::from(state == 0)),
            ("state", state),
            ("total_connections", shared.open() as i64),
            ("uptime", shared.began.elapsed().as_secs() as i64),
            ("version", version()),
            // There is no hot restart, and so no process before this one.
            ("parent_connections", 0),
        ];
        if let Some(days) = days_to_first_expiry(shared) {
            let days = StatValue::Gauge(days);
            self.add(&Scope::Server, "days_until_first_cert_expiring", days);
        }
        let known = shared.memory();
        let memory = [
            ("memory_allocated", known.allocated_bytes),
            ("memory_heap_size", known.heap_bytes),
            ("memory_physical_size", sys::resident_bytes()),
        ];
        let memory = memory.into_iter();
        let memory = memory.filter_map(|(name, bytes)| Some((name, bytes? as i64)));
        for (name, value) in gauges.into_iter().chain(memory) {
            self.add(&Scope::Server, name, StatValue::Gauge(value));
        }
    }

    /// The handshakes of a listener, and the secrets of its chains.
    fn add_tls(&mut self, scope: &Scope<'_>, listener: &Listener) {
        let mut secure = listener.chains.iter().filter_map(|c| c.tls.as_ref());
        let Some(first) = secure.next() else {
            return;
        };
        listener
            .handshakes
            .visit_stats(&mut |name, cell| self.add_cell(scope, name, cell));
        for tls in [first].into_iter().chain(secure) {
            tls.visit_stats(&mut |name, cell| match cell {
                // Two chains may have the same certificate, or two of one name.
                Cell::Gauge(expiry) => self.add_lowest(scope, name, expiry.value()),
                cell => self.add_cell(scope, name, cell),
            });
        }
    }

    fn add_cell(&mut self, scope: &Scope<'_>, name: &str, cell: Cell<'_>) {
        if let Some(value) = StatValue::of(cell) {
            self.add(scope, name, value);
        }
    }

    fn add_managers(&mut self, shared: &Shared) {
        let listeners = shared.plan.listeners.len() as u64;
        let counts = shared.listener_counts();
        let workers = shared.workers().len() as u64;
        let clusters = shared.clusters.len() as u64;
        let is_warming = shared.phase() == Phase::Starting;
        let (active, warming) = match is_warming {
            true => (0, counts.active),
            false => (counts.active, 0),
        };
        let scope = Scope::ListenerManager;
        for (name, count) in [
            ("listener_added", listeners),
            ("listener_create_success", listeners * workers),
            ("listener_stopped", counts.closed as u64),
        ] {
            self.add(&scope, name, StatValue::Counter(count));
        }
        for (name, count) in [
            ("total_listeners_active", active),
            ("total_listeners_warming", warming),
            ("total_listeners_draining", counts.draining),
        ] {
            self.add(&scope, name, StatValue::Gauge(count as i64));
        }
        let scope = Scope::ClusterManager;
        let (active, warming) = match is_warming {
            true => (0, clusters),
            false => (clusters, 0),
        };
        self.add(&scope, "cluster_added", StatValue::Counter(clusters));
        self.add(&scope, "active_clusters", StatValue::Gauge(active as i64));
        self.add(&scope, "warming_clusters", StatValue::Gauge(warming as i64));
    }

    /// Envoy's circuit breakers of the default priority, the only one.
    fn add_circuit_breakers(&mut self, cluster: &str, usage: ClusterUsage) {
        let scope = Scope::Cluster(cluster);
        let bounds = [
            ("cx_open", "remaining_cx", usage.connections),
            ("rq_pending_open", "remaining_pending", usage.pending),
            ("rq_open", "remaining_rq", usage.requests),
        ];
        for (open, remaining, bound) in bounds {
            let left = bound.remaining() as i64;
            for (name, value) in [(open, i64::from(left == 0)), (remaining, left)] {
                let name = format!("circuit_breakers.default.{name}");
                self.add(&scope, &name, StatValue::Gauge(value));
            }
        }
    }

    fn add_listeners(&mut self, shared: &Shared) {
        let listeners = shared.plan.listeners.iter();
        for (index, (listener, site)) in listeners.zip(&shared.sites).enumerate() {
            let Some(address) = site.addresses.first() else {
                continue;
            };
            let address = stat_name(&listener.config, address);
            let scope = Scope::Listener(&address);
            listener
                .stats
                .visit(&mut |name, cell| self.add_cell(&scope, name, cell));
            for filter in &listener.filters {
                filter.visit_stats(&mut |name, cell| self.add_cell(&Scope::Whole, name, cell));
            }
            self.add_tls(&scope, listener);
            for (worker, cells) in shared.workers().iter().enumerate() {
                for cells in cells.downstream.get(index).into_iter().flatten() {
                    for scope in [scope, Scope::ListenerWorker(&address, worker)] {
                        let total = StatValue::Counter(cells.downstream_cx_total.value());
                        let active = StatValue::Gauge(cells.downstream_cx_active.value());
                        self.add(&scope, "downstream_cx_total", total);
                        self.add(&scope, "downstream_cx_active", active);
                    }
                }
            }
        }
    }
}

/// Whole days until the first certificate of ours expires, -1 once it has; `None`
/// where there is none.
fn days_to_first_expiry(shared: &Shared) -> Option<i64> {
    const DAY: u64 = 24 * 60 * 60;
    let at = shared.plan.tls.first_expiry()?;
    Some(match at.duration_since(SystemTime::now()) {
        Ok(left) => i64::try_from(left.as_secs() / DAY).unwrap_or(i64::MAX),
        Err(_) => -1,
    })
}

/// The version as one number: two digits each for minor version and patch.
fn version() -> i64 {
    let parts = env!("CARGO_PKG_VERSION").split(['.', '-']).take(3);
    parts.fold(0, |sum, part| sum * 100 + part.parse().unwrap_or(0))
}
