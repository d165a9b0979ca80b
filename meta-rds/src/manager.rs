//! Route tables that come from elsewhere: who asks for them, and what has become of it.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use envoy_types::pb::envoy::config::core::v3 as core;
use meta_router::RouteTable;
use prost::Name as _;
use tokio::{runtime::Handle, sync::watch};

use crate::{
    bootstrap::{NodeInfo, RdsSettings},
    control_plane::{ConfigSource, Dial},
    convert::DecodedRoutes,
    driver::{Contents, FileDriver, GrpcDriver, Service},
    manager::{
        entry::{Entry, Progress},
        subject::Origin,
    },
    route_file::RouteFile,
    source::Source,
    xds::{Client, Decoded, Mode, ResourceType, Settings},
};

mod entry;
mod node;
mod status;
mod subject;

pub use self::status::{ControlPlaneStatus, RdsState, RdsStats, RdsStatus, RefusedRoutes};

const SERVICE: Service = Service {
    stream: "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
    delta: "/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes",
};
pub(crate) const TYPE_URL: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

/// Fetches route tables from control planes and files, and keeps them up to date.
///
/// Each source is asked by one task, over one stream for all names; a table is fetched
/// once, however many ask for it. What was good stays in force for ever: whatever
/// a control plane sends, leaves out, or takes back, and however long it is away.
///
/// Tasks run on the runtime that was there when the manager was made, and end when
/// the manager and all its watches are gone.
#[derive(Clone)]
pub struct RdsManager {
    inner: Arc<Inner>,
}

struct Inner {
    node: core::Node,
    dial: Arc<dyn Dial>,
    runtime: Handle,
    ask_again: Option<Duration>,
    origins: Mutex<HashMap<ConfigSource, Arc<Origin>>>,
}

impl RdsManager {
    /// A manager that introduces itself as `node`. Nothing is fetched before someone
    /// asks for it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(node: &NodeInfo, dial: Arc<dyn Dial>) -> Self {
        let settings = Settings::new(Mode::StateOfTheWorld, core::Node::default());
        Self {
            inner: Arc::new(Inner {
                node: node::message(node),
                dial,
                runtime: Handle::current(),
                ask_again: settings.ask_again,
                origins: Mutex::default(),
            }),
        }
    }

    /// Fetches a table, and keeps it up to date until the last watch of it is gone.
    ///
    /// Of several that ask for one table of one source, the first says how long its
    /// first fetch may take.
    pub fn watch(&self, settings: &RdsSettings) -> RouteWatch {
        let mut origins = self
            .inner
            .origins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let origin = match origins.get(&settings.source) {
            Some(origin) => origin.clone(),
            None => {
                let origin = Arc::new(Origin::new(settings.source.clone()));
                origins.insert(settings.source.clone(), origin.clone());
                self.start(&origin);
                origin
            }
        };
        drop(origins);
        let name = &settings.route_config_name;
        let entry = origin.entry(name, settings.initial_fetch_timeout);
        let progress = entry.subscribe();
        RouteWatch {
            entry,
            progress,
            seen: 0,
        }
    }

    /// The sources that have been asked, and whether they can be reached.
    pub fn control_planes(&self) -> Vec<ControlPlaneStatus> {
        let origins = self
            .inner
            .origins
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = origins.values().map(|origin| origin.status()).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    fn start(&self, origin: &Arc<Origin>) {
        let subject = origin.subject();
        let mode = match origin.source() {
            ConfigSource::Grpc(source) if source.delta => Mode::Delta,
            _ => Mode::StateOfTheWorld,
        };
        let mut settings = Settings::new(mode, self.inner.node.clone());
        settings.ask_again = self.inner.ask_again;
        match origin.source().clone() {
            ConfigSource::Grpc(source) => {
                settings.node_once = source.node_on_first_message_only;
                let client = Client::new(settings, vec![resource_type()]);
                let driver = GrpcDriver {
                    source,
                    service: SERVICE,
                    dial: self.inner.dial.clone(),
                    client,
                    subject,
                };
                self.inner.runtime.spawn(driver.run());
            }
            ConfigSource::File(source) => {
                settings.ask_again = None;
                let client = Client::new(settings, vec![resource_type()]);
                let driver = FileDriver {
                    source,
                    type_url: TYPE_URL,
                    read: read_file,
                    client,
                    subject,
                };
                self.inner.runtime.spawn(driver.run());
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let origins = self
            .origins
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for origin in origins.values() {
            origin.close();
        }
    }
}

impl fmt::Debug for RdsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RdsManager")
            .field("node", &self.inner.node.id)
            .finish_non_exhaustive()
    }
}

/// A route table that is kept up to date.
#[derive(Clone)]
pub struct RouteWatch {
    entry: Arc<Entry>,
    progress: watch::Receiver<Progress>,
    /// The number of the routes seen last.
    seen: u64,
}

/// How a first fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FirstFetch {
    /// There are routes.
    Done,
    /// It took too long; routes may come later.
    TimedOut,
}

impl RouteWatch {
    /// The table's name.
    pub fn name(&self) -> &Arc<str> {
        self.entry.name()
    }

    /// The table in force; `None` before the first.
    pub fn routes(&self) -> Option<Arc<RouteTable>> {
        self.progress.borrow().routes.clone()
    }

    /// Waits for the first routes, as long as a first fetch may take.
    ///
    /// Cancel safe: it may be dropped and called again.
    pub async fn ready(&mut self) -> FirstFetch {
        let progress = self
            .progress
            .wait_for(|progress| progress.fetched.is_some());
        match progress.await {
            Ok(progress) => progress.fetched.unwrap_or(FirstFetch::TimedOut),
            // The sender is in the entry, which is held here.
            Err(_) => FirstFetch::TimedOut,
        }
    }

    /// Waits for routes that were not seen before: those there are the first time,
    /// and then those that come. What comes in between is left out.
    ///
    /// Cancel safe: it may be dropped and called again.
    pub async fn changed(&mut self) -> Arc<RouteTable> {
        loop {
            if let Some(routes) = self.unseen() {
                return routes;
            }
            if self.progress.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn unseen(&mut self) -> Option<Arc<RouteTable>> {
        let progress = self.progress.borrow_and_update();
        match progress.number == self.seen {
            true => None,
            false => {
                self.seen = progress.number;
                progress.routes.clone()
            }
        }
    }

    /// What has become of it.
    pub fn status(&self) -> RdsStatus {
        self.entry.status()
    }

    /// What has been counted of it.
    pub fn stats(&self) -> RdsStats {
        self.entry.stats()
    }
}

impl fmt::Debug for RouteWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteWatch")
            .field("name", self.name())
            .finish_non_exhaustive()
    }
}

fn resource_type() -> ResourceType<DecodedRoutes> {
    debug_assert_eq!(
        TYPE_URL,
        envoy_types::pb::envoy::config::route::v3::RouteConfiguration::type_url()
    );
    ResourceType {
        type_url: TYPE_URL,
        is_whole: false,
        decode: |bytes| {
            let value = DecodedRoutes::decode(bytes).map_err(|error| error.reason())?;
            let canonical = value.canonical.clone();
            Ok(Decoded { value, canonical })
        },
    }
}

fn read_file(path: &Path) -> Result<Contents, String> {
    let source = Source::file(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = RouteFile::read(&source).map_err(|error| error.reason())?;
    let resources = file
        .routes
        .into_iter()
        .map(|routes| routes.canonical.to_vec());
    Ok((file.version, resources.collect()))
}
