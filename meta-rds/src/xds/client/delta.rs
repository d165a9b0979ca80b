//! Responses that hold what changed.

use std::{collections::HashSet, time::Instant};

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryResponse;

use super::{
    resource::{Incoming, digest},
    subscription::Subscription,
};
use crate::xds::{Event, EventKind};

impl<V> Subscription<V> {
    pub(super) fn receive_delta(
        &mut self,
        raw: DeltaDiscoveryResponse,
        now: Instant,
        events: &mut Vec<Event<V>>,
    ) {
        let bodies = raw.resources.iter();
        let bodies = bodies.filter_map(|resource| Some(&*resource.resource.as_ref()?.value));
        let contents = digest(bodies);
        let version = raw.system_version_info;
        let is_empty = raw.resources.is_empty() && raw.removed_resources.is_empty();
        let mut unreadable = Vec::new();
        let mut twice = Vec::new();
        let mut incoming = Vec::with_capacity(raw.resources.len());
        let mut names = HashSet::new();
        for (index, wrapper) in raw.resources.into_iter().enumerate() {
            match Incoming::from_wrapper(wrapper, self.kind.type_url) {
                Ok(resource) if !names.insert(resource.name.clone()) => {
                    let name = &resource.name;
                    twice.push(format!("resources[{index}]: {name:?} is there twice"));
                }
                Ok(resource) => incoming.push(resource),
                Err(reason) => unreadable.push(format!("resources[{index}]: {reason}")),
            }
        }
        self.tell_unreadable(&version, &unreadable, &names, events);
        let mut reasons = unreadable;
        // Which of two is meant is anyone's guess: nothing is taken.
        if !twice.is_empty() {
            for resource in &incoming {
                self.tell_refused(&resource.name, &version, &twice, events);
            }
            reasons.extend(twice);
        } else {
            for resource in incoming {
                reasons.extend(self.take(resource, &version, now, events).err());
            }
            for name in &raw.removed_resources {
                self.taken_back(name, events);
            }
        }
        if is_empty {
            self.tell_all(events, || EventKind::Empty);
        }
        if reasons.is_empty() {
            self.refusals.reset();
            self.answer(raw.nonce, None, now, now);
        } else {
            let due = self.refusals.refuse(&version, contents, now);
            self.answer(raw.nonce, Some(reasons.join("\n")), due, now);
        }
    }
}
