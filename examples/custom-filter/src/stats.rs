//! What the filter counts.

use meta_core::stats::{Cell, Counter, Gauge};

/// Shared by the filter and the requests that wait.
#[derive(Debug, Default)]
pub(crate) struct FairShareStats {
    /// Requests let pass, at once or after a wait.
    pub(crate) passed: Counter,
    /// Requests that had to wait, whatever came of it.
    pub(crate) waited: Counter,
    /// Requests refused, for want of a share or of room in it.
    pub(crate) refused: Counter,
    /// Requests let pass that are not done.
    pub(crate) active: Gauge,
}

impl FairShareStats {
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        visit("fair_share.passed", Cell::Counter(&self.passed));
        visit("fair_share.waited", Cell::Counter(&self.waited));
        visit("fair_share.refused", Cell::Counter(&self.refused));
        visit("fair_share.active", Cell::Gauge(&self.active));
    }
}
