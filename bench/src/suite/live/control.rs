//! A control plane in this process: routes for our proxy and for Envoy, in state of the
//! world, pushed whenever they change.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::route::v3::route_discovery_service_server::{
    RouteDiscoveryService, RouteDiscoveryServiceServer,
};
use envoy_types::pb::google::protobuf::Any;
use futures_util::{Stream, stream};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::select;
use tokio::sync::{oneshot, watch};
use tonic::{Request, Response, Status, Streaming};

/// How long a proxy may take to say what it makes of a version.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves resources of one type until dropped.
#[derive(Debug)]
pub(super) struct ControlPlane {
    address: SocketAddr,
    current: watch::Sender<Version>,
    log: Arc<Mutex<Log>>,
    stop: Option<oneshot::Sender<()>>,
}

/// What is served at one time.
#[derive(Clone, Debug, Default)]
struct Version {
    number: u64,
    resources: Arc<HashMap<String, Any>>,
}

/// What has been said on all streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The versions that were sent, and when.
    pub(super) sent: Vec<(u64, Instant)>,
    /// Those that were accepted, and when.
    pub(super) accepted: Vec<(u64, Instant)>,
    /// Why others were refused.
    pub(super) refused: Vec<String>,
    /// Streams there have been.
    pub(super) streams: usize,
    /// Names that were asked for.
    names: BTreeSet<String>,
}

impl ControlPlane {
    /// Starts one that has nothing to serve yet.
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let current = watch::Sender::new(Version::default());
        let log = Arc::<Mutex<Log>>::default();
        let service = Service {
            current: current.subscribe(),
            log: log.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("control-plane".to_owned())
            .spawn(move || {
                let served = runtime.block_on(async {
                    let serve = serve(listener, service);
                    select! {
                        served = serve => served,
                        _ = stopped => Ok(()),
                    }
                });
                if let Err(error) = served {
                    eprintln!("control plane: {error:#}");
                }
            })?;
        Ok(Self {
            address,
            current,
            log,
            stop: Some(stop),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves these by their names, and pushes them; returns their version.
    pub(super) fn publish(&self, resources: Arc<HashMap<String, Any>>) -> u64 {
        let mut number = 0;
        self.current.send_modify(|current| {
            current.number += 1;
            number = current.number;
            current.resources = resources;
        });
        number
    }

    /// Waits until so many names are asked for.
    pub(super) fn wait_for_names(&self, count: usize) -> Result<()> {
        self.wait_until("asked for too few names", |log| log.names.len() >= count)
    }

    /// Waits until all that was sent has been answered; fails where something was
    /// refused, or the stream was lost.
    pub(super) fn settle(&self) -> Result<Log> {
        self.wait_until("left a version unanswered", |log| {
            log.accepted.len() + log.refused.len() >= log.sent.len()
        })?;
        let log = self.log().clone();
        if let Some(reason) = log.refused.first() {
            bail!("{} versions refused: {reason}", log.refused.len());
        }
        ensure!(log.streams == 1, "{} streams were opened", log.streams);
        Ok(log)
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Log) -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_so(&self.log()) {
            ensure!(start.elapsed() < PATIENCE, "the proxy {what}");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Its thread may have ended.
            let _ = stop.send(());
        }
    }
}

async fn serve(listener: TcpListener, service: Service) -> Result<()> {
    let incoming = stream::unfold(listener, |listener| async move {
        let accepted = listener.accept().await;
        if let Ok((stream, _)) = &accepted {
            let _ = stream.set_nodelay(true);
        }
        Some((accepted.map(|(stream, _)| stream), listener))
    });
    tonic::transport::Server::builder()
        .add_service(AggregatedDiscoveryServiceServer::new(service.clone()))
        .add_service(RouteDiscoveryServiceServer::new(service))
        .serve_with_incoming(incoming)
        .await
        .context("cannot serve")
}

#[derive(Clone, Debug)]
struct Service {
    current: watch::Receiver<Version>,
    log: Arc<Mutex<Log>>,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    fn open(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Response<Responses<DiscoveryResponse>> {
        lock(&self.log).streams += 1;
        let conversation = Conversation {
            requests: request.into_inner(),
            current: self.current.clone(),
            log: self.log.clone(),
            type_url: String::new(),
            names: Vec::new(),
            nonce: 0,
            unanswered: HashMap::new(),
        };
        let responses = stream::try_unfold(conversation, Conversation::next);
        Response::new(Box::pin(responses))
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Ok(self.open(request))
    }

    async fn delta_aggregated_resources(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("state of the world alone"))
    }
}

#[tonic::async_trait]
impl RouteDiscoveryService for Service {
    type StreamRoutesStream = Responses<DiscoveryResponse>;
    type DeltaRoutesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_routes(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamRoutesStream>, Status> {
        Ok(self.open(request))
    }

    async fn delta_routes(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaRoutesStream>, Status> {
        Err(Status::unimplemented("state of the world alone"))
    }

    async fn fetch_routes(
        &self,
        _: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("streams alone"))
    }
}

/// One stream.
struct Conversation {
    requests: Streaming<DiscoveryRequest>,
    current: watch::Receiver<Version>,
    log: Arc<Mutex<Log>>,
    type_url: String,
    /// What is asked for.
    names: Vec<String>,
    /// The last response's.
    nonce: u64,
    /// The responses that have been neither accepted nor refused: nonces and versions.
    unanswered: HashMap<String, u64>,
}

impl Conversation {
    /// The next response, whenever there is one.
    async fn next(mut self) -> Result<Option<(DiscoveryResponse, Self)>, Status> {
        loop {
            select! {
                request = self.requests.message() => {
                    let Some(request) = request? else {
                        return Ok(None);
                    };
                    if self.hear(request) && self.current.borrow().number > 0 {
                        break;
                    }
                }
                changed = self.current.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    if !self.names.is_empty() {
                        break;
                    }
                }
            }
        }
        let response = self.response();
        Ok(Some((response, self)))
    }

    /// Takes a request in; whether it asks for something new.
    fn hear(&mut self, request: DiscoveryRequest) -> bool {
        let mut log = lock(&self.log);
        if let Some(version) = self.unanswered.remove(&request.response_nonce) {
            match request.error_detail {
                Some(error) => log.refused.push(error.message),
                None => log.accepted.push((version, Instant::now())),
            }
        }
        let is_last = request.response_nonce == self.nonce.to_string();
        if !request.response_nonce.is_empty() && !is_last {
            // What it asks for, the answer to a later response will tell.
            return false;
        }
        let is_new = request.resource_names != self.names;
        if is_new {
            log.names.extend(request.resource_names.iter().cloned());
            self.names = request.resource_names;
            self.type_url = request.type_url;
        }
        is_new
    }

    fn response(&mut self) -> DiscoveryResponse {
        let current = self.current.borrow_and_update().clone();
        let found = self.names.iter().map(|name| current.resources.get(name));
        let resources: Vec<_> = found.flatten().cloned().collect();
        self.nonce += 1;
        self.unanswered
            .insert(self.nonce.to_string(), current.number);
        lock(&self.log).sent.push((current.number, Instant::now()));
        DiscoveryResponse {
            version_info: current.number.to_string(),
            resources,
            type_url: self.type_url.clone(),
            nonce: self.nonce.to_string(),
            ..DiscoveryResponse::default()
        }
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
