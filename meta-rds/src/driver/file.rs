//! A file that is watched.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use envoy_types::pb::{envoy::service::discovery::v3::DiscoveryResponse, google::protobuf::Any};
use tokio::{select, task::spawn_blocking, time};

use super::{Subject, now, sleep_until, tick};
use crate::{
    control_plane::FileSource,
    xds::{Client, Event, EventKind, Response},
};

/// Reads a file whenever it has changed, and takes it whole or not at all.
///
/// The file is looked at, rather than its folder watched: it may be written anew,
/// replaced, or reached by links of which one is exchanged, on whatever file system.
pub(crate) struct FileDriver<S: Subject> {
    pub(crate) source: FileSource,
    pub(crate) type_url: &'static str,
    /// Reads a file, or tells what is wrong.
    pub(crate) read: fn(&Path) -> Result<Contents, String>,
    pub(crate) client: Client<S::Value>,
    pub(crate) subject: S,
}

/// What a file holds: its version, and its resources.
pub(crate) type Contents = (String, Vec<Vec<u8>>);

/// What tells one state of a file from the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which file the path leads to: of the device and on it.
    pub(crate) file: (u64, u64),
    modified: Option<SystemTime>,
    len: u64,
}

impl<S: Subject> FileDriver<S> {
    /// Runs until nothing will be wanted any more.
    pub(crate) async fn run(mut self) {
        self.client.connecting();
        self.client.connected();
        let notify = self.subject.notify().clone();
        let mut ticks = time::interval(self.source.poll_interval);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut names_changed = true;
        let mut watched = Watched::new(self.source.path.clone());
        let mut last: Option<DiscoveryResponse> = None;
        loop {
            if names_changed {
                if !self.subject.sync(&mut self.client, now()) {
                    return;
                }
                // Whoever is new has not seen it.
                if let Some(response) = &last {
                    self.take(response.clone());
                }
                names_changed = false;
            }
            tick(&mut self.client, &mut self.subject);
            select! {
                () = notify.notified() => names_changed = true,
                () = sleep_until(self.client.next_wake()) => {}
                _ = ticks.tick() => match watched.look().await {
                    Look::Same => {}
                    Look::Gone(error) => {
                        let reason = format!("{}: {error}", self.source.path.display());
                        self.subject.connected(false, &reason);
                        self.tell_all(|| EventKind::Disconnected {
                            reason: reason.clone(),
                        });
                    }
                    Look::Changed => {
                        self.subject.connected(true, "");
                        let (read, path) = (self.read, self.source.path.clone());
                        let read = spawn_blocking(move || read(&path)).await;
                        match read.unwrap_or_else(|error| Err(error.to_string())) {
                            Ok((version, resources)) => {
                                let response = self.response(version, resources);
                                last = Some(response.clone());
                                self.take(response);
                            }
                            // All that is asked for stays what it was.
                            Err(reason) => self.tell_all(|| EventKind::Refused {
                                version: String::new(),
                                reason: reason.clone(),
                            }),
                        }
                    }
                }
            }
        }
    }

    fn response(&self, version: String, resources: Vec<Vec<u8>>) -> DiscoveryResponse {
        let type_url = self.type_url.to_owned();
        let resources = resources.into_iter().map(|value| Any {
            type_url: self.type_url.to_owned(),
            value,
        });
        DiscoveryResponse {
            version_info: version,
            resources: resources.collect(),
            type_url,
            ..DiscoveryResponse::default()
        }
    }

    fn take(&mut self, response: DiscoveryResponse) {
        self.client
            .receive(Response::StateOfTheWorld(response), now());
        // A file wants no answers.
        while self.client.poll(now()).is_some() {}
    }

    fn tell_all(&mut self, kind: impl Fn() -> EventKind<S::Value>) {
        for name in self.client.names(self.type_url) {
            self.subject.tell(Event {
                type_url: self.type_url,
                name,
                kind: kind(),
            });
        }
    }
}

/// A path, and what stood there.
pub(crate) struct Watched {
    path: PathBuf,
    /// What was read.
    read: Option<Stamp>,
    /// What was there when it was looked at last.
    seen: Option<Stamp>,
    is_gone: bool,
}

pub(crate) enum Look {
    Same,
    /// It is to be read.
    Changed,
    /// It cannot be looked at; told once.
    Gone(io::Error),
}

impl Watched {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: None,
            seen: None,
            is_gone: false,
        }
    }

    /// What is there now is about to be read.
    pub(crate) fn take_as_read(&mut self) {
        self.read = Stamp::of(&self.path).ok();
        self.seen.clone_from(&self.read);
        self.is_gone = self.read.is_none();
    }

    /// Whether it is to be read. A file that is being written is left alone until it
    /// stays the same from one look to the next; one that was put in its place is
    /// whole.
    pub(crate) async fn look(&mut self) -> Look {
        let path = self.path.clone();
        let found = spawn_blocking(move || Stamp::of(&path)).await;
        let found = match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(found) => found,
            Err(error) => {
                let is_new = !self.is_gone;
                self.is_gone = true;
                return match is_new {
                    true => Look::Gone(error),
                    false => Look::Same,
                };
            }
        };
        let was_gone = std::mem::take(&mut self.is_gone);
        let before = self.seen.replace(found.clone());
        if self.read.as_ref() == Some(&found) && !was_gone {
            return Look::Same;
        }
        let is_other = self
            .read
            .as_ref()
            .is_none_or(|read| read.file != found.file);
        if is_other || before.as_ref() == Some(&found) {
            self.read = Some(found);
            return Look::Changed;
        }
        Look::Same
    }
}

impl Stamp {
    /// Of nothing.
    pub(crate) fn none() -> Self {
        Self {
            file: (0, 0),
            modified: None,
            len: 0,
        }
    }

    /// Of what a path leads to.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        // Where a link is exchanged while it is followed, what it led to may be gone.
        let metadata = fs::metadata(path).or_else(|_| fs::metadata(path))?;
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let file = (0, 0);
        Ok(Self {
            file,
            modified: metadata.modified().ok(),
            len: metadata.len(),
        })
    }
}
