//! What can be said of tables that come from elsewhere.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::problem::Problem;

/// What has become of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RdsStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Where it comes from: the cluster, target or file.
    pub source: String,
    /// How things stand.
    pub state: RdsState,
    /// The version that was accepted last; empty where there is none.
    pub version: String,
    /// When the routes in force came.
    pub last_updated: Option<SystemTime>,
    /// What was refused since the last version that was accepted.
    pub refused: Option<RefusedRoutes>,
    /// The routes in force, as a serialized `envoy.config.route.v3.RouteConfiguration`.
    pub resource: Option<Bytes>,
    /// What of them has no effect here, or none yet.
    pub notes: Vec<Problem>,
}

/// Routes that were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedRoutes {
    /// Their version.
    pub version: String,
    /// What is wrong with them.
    pub reason: String,
    /// When they came last.
    pub at: SystemTime,
}

/// How things stand with a table; Envoy's `ClientResourceStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RdsState {
    /// It has been asked for, and has not come.
    Requested,
    /// The server says that there is none; what was in force is.
    Absent,
    /// What came last is in force.
    Accepted,
    /// What came last was refused; what was in force before is.
    Refused,
    /// It did not come in time, and may yet.
    TimedOut,
}

/// What is counted of a table; the names are Envoy's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdsStats {
    /// Times the routes in force were replaced by others.
    pub config_reload: u64,
    /// When that was last, in milliseconds since 1970.
    pub config_reload_time_ms: u64,
    /// Times it was asked for, or something came of that.
    pub update_attempt: u64,
    /// Responses that were accepted, though they may have held nothing new.
    pub update_success: u64,
    /// Streams, or attempts at one, that failed.
    pub update_failure: u64,
    /// Responses that were refused.
    pub update_rejected: u64,
    /// Responses without any resource.
    pub update_empty: u64,
    /// First fetches that took too long.
    pub init_fetch_timeout: u64,
}

/// How things stand with a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlPlaneStatus {
    /// The cluster, target or file.
    pub name: String,
    /// Whether there is a stream to it, or the file can be read.
    pub connected: bool,
    /// How many streams there have been.
    pub streams: u64,
    /// Why there is none.
    pub last_error: Option<String>,
}

impl RdsStatus {
    pub(super) fn new(name: Arc<str>, source: String) -> Self {
        Self {
            name,
            source,
            state: RdsState::Requested,
            version: String::new(),
            last_updated: None,
            refused: None,
            resource: None,
            notes: Vec::new(),
        }
    }

    pub(super) fn accept(&mut self, version: String) {
        self.state = RdsState::Accepted;
        self.version = version;
        self.refused = None;
    }
}
