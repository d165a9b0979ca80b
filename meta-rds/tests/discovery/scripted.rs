//! A control plane that says what it is told to.

use std::{net::SocketAddr, pin::Pin};

use envoy_types::pb::{
    envoy::service::{
        discovery::v3::{
            DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
        },
        route::v3::route_discovery_service_server::{
            RouteDiscoveryService, RouteDiscoveryServiceServer,
        },
    },
    google::protobuf::Any,
};
use futures_util::{Stream, stream};
use meta_rds::{RouteFile, Source};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::support::LONG;

pub(crate) const TYPE: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

/// The server; its streams come out of it.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    streams: mpsc::Receiver<Talk>,
    task: JoinHandle<()>,
}

/// One stream.
pub(crate) struct Talk {
    requests: mpsc::Receiver<DiscoveryRequest>,
    responses: mpsc::Sender<Result<DiscoveryResponse, Status>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, streams) = mpsc::channel(8);
        let incoming = stream::unfold(listener, |listener| async move {
            let accepted = listener.accept().await.map(|(stream, _)| stream);
            Some((accepted, listener))
        });
        let service = RouteDiscoveryServiceServer::new(Service(sender));
        let serve = Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming);
        let task = tokio::spawn(async {
            let _ = serve.await;
        });
        Self {
            address,
            streams,
            task,
        }
    }

    pub(crate) async fn stream(&mut self) -> Talk {
        let stream = time::timeout(LONG, self.streams.recv()).await;
        stream.expect("in time").expect("a stream")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Talk {
    pub(crate) async fn request(&mut self) -> DiscoveryRequest {
        let request = time::timeout(LONG, self.requests.recv()).await;
        request.expect("in time").expect("a request")
    }

    /// Sends; the answer to it.
    pub(crate) async fn say(&mut self, response: DiscoveryResponse) -> DiscoveryRequest {
        let nonce = response.nonce.clone();
        self.send(response).await;
        let answer = self.request().await;
        assert_eq!(answer.response_nonce, nonce);
        answer
    }

    pub(crate) async fn send(&mut self, response: DiscoveryResponse) {
        self.responses.send(Ok(response)).await.expect("sent");
    }

    pub(crate) async fn fail(self, status: Status) {
        self.responses.send(Err(status)).await.expect("sent");
    }
}

/// A response with the tables of a text.
pub(crate) fn response(version: &str, text: &str) -> DiscoveryResponse {
    let file = RouteFile::read(&Source::new("test", text)).expect("it is good");
    let tables = file.routes.iter();
    with(version, tables.map(|table| any(&table.canonical)).collect())
}

pub(crate) fn with(version: &str, resources: Vec<Any>) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: version.to_owned(),
        nonce: format!("n{version}"),
        type_url: TYPE.to_owned(),
        resources,
        ..DiscoveryResponse::default()
    }
}

pub(crate) fn any(body: &[u8]) -> Any {
    Any {
        type_url: TYPE.to_owned(),
        value: body.to_vec(),
    }
}

struct Service(mpsc::Sender<Talk>);

#[tonic::async_trait]
impl RouteDiscoveryService for Service {
    type StreamRoutesStream = Pin<Box<dyn Stream<Item = Result<DiscoveryResponse, Status>> + Send>>;
    type DeltaRoutesStream = stream::Empty<Result<DeltaDiscoveryResponse, Status>>;

    async fn stream_routes(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamRoutesStream>, Status> {
        let (sender, requests) = mpsc::channel(1);
        let (responses, receiver) = mpsc::channel(1);
        let mut incoming = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(request)) = incoming.message().await {
                if sender.send(request).await.is_err() {
                    return;
                }
            }
        });
        let talk = Talk {
            requests,
            responses,
        };
        let sent = self.0.send(talk).await;
        sent.map_err(|_| Status::unavailable("the test is over"))?;
        let outgoing = stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        });
        Ok(Response::new(Box::pin(outgoing)))
    }

    async fn delta_routes(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaRoutesStream>, Status> {
        Err(Status::unimplemented("no delta here"))
    }

    async fn fetch_routes(
        &self,
        _: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("streams alone"))
    }
}
