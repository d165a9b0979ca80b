//! What is served at one time.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;
use envoy_types::pb::google::protobuf::Any;

use crate::{convert::DecodedRoutes, manager::TYPE_URL};

/// The route tables that are served at one time.
#[derive(Clone, Debug, Default)]
pub struct RouteSnapshot {
    version: String,
    resources: BTreeMap<String, Resource>,
}

/// A table as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) body: Bytes,
    /// Another where the contents are.
    pub(super) version: String,
}

impl RouteSnapshot {
    /// These tables under that version. Of two by one name the last counts.
    pub fn new(
        version: impl Into<String>,
        routes: impl IntoIterator<Item = DecodedRoutes>,
    ) -> Self {
        let resources = routes.into_iter().map(|routes| {
            let name = routes.table.name().to_string();
            (name, Resource::new(routes.canonical))
        });
        Self {
            version: version.into(),
            resources: resources.collect(),
        }
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of its tables, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(String::as_str)
    }

    /// A table as it is served: a serialized `envoy.config.route.v3.RouteConfiguration`.
    pub fn resource(&self, name: &str) -> Option<&Bytes> {
        self.resources.get(name).map(|resource| &resource.body)
    }

    pub(super) fn resources(&self) -> &BTreeMap<String, Resource> {
        &self.resources
    }
}

impl Resource {
    fn new(body: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let version = format!("{:016x}", hasher.finish());
        Self { body, version }
    }

    pub(super) fn any(&self) -> Any {
        Any {
            type_url: TYPE_URL.to_owned(),
            value: self.body.to_vec(),
        }
    }
}
