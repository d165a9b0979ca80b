//! Snapshots of the files of a folder.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::task::spawn_blocking;

use super::{
    RouteSnapshot, SnapshotCache,
    metarouter::{Mesh, MeshResource},
};
use crate::{
    convert::DecodedRoutes,
    driver::Stamp,
    load::descriptors,
    node,
    path::Path as Place,
    problem::{At, LoadError, Problem, Problems, unreadable},
    route_file::{Documents, at, value},
    source::Source,
};

/// The route tables in the files of a folder: `*.yaml`, `*.yml` and `*.json`.
///
/// A file holds tables in the forms of [`RouteFile`](crate::RouteFile), Aeraki's
/// `MetaRouter`, and the `ServiceEntry` and `DestinationRule` of Istio that those
/// need, any number of them; what belongs together may stand in several files.
///
/// A file that is wrong changes nothing: what it held before is served still, and
/// with it what is new in the others. Where the files are right and do not go
/// together, nothing changes at all.
pub struct RouteDirectory {
    path: PathBuf,
    files: BTreeMap<PathBuf, File>,
    /// What stood in the folder when it was looked at last.
    seen: BTreeMap<PathBuf, Stamp>,
    version: u64,
}

struct File {
    stamp: Stamp,
    contents: Contents,
}

/// What a good file holds.
#[derive(Default)]
struct Contents {
    routes: Vec<DecodedRoutes>,
    mesh: Vec<MeshResource>,
}

impl RouteDirectory {
    /// How often [`follow`](Self::follow) looks at the files.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or something in it is wrong.
    pub fn open(path: impl Into<PathBuf>) -> Result<(Self, RouteSnapshot), LoadError> {
        let mut directory = Self {
            path: path.into(),
            files: BTreeMap::new(),
            seen: BTreeMap::new(),
            version: 0,
        };
        let found = directory
            .list()
            .map_err(|error| directory.unreadable(&error))?;
        directory.seen.clone_from(&found);
        let (snapshot, problems) = directory.read(found);
        match (snapshot, problems.is_empty()) {
            (Ok(snapshot), true) => Ok((directory, snapshot)),
            (Ok(_), false) => Err(LoadError { problems }),
            (Err(mut error), _) => {
                error.problems.extend(problems);
                Err(error)
            }
        }
    }

    /// Looks whether something has changed: the snapshot of it, where it has, and
    /// what is wrong. A file that is being written is left alone until it stays the
    /// same from one look to the next.
    ///
    /// Reads files; not for threads that others wait for.
    pub fn poll(&mut self) -> (Option<RouteSnapshot>, Option<LoadError>) {
        let found = match self.list() {
            Ok(found) => found,
            Err(error) => {
                let is_new = !self.seen.is_empty();
                self.seen.clear();
                return (None, is_new.then(|| self.unreadable(&error)));
            }
        };
        let before = std::mem::replace(&mut self.seen, found.clone());
        let is_read = |(path, stamp): (&PathBuf, &Stamp)| {
            self.files
                .get(path)
                .is_some_and(|file| file.stamp == *stamp)
        };
        if found.len() == self.files.len() && found.iter().all(is_read) {
            return (None, None);
        }
        let is_whole = |(path, stamp): (&PathBuf, &Stamp)| {
            is_read((path, stamp))
                || before.get(path) == Some(stamp)
                || self
                    .files
                    .get(path)
                    .is_some_and(|file| file.stamp.file != stamp.file)
        };
        if !found.iter().all(is_whole) {
            return (None, None);
        }
        let (snapshot, mut problems) = self.read(found);
        let snapshot = match snapshot {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                problems.extend(error.problems);
                None
            }
        };
        let error = (!problems.is_empty()).then_some(LoadError { problems });
        (snapshot, error)
    }

    /// Keeps `cache` up to date for ever, and tells `report` what is wrong.
    ///
    /// Cancel safe.
    pub async fn follow(mut self, cache: SnapshotCache, mut report: impl FnMut(LoadError)) {
        let mut ticks = tokio::time::interval(Self::POLL_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let polled = spawn_blocking(move || {
                let polled = self.poll();
                (self, polled)
            });
            let Ok((directory, (snapshot, error))) = polled.await else {
                // The runtime is going away.
                return;
            };
            self = directory;
            if let Some(snapshot) = snapshot {
                cache.set(snapshot);
            }
            if let Some(error) = error {
                report(error);
            }
        }
    }

    fn list(&self) -> io::Result<BTreeMap<PathBuf, Stamp>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let known = ["yaml", "yml", "json"].map(OsStr::new);
            if is_hidden || !path.extension().is_some_and(|e| known.contains(&e)) {
                continue;
            }
            // One that has gone meanwhile was not there.
            if let Ok(stamp) = Stamp::of(&path) {
                found.insert(path, stamp);
            }
        }
        Ok(found)
    }

    /// Reads the files that have changed; what all of them make, and what is wrong
    /// with single ones.
    fn read(
        &mut self,
        found: BTreeMap<PathBuf, Stamp>,
    ) -> (Result<RouteSnapshot, LoadError>, Vec<Problem>) {
        let mut problems = Vec::new();
        self.files.retain(|path, _| found.contains_key(path));
        for (path, stamp) in found {
            let file = self.files.entry(path.clone()).or_insert_with(|| File {
                stamp: Stamp::none(),
                contents: Contents::default(),
            });
            if file.stamp == stamp {
                continue;
            }
            file.stamp = stamp;
            match Contents::read(&path) {
                Ok(contents) => file.contents = contents,
                Err(error) => problems.extend(error.problems),
            }
        }
        let snapshot = self.build();
        (snapshot, problems)
    }

    fn build(&mut self) -> Result<RouteSnapshot, LoadError> {
        let mut problems = Problems::default();
        let mut routes = BTreeMap::new();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut mesh = Mesh::default();
        for (path, file) in &self.files {
            problems.sources.push(path.display().to_string().into());
            let source = problems.sources.len() - 1;
            for table in &file.contents.routes {
                let name = table.table.name().to_string();
                if let Some(owner) = owners.insert(name.clone(), path.display().to_string()) {
                    let text = format!("there is a table {name:?} already, in {owner}");
                    let at = At { source, line: 0 };
                    problems.error(at, Place::ROOT, text);
                }
                routes.insert(name, table.clone());
            }
            for resource in &file.contents.mesh {
                mesh.add(resource, source);
            }
        }
        for (table, at) in mesh.routes(&mut problems) {
            let name = table.table.name().to_string();
            if let Some(owner) = owners.get(&name) {
                let text = format!("there is a table {name:?} already, in {owner}");
                problems.error(at, Place::ROOT, text);
            }
            routes.insert(name, table);
        }
        if problems.errors() > 0 {
            return Err(LoadError {
                problems: problems.into_list(),
            });
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        // It grows, whatever the clock does.
        self.version = now.max(self.version.saturating_add(1));
        Ok(RouteSnapshot::new(
            self.version.to_string(),
            routes.into_values(),
        ))
    }

    fn unreadable(&self, error: &io::Error) -> LoadError {
        unreadable(&self.path, error).into()
    }
}

impl Contents {
    fn read(path: &Path) -> Result<Self, LoadError> {
        let source = Source::file(path).map_err(|error| unreadable(path, &error))?;
        let nodes = node::parse_all(&source)?;
        let (pool, _) = descriptors()?;
        let mut documents = Documents::new(&pool, &source);
        let mut mesh = Vec::new();
        for node in &nodes {
            if value(node, "kind").is_none() {
                documents.read(node);
                continue;
            }
            match MeshResource::read(node) {
                Ok(resource) => mesh.push(resource),
                Err(text) => documents.problems().error(at(node), Place::ROOT, text),
            }
        }
        let file = documents.finish()?;
        for note in &file.notes {
            tracing::warn!("{note}");
        }
        Ok(Self {
            routes: file.routes,
            mesh,
        })
    }
}

impl fmt::Debug for RouteDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteDirectory").field(&self.path).finish()
    }
}
