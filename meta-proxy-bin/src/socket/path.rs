//! The file of a unix socket.

use std::{fs, io, os::unix::net::UnixStream, path::PathBuf};

use socket2::{SockAddr, Socket};

/// A socket file that we made; removed when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl SocketFile {
    /// Binds `socket` to `path`; the file of a process that is gone is replaced.
    pub(super) fn bind(socket: &Socket, path: PathBuf) -> io::Result<Self> {
        let address = SockAddr::unix(&path)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(&path) => {
                fs::remove_file(&path)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        Ok(Self(path))
    }
}

fn is_stale(path: &PathBuf) -> bool {
    matches!(
        UnixStream::connect(path),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused
    )
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("meta-proxy-{}.sock", std::process::id()));
        let bind = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            let file = SocketFile::bind(&socket, path.clone())?;
            io::Result::Ok((socket, file))
        };
        let live = UnixListener::bind(&path).expect("the path is free");
        let error = bind().expect_err("somebody listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(live);
        let bound = bind().expect("nobody listens");
        assert!(path.exists());
        drop(bound);
        assert!(!path.exists());
    }
}
