//! Connections from within the process.

use std::io;

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

/// Connections that wait to be accepted.
const BACKLOG: usize = 128;

/// A listener within the process, and the way to connect to it; each direction
/// of a connection holds up to `buffer_bytes`.
pub fn memory(buffer_bytes: usize) -> (MemoryConnector, MemoryListener) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    let connector = MemoryConnector {
        sender,
        buffer_bytes,
    };
    (connector, MemoryListener(receiver))
}

/// Connects to a [`MemoryListener`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MemoryConnector {
    sender: mpsc::Sender<DuplexStream>,
    buffer_bytes: usize,
}

impl MemoryConnector {
    /// Makes a connection; waits while too many others wait to be accepted.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` where nobody listens.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(self.buffer_bytes);
        match self.sender.send(theirs).await {
            Ok(()) => Ok(ours),
            Err(_) => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

/// Takes connections from within the process; see [`memory()`].
#[derive(Debug)]
pub struct MemoryListener(mpsc::Receiver<DuplexStream>);

impl MemoryListener {
    /// The next connection; `None` once no connector is left. A listener that is
    /// given to a proxy is asked by the proxy; this is for servers in tests.
    ///
    /// Cancellation safe: no connection is lost.
    pub async fn accept(&mut self) -> Option<DuplexStream> {
        self.0.recv().await
    }

    /// A connection that waits, if there is one.
    pub(super) fn try_accept(&mut self) -> Option<DuplexStream> {
        self.0.try_recv().ok()
    }
}
