//! The task of one connection.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use meta_codec::CloseReason;
use meta_core::Session;
use pin_project_lite::pin_project;

use crate::listener::Place;

pin_project! {
    /// Drives a connection, and says in the end why it ended.
    ///
    /// A type of its own rather than an async block, which would hold the
    /// connection twice.
    pub(super) struct Connection<F> {
        #[pin]
        served: F,
        session: Session,
        place: Place,
    }
}

impl<F> Connection<F> {
    pub(super) fn new(served: F, session: Session, place: Place) -> Self {
        Self {
            served,
            session,
            place,
        }
    }
}

impl<F: Future<Output = CloseReason>> Future for Connection<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let reason = ready!(this.served.poll(cx));
        let info = this.session.info();
        tracing::debug!(
            connection = info.id,
            listener = %info.listener,
            remote = %info.remote,
            %reason,
            "connection closed"
        );
        Poll::Ready(())
    }
}
