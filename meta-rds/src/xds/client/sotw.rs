//! Responses that hold everything.

use std::{collections::HashSet, time::Instant};

use envoy_types::pb::envoy::service::discovery::v3::DiscoveryResponse;

use super::{
    resource::{Incoming, digest},
    subscription::Subscription,
};
use crate::xds::{Event, EventKind};

impl<V> Subscription<V> {
    pub(super) fn receive(
        &mut self,
        raw: DiscoveryResponse,
        now: Instant,
        events: &mut Vec<Event<V>>,
    ) {
        let DiscoveryResponse {
            version_info: version,
            resources,
            nonce,
            ..
        } = raw;
        let contents = digest(resources.iter().map(|any| &*any.value));
        let is_empty = resources.is_empty();
        let mut unreadable = Vec::new();
        let mut incoming = Vec::with_capacity(resources.len());
        for (index, any) in resources.into_iter().enumerate() {
            match Incoming::from_any(any, self.kind.type_url) {
                Ok(resource) => incoming.push(resource),
                Err(reason) => unreadable.push(format!("resources[{index}]: {reason}")),
            }
        }
        // Of two by one name the last counts.
        let mut names = HashSet::new();
        incoming.reverse();
        incoming.retain(|resource| names.insert(resource.name.clone()));
        incoming.reverse();
        self.tell_unreadable(&version, &unreadable, &names, events);
        let mut reasons = unreadable;
        for resource in incoming {
            reasons.extend(self.take(resource, &version, now, events).err());
        }
        if self.kind.is_whole && reasons.is_empty() {
            let gone = self
                .resources
                .iter()
                .filter(|(name, resource)| resource.held.is_some() && !names.contains(*name));
            let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
            for name in gone {
                self.taken_back(&name, events);
            }
        } else if is_empty {
            self.tell_all(events, || EventKind::Empty);
        }
        if reasons.is_empty() {
            self.version = version;
            self.refusals.reset();
            self.answer(nonce, None, now, now);
        } else {
            let due = self.refusals.refuse(&version, contents, now);
            self.answer(nonce, Some(reasons.join("\n")), due, now);
        }
    }
}
