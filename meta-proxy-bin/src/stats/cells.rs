//! Which cell stands under which name.

use meta_codec::{DownstreamStats, UpstreamStats};
use meta_core::stats::{Counter, Gauge, Histogram};
use meta_router::MembershipStats;

use super::{Scope, StatValue, Stats};

/// One cell of one worker.
trait Cell {
    fn read(&self) -> StatValue;
}

impl Cell for Counter {
    fn read(&self) -> StatValue {
        StatValue::Counter(self.value())
    }
}

impl Cell for Gauge {
    fn read(&self) -> StatValue {
        StatValue::Gauge(self.value())
    }
}

impl Cell for Histogram {
    fn read(&self) -> StatValue {
        StatValue::Histogram(self.snapshot())
    }
}

/// A method that adds all cells of a struct, each under the name of its field.
macro_rules! cells {
    ($(#[$doc:meta])* $method:ident($type:ty): $($field:ident)*) => {
        impl Stats {
            $(#[$doc])*
            pub(super) fn $method(&mut self, scope: &Scope<'_>, cells: &$type) {
                $(self.add(scope, stringify!($field), cells.$field.read());)*
            }
        }
    };
}

cells! {
    /// Adds what one worker's connections of a listener count.
    add_downstream(DownstreamStats):
    downstream_cx_total downstream_cx_active
    downstream_cx_rx_bytes_total downstream_cx_tx_bytes_total
    cx_destroy_local_with_active_rq cx_destroy_remote_with_active_rq
    local_response_business_exception local_response_error local_response_success
    request request_decoding_error request_decoding_success
    request_event request_oneway request_twoway request_stream
    request_disguised_oneway request_too_large request_refused request_paused request_unknown_answer
    response response_business_exception response_decoding_error response_decoding_success
    response_error response_error_caused_connection_close response_success
    mutation_dropped idle_timeout write_timeout
    request_active request_time_ms
}

cells! {
    /// Adds what is counted of a cluster's endpoints.
    add_membership(MembershipStats):
    membership_change
    update_attempt update_success update_failure update_empty update_no_rebuild
}

cells! {
    /// Adds what one worker's connections to a cluster count.
    add_upstream(UpstreamStats):
    upstream_cx_total upstream_cx_active
    upstream_cx_connect_fail upstream_cx_connect_timeout upstream_cx_overflow
    upstream_cx_connect_ms upstream_cx_length_ms
    upstream_cx_destroy upstream_cx_destroy_local upstream_cx_destroy_remote
    upstream_cx_destroy_with_active_rq upstream_cx_protocol_error
    upstream_cx_stale upstream_cx_idle_timeout upstream_cx_max_requests upstream_cx_ping_timeout upstream_cx_write_timeout
    upstream_cx_rx_bytes_total upstream_cx_tx_bytes_total
    upstream_cx_none_healthy
    upstream_rq_total upstream_rq_active upstream_rq_completed
    upstream_rq_pending_total upstream_rq_pending_active
    upstream_rq_pending_overflow upstream_rq_pending_failure_eject
    upstream_rq_cancelled upstream_rq_timeout upstream_rq_rx_reset upstream_rq_retry
    upstream_rq_mirrored upstream_rq_mirror_dropped
    upstream_rq_unknown_response upstream_rq_mutation_dropped
    upstream_rq_time
}
