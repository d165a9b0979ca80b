//! What is made of files, kept until what is made of changed files takes its place.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;

use crate::{error::TlsConfigError, material::Reader, stats::SecretStats};

/// What tells one state of a file from another without reading it; of a link, of
/// what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    #[cfg(unix)]
    node: (u64, u64, i64, i64),
}

impl Stamp {
    /// `None` where the file cannot be looked at.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            node: {
                use std::os::unix::fs::MetadataExt;
                let changed = (metadata.ctime(), metadata.ctime_nsec());
                (metadata.dev(), metadata.ino(), changed.0, changed.1)
            },
        })
    }
}

/// The files something was made of, as they were just before they were read.
pub(crate) type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// A value made of files.
pub(crate) struct Kept<T> {
    current: ArcSwap<T>,
    watch: Mutex<Watch>,
    pub(crate) stats: SecretStats,
}

struct Watch {
    /// What was read last.
    read: Stamps,
    /// What was seen last, where it differs.
    seen: Option<Stamps>,
}

impl<T> Kept<T> {
    /// Makes the value for the first time.
    pub(crate) fn new(
        make: impl FnOnce(&mut Reader) -> Result<T, TlsConfigError>,
    ) -> Result<Self, TlsConfigError> {
        let mut reader = Reader::default();
        let made = make(&mut reader)?;
        Ok(Self {
            current: ArcSwap::from_pointee(made),
            watch: Mutex::new(Watch {
                read: reader.files,
                seen: None,
            }),
            stats: SecretStats::default(),
        })
    }

    pub(crate) fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Looks whether files have changed; if they have, and have not changed since the
    /// last look, makes the value anew. If that fails the last one stays.
    ///
    /// Waiting for two looks to agree spares half-written files, and certificates
    /// whose key is yet to follow.
    pub(crate) fn look(
        &self,
        what: &str,
        make: impl FnOnce(&mut Reader) -> Result<T, TlsConfigError>,
    ) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let files = watch.read.keys();
        let stamps: Stamps = files.map(|path| (path.clone(), Stamp::of(path))).collect();
        if stamps == watch.read {
            watch.seen = None;
            return;
        }
        if watch.seen.as_ref() != Some(&stamps) {
            watch.seen = Some(stamps);
            return;
        }
        let changed = stamps
            .iter()
            .filter(|(path, at)| watch.read.get(*path) != Some(*at));
        let changed: Vec<_> = changed
            .map(|(path, _)| path.display().to_string())
            .collect();
        let changed = changed.join(", ");
        let mut reader = Reader::default();
        let made = make(&mut reader);
        watch.seen = None;
        match made {
            Ok(made) => {
                watch.read = reader.files;
                self.current.store(Arc::new(made));
                self.stats.ssl_context_update_by_sds.inc();
                tracing::info!(context = what, %changed, "changed secrets are in force");
            }
            Err(error) => {
                // Whatever file changes next may be the one that mends it.
                watch.read = stamps;
                watch.read.extend(reader.files);
                self.stats.ssl_context_update_failed.inc();
                tracing::error!(
                    context = what, %changed, %error,
                    "changed secrets cannot be used; the last good ones stay in force"
                );
            }
        }
    }
}
