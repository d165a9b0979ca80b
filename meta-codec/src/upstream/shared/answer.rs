//! The way back for the answers to a server's requests.

use super::*;

/// Takes a client's answer to the server that asked.
pub(super) struct ServerRequest {
    pub(super) inner: Arc<Inner>,
    pub(super) request: meta_core::SharedMetadata,
}

impl Answer for ServerRequest {
    fn answer(self: Box<Self>, answer: Outcome) {
        let mut state = self.inner.state();
        if let Status::Closed(_) = state.status {
            return;
        }
        // Who asks and does not read the answers would have no end of them kept.
        if self.inner.is_clogged(&state) {
            state.clogged = true;
            state.wake_driver();
            return;
        }
        let request = &self.request;
        state.write_control(|codec, out| match &answer {
            Ok(message) => {
                let context = EncodeContext {
                    id: request.id,
                    mutation: &Mutation::new(),
                    request: Some(request),
                };
                codec.encode(message, &context, out).map(|_| true)
            }
            Err(reply) => codec.on_error(request, reply, out).map(|()| true),
        });
        state.wake_driver();
    }

    fn is_wanted(&self) -> bool {
        !matches!(self.inner.state().status, Status::Closed(_))
    }
}
