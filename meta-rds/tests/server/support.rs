//! What the tests share.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A folder of one's own, gone with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meta-rds-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file there as a whole.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.join(".new");
        fs::write(&new, text).expect("written");
        fs::rename(new, self.join(name)).expect("renamed");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A table in our own form, all of it to one cluster.
pub(crate) fn to(name: &str, cluster: &str) -> String {
    format!("{{ name: {name}, routes: [ {{ name: all, route: {{ cluster: {cluster} }} }} ] }}")
}
