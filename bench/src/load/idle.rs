//! Many connections that made one call each and then stay open, for measuring
//! what an idle connection costs a proxy in memory.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustls::ClientConfig;

use crate::net::{Fill, Inbox};
use crate::pattern::Pattern;
use crate::protocol::Protocol;
use crate::tls::Stream;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Size of the one call.
const BODY: usize = 128;

/// Open connections; dropping closes them.
#[derive(Debug)]
pub(crate) struct IdleConnections {
    streams: Vec<Stream<TcpStream>>,
}

impl IdleConnections {
    /// Opens `count` connections one after another. Each makes a call and has
    /// its reply verified before the next is opened, so a proxy never needs
    /// more than one upstream connection unless it ties them to clients.
    pub(crate) fn open(
        target: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        count: usize,
        protocol: &'static dyn Protocol,
    ) -> Result<Self> {
        let pattern = Pattern::new(protocol.argument_len(BODY)?);
        let mut streams = Vec::with_capacity(count);
        for index in 0..count {
            let stream = call_once(target, tls, index, &pattern, protocol)
                .with_context(|| format!("idle connection {index}"))?;
            streams.push(stream);
        }
        Ok(Self { streams })
    }

    /// Fails if a connection was closed meanwhile.
    pub(crate) fn check(&self) -> Result<()> {
        for (index, Stream { socket, .. }) in self.streams.iter().enumerate() {
            socket.set_nonblocking(true)?;
            match socket.peek(&mut [0]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                other => {
                    let read = other.with_context(|| format!("idle connection {index}"))?;
                    ensure!(read > 0, "idle connection {index} was closed");
                    ensure!(read == 0, "idle connection {index} had bytes to read");
                }
            }
        }
        Ok(())
    }
}

fn call_once(
    target: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    index: usize,
    pattern: &Pattern,
    protocol: &'static dyn Protocol,
) -> Result<Stream<TcpStream>> {
    let stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut stream = Stream::client(stream, tls).context("the TLS handshake")?;
    let id = protocol.call_id(index as u64);
    let body = pattern.body(index, id);
    let mut request = Vec::new();
    protocol.write_request(id, &body, &mut request);
    stream.write_all(&request)?;

    let mut inbox = Inbox::default();
    let len = loop {
        let before = inbox.data().len();
        let fill = inbox.fill(&mut stream)?;
        ensure!(fill != Fill::Closed, "closed without a reply");
        ensure!(inbox.data().len() > before, "no reply within {TIMEOUT:?}");
        if let Some(len) = inbox.frame(protocol)? {
            break len;
        }
    };
    ensure!(len == inbox.data().len(), "more bytes than one reply");
    let reply = protocol.read_reply(inbox.data())?;
    ensure!(reply.id == id && body.matches(reply.body), "a wrong reply");
    Ok(stream)
}
