//! Request logs: who is told how each request ended, and what is known of it then.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{
    filter::Outcome, metadata::Metadata, request::Address, route::ResolvedRoute, session::Session,
};

/// Is told how every request of a listener's connections ended; what access logs are.
///
/// Told by the task that drives the connection, when the answer has been put into
/// its write buffer, and so outside of all filters. It must neither block nor wait.
pub trait RequestLog: Send + Sync {
    /// Takes note of `ended`.
    fn log(&self, ended: &EndedRequest<'_>);
}

impl fmt::Debug for dyn RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestLog")
    }
}

/// A request, and how it ended.
#[derive(Clone, Debug)]
pub struct EndedRequest<'a> {
    /// The connection it came by.
    pub session: &'a Session,
    /// What was read of it. Of bytes that could not be read at all, nothing.
    pub request: &'a Metadata,
    /// When its last byte was read.
    pub received_at: Instant,
    /// When it ended.
    pub ended_at: Instant,
    /// How it ended, as its client sees it.
    pub outcome: Outcome<'a>,
    /// Bytes of the answer, as they go to the client.
    pub sent_bytes: usize,
    /// Where it was to go.
    pub notes: Notes,
    /// One word for why the connection ended, where that is how the request did.
    pub closed: Option<&'static str>,
}

/// Where a request was to go, noted on its way: still known where it failed.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Its route, where one matches.
    pub route: Option<ResolvedRoute>,
    /// The endpoint that was chosen last.
    pub endpoint: Option<Address>,
}

/// The notes on one request, which it takes along. Made only where someone will
/// read them; see [`Request::keep_journal`](crate::Request::keep_journal).
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Notes>>);

impl Journal {
    /// Takes the notes out.
    pub fn take(&self) -> Notes {
        std::mem::take(&mut self.notes())
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
