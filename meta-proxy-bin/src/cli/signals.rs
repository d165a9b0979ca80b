//! Signals: the end of the process, and access logs opened anew.

use std::{future::poll_fn, io, task::Poll, time::Duration};

use anyhow::anyhow;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;
use crate::handle::{Handle, Running};

/// SIGTERM, SIGINT and SIGUSR1, from the moment this is made.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reopen: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next that asks for the end. Meanwhile access logs are opened anew at
    /// SIGUSR1.
    pub(super) async fn next(&mut self, handle: &Handle) {
        poll_fn(|cx| {
            while self.reopen.poll_recv(cx).is_ready() {
                handle.reopen_access_logs();
            }
            let terminated = self.terminate.poll_recv(cx).is_ready();
            match terminated || self.interrupt.poll_recv(cx).is_ready() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// The next that asks for the end, while there is no proxy yet.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Lets the proxy run until a signal, and drains it then; a second signal ends
    /// it at once.
    pub(super) async fn watch(
        &mut self,
        running: &Running,
        deadline: Duration,
    ) -> Result<(), Failure> {
        let handle = running.handle();
        tokio::select! {
            () = self.next(handle) => {}
            // Over the admin; the deadline given there holds.
            () = handle.drain_requested() => {}
            _ = handle.stopped() => return Err(anyhow!("the proxy has failed; see the log").into()),
        }
        tracing::info!("draining for up to {} s", deadline.as_secs_f64());
        tokio::select! {
            report = handle.drain(deadline) => {
                tracing::info!("drained: {report}");
                Ok(())
            }
            () = self.next(handle) => {
                handle.abort();
                let report = handle.stopped().await;
                Err(anyhow!("cut short by a second signal: {report}").into())
            }
        }
    }
}
