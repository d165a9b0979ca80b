//! Opening what is written to.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use super::super::{config::LogTarget, error::AccessLogError};

/// What is written to.
#[derive(Clone, Debug)]
pub(in super::super) enum Target {
    Stdout,
    Stderr,
    /// A file, without links and detours, and as it was named.
    File {
        path: PathBuf,
        named: PathBuf,
    },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File { named, .. } => named.display().fmt(f),
        }
    }
}

impl Target {
    /// Opens it.
    pub(in super::super) fn open(target: &LogTarget) -> Result<(Self, File), AccessLogError> {
        match target.resolved() {
            LogTarget::Stdout => {
                let file = standard("stdout", io::stdout().as_fd())?;
                Ok((Self::Stdout, file))
            }
            LogTarget::Stderr => {
                let file = standard("stderr", io::stderr().as_fd())?;
                Ok((Self::Stderr, file))
            }
            LogTarget::File(named) => {
                let opened = open(&named).and_then(|file| Ok((fs::canonicalize(&named)?, file)));
                match opened {
                    Ok((path, file)) => Ok((Self::File { path, named }, file)),
                    Err(source) => Err(AccessLogError::Open {
                        path: named,
                        source,
                    }),
                }
            }
        }
    }

    /// Whether the same is meant, under whatever name.
    pub(in super::super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, .. }, Self::File { path: other, .. }) => path == other,
            (Self::Stdout, Self::Stdout) | (Self::Stderr, Self::Stderr) => true,
            _ => false,
        }
    }

    /// Opens it anew, where that means anything.
    pub(super) fn reopen(&self) -> io::Result<Option<File>> {
        match self {
            Self::Stdout | Self::Stderr => Ok(None),
            Self::File { named, .. } => open(named).map(Some),
        }
    }
}

fn standard(name: &'static str, output: BorrowedFd<'_>) -> Result<File, AccessLogError> {
    let owned = output.try_clone_to_owned();
    let owned = owned.map_err(|source| AccessLogError::Standard { name, source })?;
    Ok(File::from(owned))
}

/// To open a pipe for writing alone waits for a reader.
fn open(path: &Path) -> io::Result<File> {
    let is_pipe = fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
    let mut options = OpenOptions::new();
    options.append(true).read(is_pipe).create(!is_pipe);
    options.mode(0o644).open(path)
}
