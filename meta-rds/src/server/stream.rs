//! What one stream is sent: pure, as the client's side is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use envoy_types::pb::envoy::service::discovery::v3::{
    self as pb, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};

use super::{RouteSnapshot, snapshot::Resource};
use crate::manager::TYPE_URL;

/// What a request says of the response before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted(String),
    Refused(String),
}

/// A stream in state of the world.
#[derive(Debug, Default)]
pub(super) struct WholeStream {
    has_begun: bool,
    /// What is asked for; `None`: all there is.
    names: Option<BTreeSet<String>>,
    nonce: u64,
    /// The version sent last, and of each resource in it.
    version: String,
    sent: BTreeMap<String, String>,
}

impl WholeStream {
    /// Takes a request; what it is answered with, and what it says.
    pub(super) fn request(
        &mut self,
        request: &DiscoveryRequest,
        snapshot: Option<&RouteSnapshot>,
    ) -> (Option<DiscoveryResponse>, Option<Verdict>) {
        let nonce = &request.response_nonce;
        // Of a response that another has overtaken.
        if self.has_begun && !nonce.is_empty() && *nonce != self.nonce.to_string() {
            return (None, None);
        }
        let verdict = (self.has_begun && !nonce.is_empty()).then(|| match &request.error_detail {
            Some(error) => Verdict::Refused(error.message.clone()),
            None => Verdict::Accepted(self.version.clone()),
        });
        let asks = !self.has_begun || nonce.is_empty();
        let names: BTreeSet<_> = request.resource_names.iter().cloned().collect();
        let is_all = names.contains("*") || (names.is_empty() && self.names.is_none());
        self.names = (!is_all).then_some(names);
        self.has_begun = true;
        let response = match snapshot {
            // Whatever it has; also where there is nothing of what is asked for.
            Some(snapshot) if asks => Some(self.send(snapshot)),
            Some(snapshot) => self.changed(snapshot),
            None => None,
        };
        (response, verdict)
    }

    /// What is sent where the snapshot is another.
    pub(super) fn changed(&mut self, snapshot: &RouteSnapshot) -> Option<DiscoveryResponse> {
        if !self.has_begun {
            return None;
        }
        let wanted = self.wanted(snapshot);
        let same = wanted.len() == self.sent.len()
            && wanted.iter().all(|(name, resource)| {
                self.sent
                    .get(*name)
                    .is_some_and(|sent| *sent == resource.version)
            });
        // What is no longer asked for needs not be sent to be forgotten.
        let fewer = wanted.iter().all(|(name, resource)| {
            self.sent
                .get(*name)
                .is_some_and(|sent| *sent == resource.version)
        }) && self.version == snapshot.version();
        match same || fewer {
            true => None,
            false => Some(self.send(snapshot)),
        }
    }

    fn wanted<'s>(&self, snapshot: &'s RouteSnapshot) -> Vec<(&'s String, &'s Resource)> {
        let is_wanted =
            |name: &String| self.names.as_ref().is_none_or(|names| names.contains(name));
        let resources = snapshot.resources().iter();
        resources.filter(|(name, _)| is_wanted(name)).collect()
    }

    fn send(&mut self, snapshot: &RouteSnapshot) -> DiscoveryResponse {
        let wanted = self.wanted(snapshot);
        self.nonce += 1;
        self.version = snapshot.version().to_owned();
        let sent = wanted
            .iter()
            .map(|(name, r)| ((*name).clone(), r.version.clone()));
        self.sent = sent.collect();
        DiscoveryResponse {
            version_info: self.version.clone(),
            resources: wanted.iter().map(|(_, resource)| resource.any()).collect(),
            type_url: TYPE_URL.to_owned(),
            nonce: self.nonce.to_string(),
            ..DiscoveryResponse::default()
        }
    }
}

/// A stream in delta.
#[derive(Debug, Default)]
pub(super) struct DeltaStream {
    has_begun: bool,
    all: bool,
    names: BTreeSet<String>,
    nonce: u64,
    /// The version of each resource the client has; empty: it knows there is none.
    sent: BTreeMap<String, String>,
    /// The versions of the responses that have not been answered.
    open: HashMap<String, String>,
}

/// The responses that a client may leave unanswered.
const MAX_OPEN: usize = 1000;

impl DeltaStream {
    pub(super) fn request(
        &mut self,
        request: &DeltaDiscoveryRequest,
        snapshot: Option<&RouteSnapshot>,
    ) -> (Option<DeltaDiscoveryResponse>, Option<Verdict>) {
        let version = self.open.remove(&request.response_nonce);
        let verdict = version.map(|version| match &request.error_detail {
            Some(error) => Verdict::Refused(error.message.clone()),
            None => Verdict::Accepted(version),
        });
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            let versions = request.initial_resource_versions.iter();
            self.sent = versions
                .map(|(name, v)| (name.clone(), v.clone()))
                .collect();
            self.all = request.resource_names_subscribe.is_empty();
        }
        for name in &request.resource_names_unsubscribe {
            match name.as_str() {
                "*" => self.all = false,
                name => {
                    self.names.remove(name);
                }
            }
        }
        for name in &request.resource_names_subscribe {
            match name.as_str() {
                "*" => self.all = true,
                name => {
                    let is_new = self.names.insert(name.to_owned());
                    // Whoever asks again wants it again.
                    if !(is_first && is_new) {
                        self.sent.remove(name);
                    }
                }
            }
        }
        if !self.all {
            let names = &self.names;
            self.sent.retain(|name, _| names.contains(name));
        }
        (
            snapshot.and_then(|snapshot| self.changed(snapshot)),
            verdict,
        )
    }

    pub(super) fn changed(&mut self, snapshot: &RouteSnapshot) -> Option<DeltaDiscoveryResponse> {
        if !self.has_begun {
            return None;
        }
        let resources = snapshot.resources();
        let is_new = |name: &String, resource: &Resource| {
            (self.all || self.names.contains(name))
                && self.sent.get(name) != Some(&resource.version)
        };
        let changed = resources
            .iter()
            .filter(|(name, resource)| is_new(name, resource));
        let changed: Vec<_> = changed.collect();
        let known = self.sent.iter().filter(|(_, version)| !version.is_empty());
        let known = known.map(|(name, _)| name);
        let unknown = self
            .names
            .iter()
            .filter(|name| !self.sent.contains_key(*name));
        let gone: BTreeSet<_> = known
            .chain(unknown)
            .filter(|name| !resources.contains_key(*name))
            .cloned()
            .collect();
        if changed.is_empty() && gone.is_empty() {
            return None;
        }
        for (name, resource) in &changed {
            self.sent.insert((*name).clone(), resource.version.clone());
        }
        for name in &gone {
            match self.names.contains(name) {
                true => drop(self.sent.insert(name.clone(), String::new())),
                false => drop(self.sent.remove(name)),
            }
        }
        self.nonce += 1;
        let nonce = self.nonce.to_string();
        if self.open.len() < MAX_OPEN {
            self.open
                .insert(nonce.clone(), snapshot.version().to_owned());
        }
        let wrapped = changed.iter().map(|(name, resource)| pb::Resource {
            name: (*name).clone(),
            version: resource.version.clone(),
            resource: Some(resource.any()),
            ..pb::Resource::default()
        });
        Some(DeltaDiscoveryResponse {
            system_version_info: snapshot.version().to_owned(),
            resources: wrapped.collect(),
            removed_resources: gone.into_iter().collect(),
            type_url: TYPE_URL.to_owned(),
            nonce,
            ..DeltaDiscoveryResponse::default()
        })
    }
}
