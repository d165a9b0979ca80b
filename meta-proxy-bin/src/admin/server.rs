//! HTTP, as much of it as the admin needs.

use std::{io, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::pages;
use crate::{
    socket::{Listening, Stream},
    supervisor::Shared,
};

/// Connections at a time; who comes later waits.
const MAX_CONNECTIONS: usize = 64;
/// Bytes of a request's head.
const MAX_HEAD: usize = 32 << 10;
/// How long the head of a request may be awaited.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may last: after this it takes no more requests.
const MAX_AGE: Duration = Duration::from_secs(300);
/// How long it may take to write its last answer then.
const LAST_ANSWER: Duration = Duration::from_secs(30);
/// How long to wait after an error of the socket.
const BACKOFF: Duration = Duration::from_millis(100);

/// Answers on `socket` until `stop`, and then what has been asked by then.
pub(crate) async fn serve(mut socket: Listening, shared: Arc<Shared>, stop: CancellationToken) {
    let service = TowerToHyperService::new(pages::router(shared));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = socket.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
        };
        let stream = accepted.and_then(|accepted| match accepted.stream {
            Stream::Tcp(stream) => Ok(Box::new(TcpStream::from_std(stream)?) as Box<dyn Io>),
            Stream::Unix(stream) => Ok(Box::new(UnixStream::from_std(stream)?) as _),
            Stream::Memory(stream) => Ok(Box::new(stream) as _),
        });
        match stream {
            Ok(stream) => {
                connections.spawn(converse(stream, service.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to the admin");
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }
    // Nobody new; the socket's file goes, too.
    drop(socket);
    while connections.join_next().await.is_some() {}
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn converse(
    stream: Box<dyn Io>,
    service: TowerToHyperService<axum::Router>,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return tell(ended),
        () = stop.cancelled() => {}
        () = tokio::time::sleep(MAX_AGE) => {}
    }
    connection.as_mut().graceful_shutdown();
    // Who does not read it by then does not want it.
    if let Ok(ended) = tokio::time::timeout(LAST_ANSWER, connection).await {
        tell(ended);
    }
}

fn tell(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        let error = io::Error::other(error);
        tracing::debug!(%error, "a connection to the admin has broken");
    }
}
