//! The services that a listener's requests go through, on one worker.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use meta_core::{BoxFuture, BoxService, FilterFactory, LocalReply, Request, Response, WorkerId};
use meta_router::{RouteFuture, Router};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// The filters, the first outermost, around the router. Cloned for each
/// connection.
#[derive(Clone)]
pub(super) enum Stack {
    /// No filters: nothing needs a box.
    Bare(Router),
    Filtered(BoxService),
}

impl Stack {
    pub(super) fn new(
        router: Router,
        filters: &[Arc<dyn FilterFactory>],
        worker: WorkerId,
    ) -> Self {
        if filters.is_empty() {
            return Self::Bare(router);
        }
        let innermost = BoxService::new(router);
        let inwards = filters.iter().rev();
        Self::Filtered(inwards.fold(innermost, |inner, filter| filter.layer(worker).layer(inner)))
    }
}

impl Service<Request> for Stack {
    type Response = Response;
    type Error = LocalReply;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        match self {
            Self::Bare(router) => router.poll_ready(cx),
            Self::Filtered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        match self {
            Self::Bare(router) => ResponseFuture::Bare {
                future: router.call(request),
            },
            Self::Filtered(service) => ResponseFuture::Filtered {
                future: service.call(request),
            },
        }
    }
}

pin_project! {
    /// The response of a [`Stack`].
    #[project = Projected]
    pub(super) enum ResponseFuture {
        Bare { #[pin] future: RouteFuture },
        Filtered { future: BoxFuture<'static, Result<Response, LocalReply>> },
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, LocalReply>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Bare { future } => future.poll(cx),
            Projected::Filtered { future } => future.as_mut().poll(cx),
        }
    }
}
