//! Filters: what looks at every request and response on its way.

use std::{future::Future, pin::Pin, sync::Arc};

use tower::util::{BoxCloneService, BoxCloneServiceLayer};

use crate::{
    local_reply::LocalReply,
    metadata::Metadata,
    mutation::Mutation,
    request::{Request, Response},
    stats::Cell,
    wire::WorkerId,
};

mod layer;

pub use layer::{FilterLayer, FilterService, ResponseFuture, filter_layer};

/// A future in a box, where something waits.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service stack, boxed at the seam between layers that do not know each other.
pub type BoxService = BoxCloneService<Request, Response, LocalReply>;

/// A layer between two such stacks.
pub type BoxLayer = BoxCloneServiceLayer<BoxService, Request, Response, LocalReply>;

/// Looks at every request and response; made into a tower layer by
/// [`filter_layer`].
///
/// One value serves all requests; what belongs to one request is its `State`.
/// The hooks are synchronous; a filter that has to wait returns
/// [`Flow::Wait`] with a future, and the request goes on when that completes.
///
/// ```
/// use meta_core::{Filter, Flow, LocalReply, ReplyKind, Request};
///
/// struct Deny(&'static str);
///
/// impl Filter for Deny {
///     type State = ();
///
///     fn on_request(&self, _: &mut (), request: &mut Request) -> Flow {
///         match request.metadata().get("method") {
///             Some(method) if method == self.0 => {
///                 Flow::Reply(LocalReply::new(ReplyKind::Denied, "not for you"))
///             }
///             _ => Flow::Continue,
///         }
///     }
/// }
/// ```
pub trait Filter: Send + Sync + 'static {
    /// What the filter remembers of one request.
    type State: Default + Send;

    /// Sees the request before the layers further in.
    fn on_request(&self, state: &mut Self::State, request: &mut Request) -> Flow {
        let _ = (state, request);
        Flow::Continue
    }

    /// Sees the response before the layers further out. Local replies of layers
    /// further in do not come by here; [`Filter::on_complete`] sees them.
    fn on_response(
        &self,
        state: &mut Self::State,
        request: &Metadata,
        response: &mut Response,
    ) -> Flow {
        let _ = (state, request, response);
        Flow::Continue
    }

    /// Called exactly once for every request that `on_request` saw: answered,
    /// refused by whatever layer, or cancelled.
    fn on_complete(&self, state: Self::State, request: &Metadata, outcome: Outcome<'_>) {
        let _ = (state, request, outcome);
    }

    /// Shows what the filter counts; see [`FilterFactory::visit_stats`].
    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let _ = visit;
    }
}

/// How a request goes on after a hook.
pub enum Flow {
    /// To the next layer.
    Continue,
    /// Back, with this reply.
    Reply(LocalReply),
    /// To wherever the future says. The request's timeout does not yet run; the
    /// future has to bound itself. Dropped where the client goes away.
    Wait(BoxFuture<'static, Verdict>),
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Continue => f.write_str("Continue"),
            Self::Reply(reply) => f.debug_tuple("Reply").field(reply).finish(),
            Self::Wait(_) => f.write_str("Wait"),
        }
    }
}

/// What a [`Flow::Wait`] came to.
#[derive(Debug)]
pub enum Verdict {
    /// On to the next layer, with these changes added.
    Continue(Mutation),
    /// Back, with this reply.
    Reply(LocalReply),
}

/// How a request ended, as one filter saw it.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// With a response, or, one-way, by having been written.
    Answered(&'a Response),
    /// With a local reply of this or another layer.
    Refused(&'a LocalReply),
    /// The client went away.
    Cancelled,
}

/// Makes a filter's layer for each worker; what a filter crate registers.
///
/// What all workers share lives in the factory, what each has for itself in the
/// layer it makes. That of a [`Filter`] is made by [`filter_factory`]; any other tower
/// layer will do as well:
///
/// ```
/// use meta_core::{BoxLayer, BoxService, FilterFactory, WorkerId};
/// use tower::{layer::layer_fn, util::MapRequest};
///
/// struct Stamp;
///
/// impl FilterFactory for Stamp {
///     fn layer(&self, worker: WorkerId) -> BoxLayer {
///         BoxLayer::new(layer_fn(move |inner: BoxService| {
///             MapRequest::new(inner, move |mut request: meta_core::Request| {
///                 request.mutation.set("x-worker", worker.0.to_string());
///                 request
///             })
///         }))
///     }
/// }
/// ```
pub trait FilterFactory: Send + Sync + 'static {
    /// The layer of one worker.
    fn layer(&self, worker: WorkerId) -> BoxLayer;

    /// Shows what the filter counts, each under its name, such as
    /// `fair_share.refused`: what the listener's statistics stand under comes
    /// before it. Asked whenever someone looks, from whatever thread; the names
    /// have to be the same each time. Default: nothing.
    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        let _ = visit;
    }
}

/// The factory of a filter that has no state of each worker: all share `filter`.
pub fn filter_factory<F: Filter>(filter: F) -> Arc<dyn FilterFactory> {
    Arc::new(Arc::new(filter))
}

/// A filter without state of each worker is its own factory; see
/// [`filter_factory`].
impl<F: Filter> FilterFactory for Arc<F> {
    fn layer(&self, _: WorkerId) -> BoxLayer {
        BoxLayer::new(filter_layer(self.clone()))
    }

    fn visit_stats(&self, visit: &mut dyn FnMut(&str, Cell<'_>)) {
        (**self).visit_stats(visit);
    }
}
