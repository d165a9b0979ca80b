//! When a worker comes to rest.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::WorkerCells;

/// How often a worker is looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// What clients may send and be sent in a period in which a worker is at rest:
/// the checks of a load balancer, a client now and then.
const TRICKLE_BYTES: u64 = 64 << 10;

/// Calls a hook in the first quiet period after something has happened.
pub(super) struct Rest {
    hook: fn(),
    cells: WorkerCells,
    period: Interval,
    /// At the last look.
    seen: Activity,
    /// When the hook was called last.
    called: Activity,
}

/// What has happened on a worker since it began.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Activity {
    /// To clients and from them.
    bytes: u64,
    /// Connections that began or ended, on both sides.
    connections: u64,
}

impl Rest {
    pub(super) fn new(hook: fn(), cells: WorkerCells) -> Self {
        let mut period = interval_at(Instant::now() + PERIOD, PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let now = Activity::of(&cells);
        Self {
            hook,
            cells,
            period,
            seen: now,
            called: now,
        }
    }

    fn look(&mut self) {
        let now = Activity::of(&self.cells);
        let quiet = now.bytes.saturating_sub(self.seen.bytes) <= TRICKLE_BYTES;
        self.seen = now;
        if quiet && now != self.called {
            self.called = now;
            (self.hook)();
        }
    }
}

/// Waits for the next look, and takes it. Cancel-safe.
pub(super) async fn watch(rest: &mut Option<Rest>) {
    match rest {
        Some(rest) => {
            rest.period.tick().await;
            rest.look();
        }
        None => pending().await,
    }
}

impl Activity {
    fn of(cells: &WorkerCells) -> Self {
        let mut activity = Self {
            bytes: 0,
            connections: 0,
        };
        for cells in cells.downstream.iter().flatten() {
            activity.bytes += cells.downstream_cx_rx_bytes_total.value();
            activity.bytes += cells.downstream_cx_tx_bytes_total.value();
            let active = cells.downstream_cx_active.value().unsigned_abs();
            let total = cells.downstream_cx_total.value();
            activity.connections += (2 * total).saturating_sub(active);
        }
        for (_, cells) in &cells.upstream {
            activity.connections += cells.upstream_cx_total.value();
            activity.connections += cells.upstream_cx_destroy.value();
        }
        activity
    }
}
