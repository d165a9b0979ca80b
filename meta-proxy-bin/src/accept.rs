//! The loop that accepts a listener's connections.

use std::{io, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    dispatch::Dispatcher,
    listener::{Listener, Place},
    socket::{Accepted, Listening, Queue},
};

/// How long to wait after an error that the next accept would meet too; doubled
/// each time, up to the second.
const BACKOFF: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// Accepts the connections of one listener and hands them to workers.
pub(crate) struct Acceptor {
    pub(crate) index: usize,
    pub(crate) listener: Arc<Listener>,
    pub(crate) dispatcher: Dispatcher,
}

impl Acceptor {
    /// Runs until `stop`; then takes what the system has already accepted on our
    /// behalf, and closes the socket.
    pub(crate) async fn run(mut self, mut socket: Listening, stop: CancellationToken) {
        let mut backoff = BACKOFF[0];
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok(accepted) => {
                    backoff = BACKOFF[0];
                    self.take(accepted).await;
                }
                Err(error) => {
                    self.count(&error);
                    if !concerns_one_connection(&error) {
                        tokio::select! {
                            () = stop.cancelled() => break,
                            () = tokio::time::sleep(backoff) => {}
                        }
                        backoff = (backoff * 2).min(BACKOFF[1]);
                    }
                }
            }
        }
        match socket.into_queue() {
            Ok(queue) => self.take_all(queue).await,
            Err(error) => self.count(&error),
        }
    }

    async fn take_all(&mut self, queue: Queue) {
        for accepted in queue {
            match accepted {
                Ok(accepted) => self.take(accepted).await,
                Err(error) => {
                    self.count(&error);
                    if !concerns_one_connection(&error) {
                        break;
                    }
                }
            }
        }
    }

    async fn take(&mut self, accepted: Accepted) {
        let Ok(place) = Place::take(&self.listener) else {
            tracing::debug!(
                listener = %self.listener.config.name,
                remote = %accepted.remote,
                "connection refused: there are as many as there may be"
            );
            return;
        };
        self.dispatcher.dispatch(accepted, self.index, place).await;
    }

    fn count(&self, error: &io::Error) {
        self.listener.stats.downstream_cx_accept_error.inc();
        let listener = &self.listener.config.name;
        match concerns_one_connection(error) {
            true => tracing::debug!(%listener, %error, "cannot accept a connection"),
            false => tracing::warn!(
                %listener, %error,
                "cannot accept connections; check the limit on open files"
            ),
        }
    }
}

/// Whether the error says something about the connection at the head of the
/// queue, which is gone, and nothing about the next.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | ConnectionRefused
            | Interrupted
            | InvalidInput
            | NotConnected
            | BrokenPipe
            | PermissionDenied
            | HostUnreachable
            | NetworkUnreachable
            | NetworkDown
            | TimedOut
    )
}
