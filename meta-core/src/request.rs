//! Request and Response: a message, and what the proxy knows of its exchange.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};

use crate::{
    extensions::Extensions,
    message::Message,
    metadata::SharedMetadata,
    mutation::Mutation,
    request_log::Journal,
    route::{ResolvedRoute, Route},
    session::Session,
};

/// A request on its way through the filters to the router.
#[derive(Debug)]
pub struct Request {
    /// The message as it came.
    pub message: Message,
    /// What is to be changed before it leaves; applied by the encoder.
    pub mutation: Mutation,
    /// Values that layers hand each other.
    pub extensions: Extensions,
    session: Session,
    received_at: Instant,
    place: Place,
    route: RouteState,
    journal: Option<Journal>,
}

/// Where a request stands among those of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number: those that came before have smaller ones.
    pub number: u64,
    /// Since when the connection has had requests in flight without a pause.
    /// Whatever was chosen for one of these holds for all of them, where their
    /// order matters. For the only one in flight: when it was received.
    pub busy_since: Instant,
}

#[derive(Debug)]
enum RouteState {
    Unresolved,
    Resolved(Option<ResolvedRoute>),
}

impl Request {
    /// A request that came in on `session` at `received_at`.
    pub fn new(message: Message, session: Session, received_at: Instant) -> Self {
        Self {
            message,
            mutation: Mutation::new(),
            extensions: Extensions::new(),
            session,
            received_at,
            place: Place {
                number: 0,
                busy_since: received_at,
            },
            route: RouteState::Unresolved,
            journal: None,
        }
    }

    /// What the decoder read.
    pub fn metadata(&self) -> &SharedMetadata {
        &self.message.metadata
    }

    /// The connection it came by.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// When its last byte was read; the one clock reading of that event.
    pub fn received_at(&self) -> Instant {
        self.received_at
    }

    /// Where it stands among the requests of its connection.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Says where it stands; for the task that drives the connection.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// Its route: looked up on first use, then remembered, so that a filter may
    /// ask and the router need not match twice.
    pub fn route(&mut self) -> Option<&ResolvedRoute> {
        if let RouteState::Unresolved = self.route {
            let route = self
                .session
                .routes()
                .and_then(|routes| routes.resolve(self));
            self.route = RouteState::Resolved(route);
            self.note_route();
        }
        match &self.route {
            RouteState::Resolved(route) => route.as_ref(),
            RouteState::Unresolved => None,
        }
    }

    /// Takes the route out, resolved if need be; for the router, which is the last
    /// to ask.
    pub fn take_route(&mut self) -> Option<ResolvedRoute> {
        self.route();
        self.note_route();
        match std::mem::replace(&mut self.route, RouteState::Unresolved) {
            RouteState::Resolved(route) => route,
            RouteState::Unresolved => None,
        }
    }

    /// Forgets the route: for whoever changed what it depends on.
    pub fn clear_route(&mut self) {
        self.route = RouteState::Unresolved;
    }

    /// Decides the route, whatever the table says.
    pub fn set_route(&mut self, route: Arc<Route>) {
        self.route = RouteState::Resolved(ResolvedRoute::new(route, 0));
    }

    /// From here on notes where the request goes, its route to begin with: for
    /// whoever tells a [`RequestLog`](crate::RequestLog) of it when it is gone.
    pub fn keep_journal(&mut self) -> Journal {
        let journal = self.journal.get_or_insert_default().clone();
        self.route();
        journal
    }

    /// Notes the endpoint chosen, if a journal is kept; for the router.
    pub fn note_endpoint(&self, endpoint: impl FnOnce() -> Address) {
        if let Some(journal) = &self.journal {
            journal.notes().endpoint = Some(endpoint());
        }
    }

    fn note_route(&self) {
        if let (Some(journal), RouteState::Resolved(route)) = (&self.journal, &self.route) {
            journal.notes().route.clone_from(route);
        }
    }
}

/// A response on its way back.
#[derive(Debug, Default)]
pub struct Response {
    /// The message as it came; `None` for a one-way call or a stream frame, whose
    /// response says only that it has been written.
    pub message: Option<Message>,
    /// What is to be changed before it leaves; applied by the encoder.
    pub mutation: Mutation,
    /// Where it came from.
    pub upstream: Option<Arc<UpstreamInfo>>,
    /// Values that layers hand each other.
    pub extensions: Extensions,
}

impl Response {
    /// The response `message` from `upstream`.
    pub fn new(message: Message, upstream: Arc<UpstreamInfo>) -> Self {
        Self {
            message: Some(message),
            upstream: Some(upstream),
            ..Self::default()
        }
    }

    /// The empty response of what wants no answer: it has been written.
    pub fn written(upstream: Option<Arc<UpstreamInfo>>) -> Self {
        Self {
            upstream,
            ..Self::default()
        }
    }

    /// What the decoder read, where there is an answer.
    pub fn metadata(&self) -> Option<&SharedMetadata> {
        self.message.as_ref().map(|message| &message.metadata)
    }
}

/// The upstream side of an exchange; one value for each upstream connection.
#[derive(Clone, Debug)]
pub struct UpstreamInfo {
    /// The cluster.
    pub cluster: Arc<str>,
    /// The endpoint.
    pub endpoint: Address,
    /// Our end of the connection.
    pub local: Option<Address>,
}

/// Where a peer is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// IPv4 or IPv6 over TCP.
    Ip(SocketAddr),
    /// A unix socket; an unnamed one has an empty path.
    Unix(PathBuf),
    /// A connection within the process.
    Memory,
}

impl Address {
    /// The IP address and port, where it has them.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Memory => f.write_str("memory"),
        }
    }
}
