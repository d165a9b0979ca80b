//! The response future of the router.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use meta_core::{LocalReply, ReplyKind, Response};

use super::exchange::Exchange;

/// The response of a [`Router`](super::Router).
pub struct RouteFuture(State);

#[expect(
    clippy::large_enum_variant,
    reason = "the small variant is the rare one"
)]
enum State {
    Running(Exchange),
    /// Refused before it began; or over.
    Ended(Option<LocalReply>),
}

impl RouteFuture {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self(State::Running(exchange))
    }

    pub(super) fn refused(reply: LocalReply) -> Self {
        Self(State::Ended(Some(reply)))
    }
}

impl Future for RouteFuture {
    type Output = Result<Response, LocalReply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Running(exchange) => {
                let outcome = std::task::ready!(exchange.poll(cx));
                self.0 = State::Ended(None);
                Poll::Ready(outcome)
            }
            State::Ended(reply) => {
                let over = || LocalReply::new(ReplyKind::Internal, "polled after completion");
                Poll::Ready(Err(reply.take().unwrap_or_else(over)))
            }
        }
    }
}

impl fmt::Debug for RouteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteFuture")
    }
}
