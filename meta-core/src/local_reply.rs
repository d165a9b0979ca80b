//! Local replies: the one error type between all layers.

use std::{borrow::Cow, fmt, sync::Arc};

/// The proxy's own answer to a request: what went wrong, whose fault it is, and
/// whether another try may help.
///
/// Every layer's error. There is one way to answer early, `Err(LocalReply)`, and
/// one outermost place that turns it into bytes by
/// [`Codec::on_error`](crate::Codec::on_error). One word wide: errors are rare.
#[derive(Clone)]
pub struct LocalReply(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ReplyKind,
    origin: Origin,
    retriable: bool,
    cluster: Option<Arc<str>>,
    detail: Cow<'static, str>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyKind {
    /// No route matches.
    NoRoute,
    /// The route names a cluster that is not there.
    UnknownCluster,
    /// The cluster has no endpoint that could take the request.
    NoHealthyUpstream,
    /// No connection to the endpoint could be made, in time or at all.
    ConnectFailed,
    /// The upstream connection broke while the request was on it.
    UpstreamReset,
    /// The upstream connection ended amid the response.
    UpstreamIncomplete,
    /// The upstream answered with something that cannot be read.
    BadResponse,
    /// No response within the request's timeout.
    Timeout,
    /// A limit on connections, pending or active requests is reached.
    Overflow,
    /// A message over the limit of what the other side takes.
    TooLarge,
    /// Over a rate limit.
    RateLimited,
    /// Not allowed.
    Denied,
    /// The request itself is not acceptable.
    BadRequest,
    /// The proxy is about to stop.
    Draining,
    /// The proxy failed.
    Internal,
}

impl ReplyKind {
    /// The word for access logs and statistics, Envoy's where there is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_matched_route",
            Self::UnknownCluster => "unknown_cluster",
            Self::NoHealthyUpstream => "no_healthy_upstream",
            Self::ConnectFailed => "upstream_connect_failure",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamIncomplete => "upstream_response_incomplete",
            Self::BadResponse => "bad_upstream_response",
            Self::Timeout => "response_timeout",
            Self::Overflow => "overflow",
            Self::TooLarge => "message_too_large",
            Self::RateLimited => "rate_limited",
            Self::Denied => "denied",
            Self::BadRequest => "bad_request",
            Self::Draining => "draining",
            Self::Internal => "internal_error",
        }
    }

    fn origin(self) -> Origin {
        match self {
            Self::BadRequest | Self::Denied | Self::TooLarge => Origin::Downstream,
            Self::ConnectFailed
            | Self::UpstreamReset
            | Self::UpstreamIncomplete
            | Self::BadResponse
            | Self::Timeout => Origin::Upstream,
            _ => Origin::Proxy,
        }
    }
}

/// Whose doing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The client's.
    Downstream,
    /// The server's, or the way to it.
    Upstream,
    /// The proxy's: its configuration, its limits, its failure.
    Proxy,
}

impl LocalReply {
    /// A reply whose origin is the usual one of its kind; no retry helps.
    pub fn new(kind: ReplyKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            origin: kind.origin(),
            retriable: false,
            cluster: None,
            detail: detail.into(),
        }))
    }

    /// Wraps the error of a foreign tower layer: itself where it is a local
    /// reply, else [`ReplyKind::Internal`] with its message.
    pub fn from_boxed(error: tower::BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(reply) => *reply,
            Err(other) => Self::new(ReplyKind::Internal, other.to_string()),
        }
    }

    /// Says that another try may help.
    #[must_use]
    pub fn retriable(mut self) -> Self {
        self.0.retriable = true;
        self
    }

    /// Names the origin, where it is not the usual one.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.0.origin = origin;
        self
    }

    /// Names the cluster the request was for.
    #[must_use]
    pub fn with_cluster(mut self, cluster: Arc<str>) -> Self {
        self.0.cluster = Some(cluster);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ReplyKind {
        self.0.kind
    }

    /// Whose doing it is.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// Whether another try may help: not one byte of the request was taken, or
    /// the failure is known to be passing.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// The cluster the request was for.
    pub fn cluster(&self) -> Option<&Arc<str>> {
        self.0.cluster.as_ref()
    }

    /// What happened, for people.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

/// The text that clients see: kind, detail and cluster.
impl fmt::Display for LocalReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.as_str(), self.0.detail)?;
        match &self.0.cluster {
            Some(cluster) => write!(f, " (cluster {cluster})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LocalReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for LocalReply {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_kind_detail_and_cluster() {
        let reply = LocalReply::new(ReplyKind::ConnectFailed, "connection refused by 1.2.3.4:5")
            .with_cluster("backend".into());
        assert_eq!(
            reply.to_string(),
            "upstream_connect_failure: connection refused by 1.2.3.4:5 (cluster backend)"
        );
        assert_eq!(reply.origin(), Origin::Upstream);
    }

    #[test]
    fn a_boxed_reply_comes_back_whole() {
        let boxed: tower::BoxError = Box::new(LocalReply::new(ReplyKind::Denied, "no"));
        assert_eq!(LocalReply::from_boxed(boxed).kind(), ReplyKind::Denied);
        let foreign: tower::BoxError = "strange".into();
        let reply = LocalReply::from_boxed(foreign);
        assert_eq!(
            (reply.kind(), reply.detail()),
            (ReplyKind::Internal, "strange")
        );
    }
}
