//! The connections of a server: their bounds.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, stream};
use meta_codec::Transport;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::Accept;

/// Connections at a time; who comes later waits.
const MAX_CONNECTIONS: usize = 10_000;
/// How long a client may take for its first bytes.
const FIRST_BYTES: Duration = Duration::from_secs(15);
/// What every client of HTTP/2 says first: its connection preface (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;
/// How long to wait after an error that the next connection would meet too; doubled
/// each time, up to the second.
const BACKOFF: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// The connections that `listener` accepts, for ever.
pub(super) fn connections<A: Accept>(
    listener: A,
) -> impl Stream<Item = io::Result<Connection<A::Transport>>> {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    stream::unfold((listener, places), |(mut listener, places)| async move {
        let connection = next(&mut listener, &places).await?;
        Some((Ok(connection), (listener, places)))
    })
}

async fn next<A: Accept>(
    listener: &mut A,
    places: &Arc<Semaphore>,
) -> Option<Connection<A::Transport>> {
    let place = places.clone().acquire_owned().await.ok()?;
    let mut backoff = BACKOFF[0];
    loop {
        match listener.accept().await {
            Ok((transport, _)) => return Some(Connection::new(transport, place)),
            Err(error) if concerns_one_connection(&error) => {
                tracing::debug!(%error, "cannot accept a connection");
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    "cannot accept connections; check the limit on open files"
                );
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF[1]);
            }
        }
    }
}

/// Whether the error says nothing about the next connection.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | NotConnected | BrokenPipe
    )
}

/// A connection, which is closed where the client says nothing.
pub(super) struct Connection<T> {
    transport: T,
    /// What is still awaited of the preface, and how long.
    preface: Option<(usize, Pin<Box<Sleep>>)>,
    _place: OwnedSemaphorePermit,
}

impl<T: Transport> Connection<T> {
    fn new(transport: T, place: OwnedSemaphorePermit) -> Self {
        Self {
            transport,
            preface: Some((PREFACE_BYTES, Box::pin(sleep(FIRST_BYTES)))),
            _place: place,
        }
    }
}

/// Nothing of it is told to the service.
impl<T> Connected for Connection<T> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl<T: Transport> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.transport).poll_read(cx, buf);
        if let Some((awaited, deadline)) = &mut self.preface {
            *awaited = awaited.saturating_sub(buf.filled().len() - before);
            if *awaited == 0 {
                self.preface = None;
            } else if polled.is_pending() {
                ready!(deadline.as_mut().poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        polled
    }
}

impl<T: Transport> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
