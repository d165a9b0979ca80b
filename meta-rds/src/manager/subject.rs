//! The tables that are asked of one source.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::Notify;

use super::{ControlPlaneStatus, TYPE_URL, entry::Entry};
use crate::{
    control_plane::ConfigSource,
    convert::DecodedRoutes,
    driver::Subject,
    xds::{Client, Event},
};

/// A source, and who asks it for what.
pub(super) struct Origin {
    source: ConfigSource,
    entries: Mutex<HashMap<Arc<str>, Weak<Entry>>>,
    status: Mutex<ControlPlaneStatus>,
    notify: Arc<Notify>,
    /// Nobody can ask any more.
    is_closed: AtomicBool,
}

/// The side of an origin that its driver sees.
pub(super) struct OriginSubject {
    origin: Arc<Origin>,
    notify: Arc<Notify>,
    /// What the client has been told to ask for.
    asked: HashMap<Arc<str>, Weak<Entry>>,
}

impl Origin {
    pub(super) fn new(source: ConfigSource) -> Self {
        let status = ControlPlaneStatus {
            name: source.to_string(),
            connected: false,
            streams: 0,
            last_error: None,
        };
        Self {
            source,
            entries: Mutex::default(),
            status: Mutex::new(status),
            notify: Arc::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(super) fn source(&self) -> &ConfigSource {
        &self.source
    }

    pub(super) fn status(&self) -> ControlPlaneStatus {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.clone()
    }

    pub(super) fn subject(self: &Arc<Self>) -> OriginSubject {
        OriginSubject {
            origin: self.clone(),
            notify: self.notify.clone(),
            asked: HashMap::new(),
        }
    }

    /// The entry of that name, whoever else has asked for it.
    pub(super) fn entry(&self, name: &Arc<str>, timeout: Option<Duration>) -> Arc<Entry> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(name).and_then(Weak::upgrade) {
            return entry;
        }
        let source = self.source.to_string();
        let entry = Entry::new(name.clone(), source, timeout, self.notify.clone());
        let entry = Arc::new(entry);
        entries.insert(name.clone(), Arc::downgrade(&entry));
        self.notify.notify_one();
        entry
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for OriginSubject {
    type Value = DecodedRoutes;

    fn notify(&self) -> &Arc<Notify> {
        &self.notify
    }

    fn sync(&mut self, client: &mut Client<DecodedRoutes>, now: Instant) -> bool {
        let mut entries = self.origin.entries();
        entries.retain(|_, entry| entry.strong_count() > 0);
        self.asked.retain(|name, asked| {
            let stays = entries.get(name).is_some_and(|entry| entry.ptr_eq(asked));
            if !stays {
                // Who comes back under the same name has seen nothing yet.
                client.unwatch(TYPE_URL, name);
            }
            stays
        });
        for (name, entry) in entries.iter() {
            if !self.asked.contains_key(name) {
                let timeout = entry.upgrade().and_then(|entry| entry.timeout);
                client.watch(TYPE_URL, name, timeout, now);
                self.asked.insert(name.clone(), entry.clone());
            }
        }
        !(entries.is_empty() && self.origin.is_closed.load(Ordering::Acquire))
    }

    fn tell(&mut self, event: Event<DecodedRoutes>) {
        let entry = self.asked.get(&*event.name).and_then(Weak::upgrade);
        if let Some(entry) = entry {
            entry.take(event.kind, SystemTime::now());
        }
    }

    fn connected(&mut self, is_connected: bool, reason: &str) {
        let status = &self.origin.status;
        let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
        let source = &status.name;
        match is_connected {
            // A file that is there still.
            true if status.connected => {}
            true => {
                tracing::info!(source, "connected to the control plane");
                status.streams += 1;
                status.last_error = None;
            }
            false => {
                // Told once, until it is back.
                if status.connected || status.last_error.is_none() {
                    tracing::warn!(source, "no control plane: {reason}");
                }
                status.last_error = Some(reason.to_owned());
            }
        }
        status.connected = is_connected;
    }
}
