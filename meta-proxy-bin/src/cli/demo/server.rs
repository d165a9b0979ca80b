//! A server that greets.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::protocol::Protocol;

/// The longest message that is read here.
const MAX_BYTES: usize = 1 << 20;

/// A server on a port of its own; stops when dropped.
pub(super) struct Server {
    version: &'static str,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(super) async fn start<P: Protocol>(protocol: P, version: &'static str) -> io::Result<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                connections.spawn(serve(protocol, stream, version));
            }
        });
        Ok(Self {
            version,
            address,
            _tasks: tasks,
        })
    }

    pub(super) fn version(&self) -> &'static str {
        self.version
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers until the client is gone.
async fn serve<P: Protocol>(protocol: P, mut stream: TcpStream, version: &str) {
    while let Ok(call) = read_message(protocol, &mut stream).await {
        let Some(answer) = protocol.answer(&call, version) else {
            return;
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Reads a whole message.
pub(super) async fn read_message<P: Protocol>(
    protocol: P,
    stream: &mut TcpStream,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = loop {
        match protocol.length(&bytes) {
            Some(length) => break length,
            None => bytes.push(stream.read_u8().await?),
        }
    };
    if !(bytes.len()..=MAX_BYTES).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let read = bytes.len();
    bytes.resize(length, 0);
    stream
        .read_exact(bytes.get_mut(read..).unwrap_or_default())
        .await?;
    Ok(bytes)
}
