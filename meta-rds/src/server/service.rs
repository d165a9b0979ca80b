//! The gRPC service.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use envoy_types::pb::envoy::service::{
    discovery::v3::{
        DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
    },
    route::v3::route_discovery_service_server::{
        RouteDiscoveryService, RouteDiscoveryServiceServer,
    },
};
use futures_util::{Stream, stream};
use tokio::{select, sync::watch, time::sleep};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{
    Accept, RouteSnapshot, SnapshotCache,
    cache::Snapshots,
    connection::connections,
    stream::{DeltaStream, Verdict, WholeStream},
};
use crate::manager::TYPE_URL;

/// Serves a [`SnapshotCache`] by gRPC: `envoy.service.route.v3.RouteDiscoveryService`.
#[derive(Clone, Debug)]
pub struct RdsServer {
    cache: SnapshotCache,
}

/// Streams of one connection.
const MAX_STREAMS: u32 = 1000;
/// How often clients are asked whether they are there, and how long they may take to
/// say so.
const PING: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(20);
/// How long clients may take to close their connections in the end.
const FAREWELL: Duration = Duration::from_secs(5);

impl RdsServer {
    /// A server of what is in `cache`.
    pub fn new(cache: SnapshotCache) -> Self {
        Self { cache }
    }

    /// Serves whoever connects, until `stop` is over; then ends every stream, and waits
    /// up to 5 s for clients to close their connections.
    ///
    /// A socket of TCP and a unix socket are served in plain text, a
    /// [`TlsListener`](super::TlsListener) under TLS. There may be 10,000 connections
    /// at a time, who comes later waits; a client that says nothing for 15 s after it
    /// has connected, or that does not answer pings, is let go.
    ///
    /// # Errors
    ///
    /// Where it cannot go on. What keeps single connections from being accepted is
    /// logged, and does not.
    pub async fn serve(
        self,
        listener: impl Accept,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let (end, ended) = watch::channel(false);
        let service = Service {
            cache: self.cache,
            ended: ended.clone(),
        };
        let stop = async move {
            stop.await;
            end.send_replace(true);
        };
        let late = async move {
            let mut ended = ended;
            over(&mut ended).await;
            sleep(FAREWELL).await;
        };
        let served = Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_keepalive_interval(Some(PING))
            .http2_keepalive_timeout(Some(PONG))
            .add_service(RouteDiscoveryServiceServer::new(service))
            .serve_with_incoming_shutdown(connections(listener), stop);
        select! {
            served = served => served.map_err(io::Error::other),
            () = late => Ok(()),
        }
    }
}

struct Service {
    cache: SnapshotCache,
    ended: watch::Receiver<bool>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl RouteDiscoveryService for Service {
    type StreamRoutesStream = Responses<DiscoveryResponse>;
    type DeltaRoutesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_routes(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamRoutesStream>, Status> {
        let open = self.open(request, WholeStream::default());
        let responses = stream::try_unfold(open, Open::next);
        Ok(Response::new(Box::pin(responses)))
    }

    async fn delta_routes(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaRoutesStream>, Status> {
        let open = self.open(request, DeltaStream::default());
        let responses = stream::try_unfold(open, Open::next);
        Ok(Response::new(Box::pin(responses)))
    }

    async fn fetch_routes(
        &self,
        request: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        let request = request.into_inner();
        let node = request.node.clone().unwrap_or_default();
        let current = self.cache.subscribe();
        let snapshot = current.borrow().of(&node.id).cloned();
        let (response, _) = WholeStream::default().request(&request, snapshot.as_deref());
        let response = response.ok_or_else(|| Status::unavailable("nothing is served yet"))?;
        Ok(Response::new(response))
    }
}

impl Service {
    fn open<S: Side>(&self, request: Request<Streaming<S::Request>>, side: S) -> Open<S> {
        Open {
            requests: request.into_inner(),
            current: self.cache.subscribe(),
            ended: self.ended.clone(),
            cache: self.cache.clone(),
            node: None,
            side,
        }
    }
}

/// What the two kinds of streams have in common.
trait Side: Send + 'static {
    type Request: Send + 'static;
    type Response: Send + 'static;

    /// The node and the type that a request names.
    fn head(request: &Self::Request) -> (Option<&str>, &str);
    fn request(
        &mut self,
        request: &Self::Request,
        snapshot: Option<&RouteSnapshot>,
    ) -> (Option<Self::Response>, Option<Verdict>);
    fn changed(&mut self, snapshot: &RouteSnapshot) -> Option<Self::Response>;
}

impl Side for WholeStream {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    fn head(request: &DiscoveryRequest) -> (Option<&str>, &str) {
        let node = request.node.as_ref().map(|node| &*node.id);
        (node, &request.type_url)
    }

    fn request(
        &mut self,
        request: &DiscoveryRequest,
        snapshot: Option<&RouteSnapshot>,
    ) -> (Option<DiscoveryResponse>, Option<Verdict>) {
        WholeStream::request(self, request, snapshot)
    }

    fn changed(&mut self, snapshot: &RouteSnapshot) -> Option<DiscoveryResponse> {
        WholeStream::changed(self, snapshot)
    }
}

impl Side for DeltaStream {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    fn head(request: &DeltaDiscoveryRequest) -> (Option<&str>, &str) {
        let node = request.node.as_ref().map(|node| &*node.id);
        (node, &request.type_url)
    }

    fn request(
        &mut self,
        request: &DeltaDiscoveryRequest,
        snapshot: Option<&RouteSnapshot>,
    ) -> (Option<DeltaDiscoveryResponse>, Option<Verdict>) {
        DeltaStream::request(self, request, snapshot)
    }

    fn changed(&mut self, snapshot: &RouteSnapshot) -> Option<DeltaDiscoveryResponse> {
        DeltaStream::changed(self, snapshot)
    }
}

/// An open stream.
struct Open<S: Side> {
    requests: Streaming<S::Request>,
    current: watch::Receiver<Snapshots>,
    ended: watch::Receiver<bool>,
    cache: SnapshotCache,
    /// Who asks, once it has said so.
    node: Option<String>,
    side: S,
}

impl<S: Side> Open<S> {
    /// The next response, whenever there is one. Dropped where the client is gone.
    async fn next(mut self) -> Result<Option<(S::Response, Self)>, Status> {
        loop {
            select! {
                request = self.requests.message() => {
                    let Some(request) = request? else {
                        return Ok(None);
                    };
                    if let Some(response) = self.request(&request)? {
                        return Ok(Some((response, self)));
                    }
                }
                changed = self.current.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    let snapshot = self.snapshot();
                    let response = snapshot.and_then(|snapshot| self.side.changed(&snapshot));
                    if let Some(response) = response {
                        return Ok(Some((response, self)));
                    }
                }
                // Gone with the server that it belongs to.
                () = over(&mut self.ended) => return Ok(None),
            }
        }
    }

    fn request(&mut self, request: &S::Request) -> Result<Option<S::Response>, Status> {
        let (node, type_url) = S::head(request);
        if !type_url.is_empty() && type_url != TYPE_URL {
            let text = format!("there is nothing but {TYPE_URL} here");
            return Err(Status::invalid_argument(text));
        }
        if self.node.is_none() {
            let node = node.unwrap_or_default().to_owned();
            self.cache.note(&node, |node| node.streams += 1);
            self.node = Some(node);
        }
        let snapshot = self.snapshot();
        let (response, verdict) = self.side.request(request, snapshot.as_deref());
        if let (Some(verdict), Some(node)) = (verdict, &self.node) {
            self.cache.note(node, |node| match verdict {
                Verdict::Accepted(version) => {
                    node.accepted = Some(version);
                    node.refused = None;
                }
                Verdict::Refused(reason) => {
                    tracing::warn!(node = node.id, "routes are refused: {reason}");
                    node.refused = Some(reason);
                }
            });
        }
        Ok(response)
    }

    fn snapshot(&mut self) -> Option<Arc<RouteSnapshot>> {
        let node = self.node.as_deref().unwrap_or_default();
        self.current.borrow_and_update().of(node).cloned()
    }
}

async fn over(ended: &mut watch::Receiver<bool>) {
    let _ = ended.wait_for(|ended| *ended).await;
}

impl<S: Side> Drop for Open<S> {
    fn drop(&mut self) {
        if let Some(node) = &self.node {
            self.cache
                .note(node, |node| node.streams = node.streams.saturating_sub(1));
        }
    }
}
