//! What connections count. Names are those of Envoy's and Aeraki's statistics.

use meta_core::{
    LocalReply, Message, ReplyKind, Status,
    stats::{Counter, Gauge, Histogram},
};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A struct of cells, which one thread or many write.
macro_rules! statistics {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $cell:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $cell,)*
        }

        impl $name {
            /// Cells that one thread at a time writes: those of a worker with a
            /// thread of its own. They cost less.
            pub fn single_writer() -> Self {
                Self {
                    $($field: <$cell>::single_writer(),)*
                }
            }

            /// The cells of a worker that runs on the current runtime: with a
            /// single writer where that has a single thread.
            ///
            /// # Panics
            ///
            /// Outside of a tokio runtime.
            pub fn of_worker() -> Self {
                match Handle::current().runtime_flavor() {
                    RuntimeFlavor::CurrentThread => Self::single_writer(),
                    _ => Self::default(),
                }
            }
        }
    };
}

statistics! {
    /// What the downstream connections of one listener count, on one worker.
    ///
    /// Exposed under `meta_protocol.<stat_prefix>.`.
    pub struct DownstreamStats {
        /// Connections accepted.
        pub downstream_cx_total: Counter,
        /// Connections open.
        pub downstream_cx_active: Gauge,
        /// Bytes read.
        pub downstream_cx_rx_bytes_total: Counter,
        /// Bytes written.
        pub downstream_cx_tx_bytes_total: Counter,
        /// Connections that we closed with requests in flight.
        pub cx_destroy_local_with_active_rq: Counter,
        /// Connections that the client closed with requests in flight.
        pub cx_destroy_remote_with_active_rq: Counter,
        /// Local replies that carry a business status; none of ours do.
        pub local_response_business_exception: Counter,
        /// Local replies that carry an error.
        pub local_response_error: Counter,
        /// Local replies that carry a result; none of ours do.
        pub local_response_success: Counter,
        /// Messages that clients sent, of whatever kind.
        pub request: Counter,
        /// Bytes that could not be decoded.
        pub request_decoding_error: Counter,
        /// Messages that could.
        pub request_decoding_success: Counter,
        /// Heartbeats and events.
        pub request_event: Counter,
        /// One-way calls.
        pub request_oneway: Counter,
        /// Calls that want an answer.
        pub request_twoway: Counter,
        /// Frames of streams.
        pub request_stream: Counter,
        /// Calls that turned out to want no answer (see
        /// [`Capabilities::disguised_one_way`](meta_core::Capabilities)).
        pub request_disguised_oneway: Counter,
        /// Messages longer than the limit.
        pub request_too_large: Counter,
        /// Requests that could be read and contradict themselves; answered.
        pub request_refused: Counter,
        /// Times that a connection stopped reading because of its limits.
        pub request_paused: Counter,
        /// Answers that clients sent to nothing we asked.
        pub request_unknown_answer: Counter,
        /// Responses forwarded.
        pub response: Counter,
        /// Of them: the service refused.
        pub response_business_exception: Counter,
        /// Upstream bytes that could not be decoded.
        pub response_decoding_error: Counter,
        /// Responses that could.
        pub response_decoding_success: Counter,
        /// Of the responses forwarded: the framework refused.
        pub response_error: Counter,
        /// Errors after which the connection could not go on.
        pub response_error_caused_connection_close: Counter,
        /// Of the responses forwarded: good ones.
        pub response_success: Counter,
        /// Messages whose form has no room for the mutation asked for.
        pub mutation_dropped: Counter,
        /// Connections closed for idleness.
        pub idle_timeout: Counter,
        /// Connections closed because their client would not read.
        pub write_timeout: Counter,
        /// Requests in flight.
        pub request_active: Gauge,
        /// How long requests took, from their last byte read to the response ready
        /// to be written.
        pub request_time_ms: Histogram,
    }
}

statistics! {
    /// What the connections to one cluster count, on one worker.
    ///
    /// Exposed under `cluster.<name>.`.
    pub struct UpstreamStats {
        /// Connections made or tried.
        pub upstream_cx_total: Counter,
        /// Connections open or being made.
        pub upstream_cx_active: Gauge,
        /// Connections that could not be made.
        pub upstream_cx_connect_fail: Counter,
        /// Of them: in time.
        pub upstream_cx_connect_timeout: Counter,
        /// Connections that the limit refused.
        pub upstream_cx_overflow: Counter,
        /// Connections closed, by whomever.
        pub upstream_cx_destroy: Counter,
        /// Of them: by us.
        pub upstream_cx_destroy_local: Counter,
        /// Of them: by the server.
        pub upstream_cx_destroy_remote: Counter,
        /// Connections closed with requests in flight.
        pub upstream_cx_destroy_with_active_rq: Counter,
        /// How long it took to make connections.
        pub upstream_cx_connect_ms: Histogram,
        /// How long connections were open, the making of them included.
        pub upstream_cx_length_ms: Histogram,
        /// Connections that broke protocol.
        pub upstream_cx_protocol_error: Counter,
        /// Idle connections found closed by their server, before use.
        pub upstream_cx_stale: Counter,
        /// Connections closed for idleness.
        pub upstream_cx_idle_timeout: Counter,
        /// Connections that carried as many requests as they may.
        pub upstream_cx_max_requests: Counter,
        /// Copies sent of other clusters' requests.
        pub upstream_rq_mirrored: Counter,
        /// Copies not sent: over a limit.
        pub upstream_rq_mirror_dropped: Counter,
        /// Connections closed because heartbeats went unanswered.
        pub upstream_cx_ping_timeout: Counter,
        /// Shared connections closed because the server did not read.
        pub upstream_cx_write_timeout: Counter,
        /// Bytes read.
        pub upstream_cx_rx_bytes_total: Counter,
        /// Bytes written.
        pub upstream_cx_tx_bytes_total: Counter,
        /// Requests.
        pub upstream_rq_total: Counter,
        /// Requests in flight.
        pub upstream_rq_active: Gauge,
        /// Requests that got a response.
        pub upstream_rq_completed: Counter,
        /// Requests that waited for a connection.
        pub upstream_rq_pending_total: Counter,
        /// Requests that wait for one.
        pub upstream_rq_pending_active: Gauge,
        /// Requests that a limit refused.
        pub upstream_rq_pending_overflow: Counter,
        /// Requests whose connection could not be made.
        pub upstream_rq_pending_failure_eject: Counter,
        /// Requests given up by their client.
        pub upstream_rq_cancelled: Counter,
        /// Requests over their timeout.
        pub upstream_rq_timeout: Counter,
        /// Requests whose connection broke.
        pub upstream_rq_rx_reset: Counter,
        /// Requests sent once more on a fresh connection.
        pub upstream_rq_retry: Counter,
        /// Responses to nothing that is in flight: late, duplicate or unknown.
        pub upstream_rq_unknown_response: Counter,
        /// Requests whose form has no room for the mutation asked for.
        pub upstream_rq_mutation_dropped: Counter,
        /// Requests that found no endpoint.
        pub upstream_cx_none_healthy: Counter,
        /// How long requests took upstream.
        pub upstream_rq_time: Histogram,
    }
}

statistics! {
    /// What the connections to one endpoint of a cluster count, on one worker.
    ///
    /// Shown by the admin's `/clusters`.
    pub struct EndpointStats {
        /// Connections made or tried.
        pub cx_total: Counter,
        /// Connections open or being made.
        pub cx_active: Gauge,
        /// Connections that could not be made.
        pub cx_connect_fail: Counter,
        /// Requests sent, those sent once more included.
        pub rq_total: Counter,
        /// Requests sent that want an answer and have none yet.
        pub rq_active: Gauge,
        /// Requests that were answered, whatever the service said; one-way calls that
        /// were written.
        pub rq_success: Counter,
        /// Requests that were answered with an error of the framework, or not
        /// answered.
        pub rq_error: Counter,
        /// Of them: not in time.
        pub rq_timeout: Counter,
    }
}

impl EndpointStats {
    /// A request that wants an answer has been sent.
    pub(crate) fn begin(&self) {
        self.rq_total.inc();
        self.rq_active.inc();
    }

    /// It has ended; `None`: it was given up.
    pub(crate) fn end(&self, outcome: Option<&Result<Message, LocalReply>>) {
        self.rq_active.dec();
        match outcome {
            Some(Ok(message)) if message.metadata.status == Status::Error => self.rq_error.inc(),
            Some(Ok(_)) => self.rq_success.inc(),
            Some(Err(reply)) if reply.kind() == ReplyKind::Timeout => self.timed_out(),
            Some(Err(_)) => self.rq_error.inc(),
            None => {}
        }
    }

    /// It was not answered in time.
    pub(crate) fn timed_out(&self) {
        self.rq_error.inc();
        self.rq_timeout.inc();
    }

    /// What was to be written only has been, or could not be.
    pub(crate) fn written(&self, is_good: bool) {
        match is_good {
            true => self.rq_success.inc(),
            false => self.rq_error.inc(),
        }
    }
}
