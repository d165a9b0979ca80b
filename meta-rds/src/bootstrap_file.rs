//! A bootstrap in a file that may change.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{
    bootstrap::Bootstrap,
    driver::{Look, Watched},
    load::Loader,
    problem::{LoadError, unreadable},
    source::Source,
};

/// A bootstrap in a file that may change while the proxy runs.
///
/// ```no_run
/// use meta_rds::{BootstrapFile, Loader};
///
/// # async fn follow() -> Result<(), meta_rds::LoadError> {
/// let mut file = BootstrapFile::new(Loader::new(), "/etc/proxy/bootstrap.yaml");
/// let first = file.load()?;
/// loop {
///     match file.changed().await {
///         Ok(bootstrap) => println!("{} listeners", bootstrap.listeners.len()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # }
/// ```
pub struct BootstrapFile {
    loader: Loader,
    path: PathBuf,
    over: Vec<Source>,
    watched: Watched,
    /// What was seen to have changed has not been read yet.
    is_due: bool,
}

impl BootstrapFile {
    /// How often [`changed`](Self::changed) looks at the file.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

    /// The bootstrap at `path`, which need not be there yet.
    pub fn new(loader: Loader, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            loader,
            watched: Watched::new(path.clone()),
            path,
            over: Vec::new(),
            is_due: false,
        }
    }

    /// Lays a text over the file each time it is read, and over those before it; see
    /// [`Loader::load`].
    #[must_use]
    pub fn with_overlay(mut self, text: Source) -> Self {
        self.over.push(text);
        self
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file as it is now.
    ///
    /// # Errors
    ///
    /// As [`Loader::load`]; also where the file cannot be read.
    pub fn load(&mut self) -> Result<Bootstrap, LoadError> {
        // Looked at first: what is written while it is read is read again.
        self.watched.take_as_read();
        self.is_due = false;
        read(self.loader, &self.path, &self.over)
    }

    /// Waits until the file is another than the one that was read last, and reads it:
    /// one that was put in its place, written anew, or reached by links of which one
    /// leads elsewhere. A file that is being written is left alone until it stays the
    /// same from one look to the next. That a file is not there any more is told once.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load). It may be asked again: what comes next may be right.
    pub async fn changed(&mut self) -> Result<Bootstrap, LoadError> {
        let mut ticks = interval(Self::POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_due {
            ticks.tick().await;
            match self.watched.look().await {
                Look::Same => {}
                Look::Changed => self.is_due = true,
                Look::Gone(error) => return Err(unreadable(&self.path, &error).into()),
            }
        }
        let (loader, path, over) = (self.loader, self.path.clone(), self.over.clone());
        let loaded = spawn_blocking(move || read(loader, &path, &over)).await;
        self.is_due = false;
        loaded.unwrap_or_else(|error| Err(unreadable(&self.path, &error).into()))
    }
}

fn read(loader: Loader, path: &Path, over: &[Source]) -> Result<Bootstrap, LoadError> {
    let file = Source::file(path).map_err(|error| unreadable(path, &error))?;
    let mut sources = vec![file];
    sources.extend(over.iter().cloned());
    loader.load(&sources)
}

impl fmt::Debug for BootstrapFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BootstrapFile").field(&self.path).finish()
    }
}
