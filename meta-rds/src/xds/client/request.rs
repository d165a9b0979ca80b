//! What is sent for one type.

use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};

use super::{Request, status, subscription::Subscription};
use crate::xds::Mode;

impl<V> Subscription<V> {
    /// What is to be sent by `now`.
    pub(super) fn poll(
        &mut self,
        mode: Mode,
        again: Option<Duration>,
        now: Instant,
    ) -> Option<Request> {
        match mode {
            Mode::StateOfTheWorld => self.poll_whole(again, now).map(Request::StateOfTheWorld),
            Mode::Delta => self.poll_delta(now).map(Request::Delta),
        }
    }

    fn poll_whole(&mut self, again: Option<Duration>, now: Instant) -> Option<DiscoveryRequest> {
        if !self.stream.has_begun && !self.is_wanted() {
            return None;
        }
        let mut nonce = String::new();
        let mut reason = None;
        let is_due = |at: Instant| at <= now;
        let front = self.stream.answers.front();
        if !self.stream.has_begun {
            // The first of a stream, whatever else there is, has no nonce.
        } else if let Some(front) = front {
            // An answer names what is asked for, so that a change sends it early.
            if !is_due(front.due) && !self.stream.is_changed {
                return None;
            }
            let answer = self.stream.answers.pop_front()?;
            (nonce, reason) = (answer.nonce, answer.reason);
        } else if self.stream.is_changed {
            nonce.clone_from(&self.stream.nonce);
        } else if !(self.is_wanted() && self.stream.ask_again_at.is_some_and(is_due)) {
            return None;
        }
        let stream = &mut self.stream;
        if nonce.is_empty() {
            stream.ask_again_at = again.map(|again| now + again);
        }
        stream.has_begun = true;
        stream.is_changed = false;
        stream.added.clear();
        stream.removed.clear();
        Some(DiscoveryRequest {
            version_info: self.version.clone(),
            resource_names: self.names(),
            type_url: self.kind.type_url.to_owned(),
            response_nonce: nonce,
            error_detail: reason.as_deref().map(status),
            ..DiscoveryRequest::default()
        })
    }

    fn poll_delta(&mut self, now: Instant) -> Option<DeltaDiscoveryRequest> {
        let mut request = DeltaDiscoveryRequest {
            type_url: self.kind.type_url.to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        if !self.stream.has_begun {
            if !self.is_wanted() {
                return None;
            }
            self.stream.has_begun = true;
            request.resource_names_subscribe = self.names();
            let held = self.resources.iter().filter(|(_, r)| !r.version.is_empty());
            let versions = held.map(|(name, r)| (name.clone(), r.version.clone()));
            request.initial_resource_versions = versions.collect();
            self.stream.added.clear();
            self.stream.removed.clear();
            return Some(request);
        }
        let front = self.stream.answers.front();
        if front.is_some_and(|answer| answer.due <= now) {
            let answer = self.stream.answers.pop_front()?;
            request.response_nonce = answer.nonce;
            request.error_detail = answer.reason.as_deref().map(status);
            return Some(request);
        }
        if self.stream.added.is_empty() && self.stream.removed.is_empty() {
            return None;
        }
        let added = std::mem::take(&mut self.stream.added);
        let removed = std::mem::take(&mut self.stream.removed);
        request.resource_names_subscribe = added.into_iter().collect();
        request.resource_names_unsubscribe = removed.into_iter().collect();
        Some(request)
    }
}
