//! Upstream connections: a codec over a byte stream, as a client.

use std::{io, sync::Arc, time::Duration};

use meta_core::{
    Capabilities, CodecFactory, Limits, LocalReply, Origin, ReplyKind, Role, Session, Sharing,
    UpstreamInfo, WireForm,
};

use crate::{
    stats::{EndpointStats, UpstreamStats},
    timer::Wheel,
    transport::Transport,
};

mod exclusive;
mod pending;
mod shared;

pub use exclusive::Exclusive;
pub use shared::{Shared, SharedCall, SharedDriver, SharedSend};

/// Bounds on one upstream connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpstreamConfig {
    /// Bytes that wait to be written on a shared connection; at the bound
    /// requests wait. Default: 1 MiB.
    pub write_buffer_bytes: usize,
    /// How long a server may leave what is written to a shared connection unread
    /// before the connection is given up. Default: 1 minute.
    pub write_timeout: Duration,
    /// How long a shared connection may be without a request. One that a client is
    /// bound to stays as long as the client does. Default: none.
    pub idle_timeout: Option<Duration>,
    /// Heartbeats on a shared connection from which nothing is read, where the
    /// protocol has them. Default: every minute, given up after 3.
    pub heartbeat: Option<Heartbeat>,
    /// From this many requests in flight on a shared connection is taken for
    /// busy, so that new clients may be given another. Default: 1024.
    pub busy_in_flight: usize,
    /// Bytes of responses over 16 KiB that have come over a shared connection and
    /// that their clients, who do not read, have not taken up. At the bound the
    /// oldest give way to an error. Default: 64 MiB.
    pub unread_response_bytes: usize,
}

/// When to send heartbeats, and when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Silence before a heartbeat is sent, and between two of them.
    pub interval: Duration,
    /// Heartbeats without an answer before the connection is given up.
    pub misses: u32,
}

impl Default for Heartbeat {
    /// Every minute; given up after 3 without an answer.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            misses: 3,
        }
    }
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            write_buffer_bytes: 1 << 20,
            write_timeout: Duration::from_secs(60),
            idle_timeout: None,
            heartbeat: Some(Heartbeat::default()),
            busy_in_flight: 1024,
            unread_response_bytes: 64 << 20,
        }
    }
}

/// What all upstream connections of a cluster share on one worker.
pub struct Upstream {
    codec: Arc<dyn CodecFactory>,
    capabilities: Capabilities,
    limits: Limits,
    config: UpstreamConfig,
    stats: Arc<UpstreamStats>,
    endpoint: Arc<EndpointStats>,
    wheel: Wheel,
}

impl Upstream {
    /// Connections that speak `codec`, within `limits` and `config`.
    pub fn new(
        codec: Arc<dyn CodecFactory>,
        limits: Limits,
        config: UpstreamConfig,
        stats: Arc<UpstreamStats>,
        wheel: Wheel,
    ) -> Self {
        Self {
            capabilities: codec.capabilities().clone(),
            codec,
            limits,
            config,
            stats,
            endpoint: Arc::default(),
            wheel,
        }
    }

    /// The same, for connections to one endpoint, which count there too.
    pub fn to_endpoint(&self, stats: Arc<EndpointStats>) -> Self {
        Self {
            codec: self.codec.clone(),
            capabilities: self.capabilities.clone(),
            limits: self.limits,
            config: self.config.clone(),
            stats: self.stats.clone(),
            endpoint: stats,
            wheel: self.wheel.clone(),
        }
    }

    /// What the protocol can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether connections of this form are shared, where the configuration does not
    /// say.
    pub fn sharing(&self, form: WireForm) -> Sharing {
        self.codec.sharing(form)
    }

    /// What the connections count.
    pub fn stats(&self) -> &Arc<UpstreamStats> {
        &self.stats
    }

    /// What the connections to this endpoint count; of those that are made without
    /// [`Upstream::to_endpoint`] nobody knows which it is.
    pub fn endpoint_stats(&self) -> &Arc<EndpointStats> {
        &self.endpoint
    }

    /// The timers of this worker.
    pub fn wheel(&self) -> &Wheel {
        &self.wheel
    }

    /// A connection for one exchange at a time, driven by whoever has it.
    pub fn exclusive<T: Transport>(
        self: &Arc<Self>,
        transport: T,
        info: Arc<UpstreamInfo>,
    ) -> Exclusive<T> {
        let codec = self.codec.codec(Role::Upstream, &self.limits);
        Exclusive::new(self.clone(), transport, codec, info)
    }

    /// A connection for many exchanges at a time, driven by the future that comes
    /// with it. With a session it belongs to that client: what the server starts
    /// goes there.
    pub fn shared<T: Transport>(
        self: &Arc<Self>,
        transport: T,
        info: Arc<UpstreamInfo>,
        session: Option<Session>,
    ) -> (Shared, SharedDriver<T>) {
        let codec = self.codec.codec(Role::Upstream, &self.limits);
        shared::new(self.clone(), transport, codec, info, session)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("codec", &self.codec.name())
            .field("limits", &self.limits)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The reply for a connection that ended before it answered.
fn closed(info: &UpstreamInfo, error: Option<&io::Error>, amid_response: bool) -> LocalReply {
    let endpoint = &info.endpoint;
    match (error, amid_response) {
        (Some(error), _) => LocalReply::new(
            ReplyKind::UpstreamReset,
            format!("connection to {endpoint} broke: {error}"),
        ),
        (None, true) => LocalReply::new(
            ReplyKind::UpstreamIncomplete,
            format!("{endpoint} closed the connection amid the response"),
        ),
        (None, false) => LocalReply::new(
            ReplyKind::UpstreamReset,
            format!("{endpoint} closed the connection before it answered"),
        ),
    }
    .with_cluster(info.cluster.clone())
}

/// The reply for what a server sent that cannot be read.
fn undecodable(info: &UpstreamInfo, error: &meta_core::CodecError) -> LocalReply {
    let is_request = error
        .message()
        .is_some_and(|message| message.kind.is_call());
    let (kind, what) = match is_request {
        true => (ReplyKind::BadRequest, "request"),
        false => (ReplyKind::BadResponse, "response"),
    };
    let kind = match error.kind() {
        meta_core::CodecErrorKind::TooLarge => ReplyKind::TooLarge,
        _ => kind,
    };
    LocalReply::new(kind, format!("{what} of {}: {error}", info.endpoint))
        .with_origin(Origin::Upstream)
        .with_cluster(info.cluster.clone())
}

/// The reply for a request that cannot be written in the upstream's form.
fn unencodable(info: &UpstreamInfo, error: &meta_core::CodecError) -> LocalReply {
    let kind = match error.kind() {
        meta_core::CodecErrorKind::TooLarge => ReplyKind::TooLarge,
        _ => ReplyKind::BadRequest,
    };
    LocalReply::new(kind, format!("request to {}: {error}", info.endpoint))
        .with_cluster(info.cluster.clone())
}
