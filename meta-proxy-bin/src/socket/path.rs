//! The file of a unix socket.

use std::{
    fs, io,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::PermissionsExt,
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use socket2::{SockAddr, Socket};

/// A socket file that we made; removed when dropped. `None`: a name without a file.
#[derive(Debug)]
pub(crate) struct SocketFile(Option<PathBuf>);

impl SocketFile {
    /// Binds `socket` to `path`; the file of a process that is gone is replaced. The
    /// file has the permissions of `mode` before anybody can connect.
    pub(super) fn bind(socket: &Socket, path: PathBuf, mode: Option<u32>) -> io::Result<Self> {
        if let Some(name) = without_file(&path) {
            socket.bind(&SockAddr::unix(name)?)?;
            return Ok(Self(None));
        }
        let address = SockAddr::unix(&path)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(&path) => {
                fs::remove_file(&path)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        let file = Self(Some(path.clone()));
        if let Some(mode) = mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        Ok(file)
    }
}

/// The name of a socket that has no file, as the system wants it: Linux tells by a 0
/// before it, and configurations by `@`.
fn without_file(path: &Path) -> Option<PathBuf> {
    let name = path.as_os_str().as_bytes().strip_prefix(b"@")?;
    let name = [b"\0", name].concat();
    Some(std::ffi::OsString::from_vec(name).into())
}

fn is_stale(path: &PathBuf) -> bool {
    matches!(
        UnixStream::connect(path),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused
    )
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
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
            let file = SocketFile::bind(&socket, path.clone(), Some(0o600))?;
            io::Result::Ok((socket, file))
        };
        let live = UnixListener::bind(&path).expect("the path is free");
        let error = bind().expect_err("somebody listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(live);
        let bound = bind().expect("nobody listens");
        let permissions = fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        drop(bound);
        assert!(!path.exists());
    }
}
