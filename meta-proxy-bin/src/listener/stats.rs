//! What is counted of a listener's connections before they belong to a chain.

use meta_core::stats::{Cell, Counter, Gauge};

/// Exposed under `listener.<address>.`.
#[derive(Debug, Default)]
pub(crate) struct ListenerStats {
    /// Connections closed because of the listener's bound.
    pub(crate) downstream_cx_overflow: Counter,
    /// Connections closed because of the process's bound.
    pub(crate) downstream_global_cx_overflow: Counter,
    /// Connections that could not be accepted.
    pub(crate) downstream_cx_accept_error: Counter,
    /// Connections that listener filters look at.
    pub(crate) downstream_pre_cx_active: Gauge,
    /// Connections that were not done with listener filters in time.
    pub(crate) downstream_pre_cx_timeout: Counter,
    /// Connections closed because of their PROXY header, or the lack of it.
    pub(crate) downstream_cx_proxy_proto_error: Counter,
    /// Connections closed because there is no chain for them.
    pub(crate) no_filter_chain_match: Counter,
    /// Connections that were handed over to another listener. Not one of Envoy's.
    pub(crate) downstream_cx_handed_off: Counter,
}

impl ListenerStats {
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let counters = [
            ("downstream_cx_overflow", &self.downstream_cx_overflow),
            (
                "downstream_global_cx_overflow",
                &self.downstream_global_cx_overflow,
            ),
            (
                "downstream_cx_accept_error",
                &self.downstream_cx_accept_error,
            ),
            ("downstream_pre_cx_timeout", &self.downstream_pre_cx_timeout),
            (
                "downstream_cx_proxy_proto_error",
                &self.downstream_cx_proxy_proto_error,
            ),
            ("no_filter_chain_match", &self.no_filter_chain_match),
            ("downstream_cx_handed_off", &self.downstream_cx_handed_off),
        ];
        for (name, counter) in counters {
            visit(name, Cell::Counter(counter));
        }
        visit(
            "downstream_pre_cx_active",
            Cell::Gauge(&self.downstream_pre_cx_active),
        );
    }
}
