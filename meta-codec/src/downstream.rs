//! Downstream connections: a codec and a service over a byte stream.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use meta_core::{
    Capabilities, CodecFactory, Limits, LocalReply, Request, RequestLog, Response, Role, Session,
};
use tower_service::Service;

use crate::{drain::Drain, stats::DownstreamStats, timer::Wheel, transport::Transport};

mod calls;
mod connection;
mod server_calls;
mod woken;

use connection::Connection;

/// Bounds on one downstream connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DownstreamConfig {
    /// Requests in flight; at the bound no new ones are read. Default: 1024.
    pub max_in_flight: usize,
    /// Bytes of the requests in flight; at the bound no new ones are read.
    /// Default: 64 MiB, but one request is always let in.
    pub max_in_flight_bytes: usize,
    /// Bytes that wait to be written; at the bound nothing more is read and no
    /// response is taken up. Default: 256 KiB.
    pub write_buffer_bytes: usize,
    /// How long the connection may be without a request in flight and without a
    /// byte read or written. Default: none.
    pub idle_timeout: Option<Duration>,
    /// How long a client may leave what we write unread. Default: 5 minutes.
    pub write_timeout: Duration,
}

impl Default for DownstreamConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 1024,
            max_in_flight_bytes: 64 << 20,
            write_buffer_bytes: 256 << 10,
            idle_timeout: None,
            write_timeout: Duration::from_secs(300),
        }
    }
}

/// What all downstream connections of a listener share on one worker.
pub struct Downstream {
    codec: Arc<dyn CodecFactory>,
    capabilities: Capabilities,
    limits: Limits,
    config: DownstreamConfig,
    stats: Arc<DownstreamStats>,
    wheel: Wheel,
    drain: Drain,
    logs: Vec<Arc<dyn RequestLog>>,
}

impl Downstream {
    /// Connections that speak `codec`, within `limits` and `config`.
    pub fn new(
        codec: Arc<dyn CodecFactory>,
        limits: Limits,
        config: DownstreamConfig,
        stats: Arc<DownstreamStats>,
        wheel: Wheel,
        drain: Drain,
    ) -> Self {
        Self {
            capabilities: codec.capabilities().clone(),
            codec,
            limits,
            config,
            stats,
            wheel,
            drain,
            logs: Vec::new(),
        }
    }

    /// What its connections count.
    pub fn stats(&self) -> &Arc<DownstreamStats> {
        &self.stats
    }

    /// Tells `logs` how each request ended: answered, refused by whatever layer or
    /// for its bytes, or cancelled by the end of its connection. Of a stream only
    /// the frame that opens it is a request. Where there are none, nothing is kept
    /// for them.
    #[must_use]
    pub fn with_logs(mut self, logs: Vec<Arc<dyn RequestLog>>) -> Self {
        self.logs = logs;
        self
    }

    /// Drives one connection: reads requests, calls `service`, writes responses.
    /// A service whose futures are not `Unpin` goes into a
    /// [`BoxService`](meta_core::BoxService).
    ///
    /// Completes when the connection has ended; dropping it ends it at once and
    /// cancels what is in flight. Behaviour:
    ///
    /// * Responses leave as they come; among equal ids in flight, or where the
    ///   protocol has no ids, in request order. What is ready in one turn leaves
    ///   in one vectored write.
    /// * A client that closes its sending side still gets its responses.
    /// * At the bounds of [`DownstreamConfig`] nothing more is read. While the
    ///   client does not read, no response is taken up, so that its source is
    ///   not read either.
    /// * Bytes that cannot be decoded are answered where the codec can tell what
    ///   they were, and end the connection unless the codec can skip them; what
    ///   is in flight is answered first.
    /// * When the drain begins, the client is told where the protocol can, and
    ///   the connection ends as soon as nothing is in flight.
    pub fn serve<T, S>(
        self: &Arc<Self>,
        transport: T,
        service: S,
        session: Session,
    ) -> impl Future<Output = CloseReason> + Send + use<T, S>
    where
        T: Transport,
        S: Service<Request, Response = Response, Error = LocalReply> + Send,
        S::Future: Send + Unpin,
    {
        let codec = self.codec.codec(Role::Downstream, &self.limits);
        Connection::new(self.clone(), transport, codec, service, session)
    }
}

impl fmt::Debug for Downstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downstream")
            .field("codec", &self.codec.name())
            .field("limits", &self.limits)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a downstream connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client closed it.
    Client,
    /// It broke.
    Broken(std::io::Error),
    /// It was idle for too long.
    Idle,
    /// The client did not read what was written.
    WriteTimeout,
    /// The client sent what cannot be decoded.
    Undecodable(meta_core::CodecError),
    /// A response or reply could not be written in the client's form.
    Unwritable(meta_core::CodecError),
    /// The proxy drains.
    Drained,
    /// The service refuses all requests.
    Service(LocalReply),
}

impl CloseReason {
    /// One word for it, as access logs have it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Client | Self::Broken(_) => "downstream_remote_disconnect",
            Self::Idle => "idle_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Undecodable(_) => "undecodable_request",
            Self::Unwritable(_) => "unwritable_response",
            Self::Drained => "drained",
            Self::Service(_) => "service_failed",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("closed by the client"),
            Self::Broken(error) => write!(f, "broken: {error}"),
            Self::Idle => f.write_str("idle for too long"),
            Self::WriteTimeout => f.write_str("the client does not read its responses"),
            Self::Undecodable(error) => write!(f, "undecodable request: {error}"),
            Self::Unwritable(error) => write!(f, "unwritable response: {error}"),
            Self::Drained => f.write_str("drained"),
            Self::Service(reply) => write!(f, "refused: {reply}"),
        }
    }
}
