//! The tower layer around a [`Filter`].

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{BoxFuture, Filter, Flow, Outcome, Verdict};
use crate::{
    local_reply::LocalReply,
    metadata::SharedMetadata,
    request::{Request, Response},
};

/// The tower layer of `filter`.
///
/// Backpressure: ready when the service within is. Cancellation: dropping the
/// response future tells the filter [`Outcome::Cancelled`].
pub fn filter_layer<F: Filter>(filter: Arc<F>) -> FilterLayer<F> {
    FilterLayer { filter }
}

/// Puts a [`Filter`] before a service; see [`filter_layer`].
#[derive(Debug)]
pub struct FilterLayer<F> {
    filter: Arc<F>,
}

impl<F> Clone for FilterLayer<F> {
    fn clone(&self) -> Self {
        Self {
            filter: self.filter.clone(),
        }
    }
}

impl<F, S> Layer<S> for FilterLayer<F> {
    type Service = FilterService<F, S>;

    fn layer(&self, inner: S) -> Self::Service {
        FilterService {
            filter: self.filter.clone(),
            inner,
        }
    }
}

/// A service behind a [`Filter`].
#[derive(Debug)]
pub struct FilterService<F, S> {
    filter: Arc<F>,
    inner: S,
}

impl<F, S: Clone> Clone for FilterService<F, S> {
    fn clone(&self) -> Self {
        Self {
            filter: self.filter.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<F, S> Service<Request> for FilterService<F, S>
where
    F: Filter,
    S: Service<Request, Response = Response, Error = LocalReply> + Clone,
{
    type Response = Response;
    type Error = LocalReply;
    type Future = ResponseFuture<F, S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut completion = Completion {
            filter: self.filter.clone(),
            request: request.metadata().clone(),
            state: Some(F::State::default()),
        };
        let flow = match &mut completion.state {
            Some(state) => completion.filter.on_request(state, &mut request),
            None => Flow::Continue,
        };
        let step = match flow {
            Flow::Continue => Step::Inner {
                future: self.inner.call(request),
            },
            Flow::Reply(reply) => Step::Refused { reply: Some(reply) },
            Flow::Wait(verdict) => {
                // The instance that is ready goes with the request.
                let clone = self.inner.clone();
                Step::Before {
                    verdict,
                    service: mem::replace(&mut self.inner, clone),
                    request: Some(request),
                }
            }
        };
        ResponseFuture { step, completion }
    }
}

/// Tells the filter how the request ended, exactly once.
struct Completion<F: Filter> {
    filter: Arc<F>,
    request: SharedMetadata,
    state: Option<F::State>,
}

impl<F: Filter> Completion<F> {
    fn complete(&mut self, outcome: Outcome<'_>) {
        if let Some(state) = self.state.take() {
            self.filter.on_complete(state, &self.request, outcome);
        }
    }

    fn on_response(&mut self, response: &mut Response) -> Flow {
        match &mut self.state {
            Some(state) => self.filter.on_response(state, &self.request, response),
            None => Flow::Continue,
        }
    }
}

impl<F: Filter> Drop for Completion<F> {
    fn drop(&mut self) {
        self.complete(Outcome::Cancelled);
    }
}

pin_project! {
    /// The response of a [`FilterService`].
    pub struct ResponseFuture<F: Filter, S: Service<Request>> {
        #[pin]
        step: Step<S, S::Future>,
        completion: Completion<F>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<S, Fut> {
        Before {
            verdict: BoxFuture<'static, Verdict>,
            service: S,
            request: Option<Request>,
        },
        Inner { #[pin] future: Fut },
        After {
            verdict: BoxFuture<'static, Verdict>,
            response: Response,
        },
        Refused { reply: Option<LocalReply> },
    }
}

impl<F: Filter, S: Service<Request>> std::fmt::Debug for ResponseFuture<F, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl<F, S> Future for ResponseFuture<F, S>
where
    F: Filter,
    S: Service<Request, Response = Response, Error = LocalReply>,
{
    type Output = Result<Response, LocalReply>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            let next = match this.step.as_mut().project() {
                StepProj::Before {
                    verdict,
                    service,
                    request,
                } => match (ready!(verdict.as_mut().poll(cx)), request.take()) {
                    (Verdict::Continue(mutation), Some(mut request)) => {
                        request.mutation.extend(&mutation);
                        Step::Inner {
                            future: service.call(request),
                        }
                    }
                    (Verdict::Reply(reply), _) => break Err(reply),
                    (Verdict::Continue(_), None) => break Err(polled_again()),
                },
                StepProj::Inner { future } => match ready!(future.poll(cx)) {
                    Err(reply) => break Err(reply),
                    Ok(mut response) => match this.completion.on_response(&mut response) {
                        Flow::Continue => break Ok(response),
                        Flow::Reply(reply) => break Err(reply),
                        Flow::Wait(verdict) => Step::After { verdict, response },
                    },
                },
                StepProj::After { verdict, response } => match ready!(verdict.as_mut().poll(cx)) {
                    Verdict::Continue(mutation) => {
                        response.mutation.extend(&mutation);
                        break Ok(mem::take(response));
                    }
                    Verdict::Reply(reply) => break Err(reply),
                },
                StepProj::Refused { reply } => {
                    break Err(reply.take().unwrap_or_else(polled_again));
                }
            };
            this.step.set(next);
        };
        this.completion.complete(match &result {
            Ok(response) => Outcome::Answered(response),
            Err(reply) => Outcome::Refused(reply),
        });
        Poll::Ready(result)
    }
}

fn polled_again() -> LocalReply {
    LocalReply::new(
        crate::ReplyKind::Internal,
        "a filter's future was polled after it had completed",
    )
}

#[cfg(test)]
mod tests;
