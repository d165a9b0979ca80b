//! One resource of a response.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use envoy_types::pb::{
    envoy::service::discovery::v3::Resource as Wrapper,
    google::protobuf::{self, Any},
};
use prost::{Message, Name};

use super::subscription::Subscription;
use crate::xds::{Event, EventKind};

/// A resource as it came.
pub(super) struct Incoming {
    pub(super) name: String,
    /// Of the resource itself, where it has one.
    pub(super) version: Option<String>,
    pub(super) ttl: Option<Duration>,
    /// `None`: it is what it was, and holds still.
    pub(super) body: Option<Vec<u8>>,
}

/// Any resource, of which only the name is read.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

impl Incoming {
    /// What is in a response of resources of that type, each by itself or wrapped.
    pub(super) fn from_any(any: Any, type_url: &str) -> Result<Self, String> {
        if any.type_url == Wrapper::type_url() {
            let wrapper = Wrapper::decode(&*any.value);
            let wrapper = wrapper.map_err(|error| format!("not a Resource: {error}"))?;
            return Self::from_wrapper(wrapper, type_url);
        }
        check_type(&any.type_url, type_url)?;
        let name = name_of(&any.value)?;
        Ok(Self {
            name,
            version: None,
            ttl: None,
            body: Some(any.value),
        })
    }

    pub(super) fn from_wrapper(raw: Wrapper, type_url: &str) -> Result<Self, String> {
        let ttl = raw.ttl.as_ref().map(ttl).transpose()?;
        let version = Some(raw.version);
        let Some(any) = raw.resource else {
            return match raw.name.is_empty() {
                true => Err("neither a name nor a resource".to_owned()),
                false => Ok(Self {
                    name: raw.name,
                    version,
                    ttl,
                    body: None,
                }),
            };
        };
        check_type(&any.type_url, type_url)?;
        let name = name_of(&any.value)?;
        if !raw.name.is_empty() && raw.name != name {
            return Err(format!("{:?} holds a resource named {name:?}", raw.name));
        }
        Ok(Self {
            name,
            version,
            ttl,
            body: Some(any.value),
        })
    }
}

impl<V> Subscription<V> {
    /// Takes a resource, or says what is wrong with it. `version` is that of the
    /// response.
    pub(super) fn take(
        &mut self,
        incoming: Incoming,
        version: &str,
        now: Instant,
        events: &mut Vec<Event<V>>,
    ) -> Result<(), String> {
        let Incoming {
            name,
            version: own,
            ttl,
            body,
        } = incoming;
        let type_url = self.kind.type_url;
        let resource = match self.resources.get_mut(&name) {
            Some(resource) => resource,
            // Nobody asked, and nobody will use it.
            None if !self.all || body.is_none() => return Ok(()),
            None => self.resources.entry(name.clone()).or_default(),
        };
        let own = own.filter(|own| !own.is_empty());
        let shown = own.as_deref().unwrap_or(version).to_owned();
        let mut result = Ok(());
        let kind = match body {
            None => {
                resource.expires = ttl.map(|ttl| now + ttl);
                return Ok(());
            }
            Some(body) if resource.held.as_deref() == Some(&*body) => {
                EventKind::Unchanged { version: shown }
            }
            Some(body) => match (self.kind.decode)(&body) {
                Ok(decoded) if resource.held.as_ref() == Some(&decoded.canonical) => {
                    EventKind::Unchanged { version: shown }
                }
                Ok(decoded) => {
                    resource.held = Some(decoded.canonical.clone());
                    EventKind::Updated {
                        version: shown,
                        value: decoded.value,
                        canonical: decoded.canonical,
                    }
                }
                Err(reason) => {
                    result = Err(reason.clone());
                    EventKind::Refused {
                        version: shown,
                        reason,
                    }
                }
            },
        };
        if result.is_ok() {
            resource.version = own.unwrap_or_default();
            resource.expires = ttl.map(|ttl| now + ttl);
            resource.deadline = None;
        }
        events.push(Event {
            type_url,
            name,
            kind,
        });
        result
    }

    /// The server has it no longer, or never had it.
    pub(super) fn taken_back(&mut self, name: &str, events: &mut Vec<Event<V>>) {
        let Some(resource) = self.resources.get_mut(name) else {
            return;
        };
        resource.version.clear();
        resource.expires = None;
        if !resource.is_named {
            self.resources.remove(name);
        }
        events.push(Event {
            type_url: self.kind.type_url,
            name: name.to_owned(),
            kind: EventKind::Removed,
        });
    }
}

/// A digest of what came.
pub(super) fn digest<'a>(bodies: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for body in bodies {
        body.hash(&mut hasher);
    }
    hasher.finish()
}

fn check_type(found: &str, expected: &str) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("expected {expected}, found {found:?}")),
    }
}

fn name_of(body: &[u8]) -> Result<String, String> {
    let named = Named::decode(body).map_err(|error| format!("cannot be decoded: {error}"))?;
    match named.name.is_empty() {
        true => Err("it has no name".to_owned()),
        false => Ok(named.name),
    }
}

fn ttl(raw: &protobuf::Duration) -> Result<Duration, String> {
    let parts = (u64::try_from(raw.seconds), u32::try_from(raw.nanos));
    match parts {
        // So much that a clock can be asked about it.
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 && seconds < u64::from(u32::MAX) => {
            Ok(Duration::new(seconds, nanos))
        }
        _ => Err(format!("its ttl of {} s is none", raw.seconds)),
    }
}
