//! Connections that carry gRPC.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::heard::Heard;
use crate::control_plane::{Dial, GrpcServer, GrpcSource};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How often the other end is asked whether it is there: servers in Go drop clients
/// that ask more often than every five minutes.
const PING: Duration = Duration::from_secs(330);
/// How long it may take to say so.
const PONG: Duration = Duration::from_secs(20);
/// What a server may send ahead.
const WINDOW: u32 = 1 << 20;

/// Connects, and waits until the server has said something, as servers of HTTP/2 do
/// first of all: what merely accepts is no control plane, and one that refuses our
/// certificate says so only then. Where that fails, tells why.
pub(super) async fn connect(source: &GrpcSource, dial: Arc<dyn Dial>) -> Result<Channel, String> {
    let server = Arc::new(source.server.clone());
    let (first, heard) = oneshot::channel();
    let first = Arc::new(Mutex::new(Some(first)));
    let connector = service_fn(move |_: Uri| {
        let (server, dial, first) = (server.clone(), dial.clone(), first.clone());
        async move {
            let connected = dial.dial(&server).await?;
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            // It is for one connection.
            let first = first.ok_or(io::ErrorKind::NotConnected)?;
            let transport = Heard::new(connected.transport, first);
            Ok::<_, io::Error>(TokioIo::new(transport))
        }
    });
    let endpoint = Endpoint::from(origin(source))
        .http2_keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .user_agent(concat!("meta-proxy/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| chain(&error))?;
    let connect = async {
        let channel = endpoint.connect_with_connector(connector).await;
        let channel = channel.map_err(|error| chain(&error))?;
        match heard.await {
            Ok(Ok(())) => Ok(channel),
            Ok(Err(error)) => Err(format!("the server refuses the connection: {error}")),
            Err(_) => Err("the connection is gone".to_owned()),
        }
    };
    match tokio::time::timeout(CONNECT, connect).await {
        Ok(connected) => connected,
        Err(_) => Err(format!("no connection within {} s", CONNECT.as_secs())),
    }
}

/// What requests call the server; the connection is made elsewhere.
fn origin(source: &GrpcSource) -> Uri {
    let name = match (&source.authority, &source.server) {
        (Some(name), _) | (None, GrpcServer::Cluster(name)) => name.as_str(),
        (None, GrpcServer::Target(target)) => target.address(),
    };
    let uri = Uri::builder()
        .scheme("http")
        .authority(name)
        .path_and_query("/");
    // Names of clusters may hold anything, and paths of sockets name no host.
    uri.build()
        .unwrap_or_else(|_| Uri::from_static("http://control-plane/"))
}

/// An error, and what it comes from.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}
