//! What carries subscriptions: streams to control planes, and files that are watched.

use std::{sync::Arc, time::Instant};

use tokio::{sync::Notify, time};

use crate::xds::{Client, Event};

mod channel;
mod file;
mod grpc;
mod heard;

pub(crate) use self::{
    file::{Contents, FileDriver, Look, Stamp, Watched},
    grpc::{GrpcDriver, Service},
};

/// Whom resources are fetched for.
pub(crate) trait Subject: Send + 'static {
    /// What a resource is made into.
    type Value: Send + 'static;

    /// Woken where what is asked for may have changed.
    fn notify(&self) -> &Arc<Notify>;

    /// Asks for what is wanted, and no longer for what is not. `false`: nothing will
    /// be wanted any more.
    fn sync(&mut self, client: &mut Client<Self::Value>, now: Instant) -> bool;

    /// Something has happened.
    fn tell(&mut self, event: Event<Self::Value>);

    /// A stream is there, or is gone.
    fn connected(&mut self, is_connected: bool, reason: &str);
}

/// One clock for everything, which tests may stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}

/// Sleeps until then; without end where there is nothing to wake for.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Notices what is over, and tells what has happened.
fn tick<S: Subject>(client: &mut Client<S::Value>, subject: &mut S) {
    client.tick(now());
    for event in client.events() {
        subject.tell(event);
    }
}
