//! What waits for a shared connection: an answer, or the write of what wants none.

use super::*;
use crate::clock::now;

/// The response to come of a [`Shared::call`].
#[derive(Debug)]
pub struct SharedCall {
    pub(super) inner: Arc<Inner>,
    pub(super) key: Option<usize>,
    pub(super) answered_at: Option<Instant>,
}

impl SharedCall {
    /// Where the request went.
    pub fn info(&self) -> &Arc<UpstreamInfo> {
        &self.inner.info
    }

    /// When the outcome came, once it has been returned: as it was read, which
    /// spares whoever waited for it the clock.
    pub fn answered_at(&self) -> Option<Instant> {
        self.answered_at
    }
}

impl Future for SharedCall {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(key) = self.key else {
            return Poll::Ready(Err(completed()));
        };
        let polled = self.inner.state().pending.poll(key, cx);
        polled.map(|outcome| {
            self.key = None;
            let (outcome, at) = outcome.unzip();
            self.answered_at = at;
            let outcome = outcome.unwrap_or_else(|| Err(completed()));
            self.inner.upstream.endpoint.end(Some(&outcome));
            outcome
        })
    }
}

impl Drop for SharedCall {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let mut state = self.inner.state();
            let deadline = state.pending.abandon(key);
            let endpoint = &self.inner.upstream.endpoint;
            endpoint.end(None);
            // Whoever gave it up looks at the same clock.
            if deadline.is_some_and(|deadline| deadline <= now()) {
                endpoint.timed_out();
            }
            if !matches!(state.status, Status::Open) {
                // It may have been the last that kept the connection.
                state.wake_driver();
            }
        }
    }
}

/// What a [`Shared::send`] waits for.
#[derive(Debug)]
pub struct SharedSend {
    pub(super) inner: Arc<Inner>,
    /// It is a request, and has not been written.
    pub(super) is_counted: bool,
    pub(super) begins_at: u64,
    pub(super) position: u64,
}

impl Future for SharedSend {
    type Output = Result<(), LocalReply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.poll_written(cx);
        if let Poll::Ready(written) = &polled
            && std::mem::take(&mut self.is_counted)
        {
            self.inner.upstream.endpoint.written(written.is_ok());
        }
        polled
    }
}

impl SharedSend {
    fn poll_written(&self, cx: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        let mut state = self.inner.state();
        if state.written >= self.position {
            return Poll::Ready(Ok(()));
        }
        if let Status::Closed(reply) = &state.status {
            let reply = reply.clone();
            return Poll::Ready(Err(match self.begins_at >= state.written {
                true => reply.retriable(),
                false => reply,
            }));
        }
        let known = state
            .flushes
            .iter_mut()
            .find(|(position, _)| *position == self.position);
        match known {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                let at = state
                    .flushes
                    .partition_point(|(position, _)| *position < self.position);
                state
                    .flushes
                    .insert(at, (self.position, cx.waker().clone()));
            }
        }
        Poll::Pending
    }
}

fn completed() -> LocalReply {
    LocalReply::new(
        ReplyKind::Internal,
        "a call was polled after it had completed",
    )
}
