//! Telling the logs how requests ended.

use meta_core::{EndedRequest, Notes};

use super::*;

impl<T, S: Service<Request>> Connection<T, S> {
    /// Whether someone wants to know of this message: it begins an exchange or a
    /// stream.
    pub(super) fn is_logged(&self, request: &Metadata) -> bool {
        let kind = request.kind;
        !self.shared.logs.is_empty() && (kind.is_call() || kind == MessageKind::StreamInit)
    }

    /// Tells of a request that reached the service.
    pub(super) fn log(&self, entry: &Entry, outcome: Outcome<'_>, sent_bytes: usize, now: Instant) {
        if let Some(journal) = &entry.journal {
            self.tell(&EndedRequest {
                session: &self.session,
                request: &entry.request,
                received_at: entry.received_at,
                ended_at: now,
                outcome,
                sent_bytes,
                notes: journal.take(),
                closed: None,
            });
        }
    }

    /// Tells of one that did not, or of bytes that could not be read.
    pub(super) fn log_unstarted(
        &self,
        request: &Metadata,
        outcome: Outcome<'_>,
        sent_bytes: usize,
        now: Instant,
        closed: Option<&'static str>,
    ) {
        if self.is_logged(request) {
            self.tell(&EndedRequest {
                session: &self.session,
                request,
                received_at: now,
                ended_at: now,
                outcome,
                sent_bytes,
                notes: Notes::default(),
                closed,
            });
        }
    }

    /// Tells of all that the end of the connection cuts off.
    pub(super) fn log_cancelled(&self, closed: &'static str, now: Instant) {
        for entry in self.calls.unanswered() {
            if let Some(journal) = &entry.journal {
                self.tell(&EndedRequest {
                    session: &self.session,
                    request: &entry.request,
                    received_at: entry.received_at,
                    ended_at: now,
                    outcome: Outcome::Cancelled,
                    sent_bytes: 0,
                    notes: journal.take(),
                    closed: Some(closed),
                });
            }
        }
        for message in self.parked.iter().chain(&self.lane) {
            let cancelled = Outcome::Cancelled;
            self.log_unstarted(&message.metadata, cancelled, 0, now, Some(closed));
        }
    }

    fn tell(&self, ended: &EndedRequest<'_>) {
        for log in &self.shared.logs {
            log.log(ended);
        }
    }
}
