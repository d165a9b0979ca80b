//! One connection of the load generator.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use rustls::ClientConfig;

use crate::net::{Fill, Inbox, Outbox};
use crate::pattern::Pattern;
use crate::protocol::Protocol;
use crate::tls::Stream;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A call waiting for its reply.
#[derive(Debug)]
struct Call {
    id: u64,
    since: Instant,
    written: Instant,
}

/// A verified reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// When the call was made, or should have been.
    pub(crate) since: Instant,
    /// Not after its call was written.
    pub(crate) written: Instant,
    /// When its reply had been read.
    pub(crate) at: Instant,
    /// Whether it came from the server that marks its replies.
    pub(crate) is_marked: bool,
}

/// A connection with its calls in flight.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream<TcpStream>,
    index: usize,
    inbox: Inbox,
    outbox: Outbox,
    calls: VecDeque<Call>,
    made: u64,
}

impl Client {
    /// Connects, and makes the handshake if there is TLS; `index` tells this
    /// connection's bodies from the others'.
    pub(crate) fn connect(
        target: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        index: usize,
    ) -> Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)
            .with_context(|| format!("connection {index} to {target}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        let stream = Stream::client(stream, tls)
            .with_context(|| format!("connection {index}: the TLS handshake"))?;
        stream.socket.set_nonblocking(true)?;
        Ok(Self {
            stream: stream.map(TcpStream::from_std),
            index,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            calls: VecDeque::new(),
            made: 0,
        })
    }

    /// Calls without a reply yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Queues one more call, which was due at `since`, to be sent by [`Client::flush`].
    pub(crate) fn call(&mut self, protocol: &dyn Protocol, pattern: &Pattern, since: Instant) {
        let written = Instant::now();
        self.made += 1;
        let id = protocol.call_id(self.made);
        let body = pattern.body(self.index, id);
        protocol.write_request(id, &body, self.outbox.tail());
        self.calls.push_back(Call { id, since, written });
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.outbox
            .flush(&mut self.stream)
            .with_context(|| format!("writing to connection {}", self.index))
    }

    /// Reads and verifies all replies that are there; whether the peer closed.
    pub(crate) fn receive(
        &mut self,
        protocol: &dyn Protocol,
        pattern: &Pattern,
        answers: &mut Vec<Answer>,
    ) -> Result<bool> {
        loop {
            let fill = self
                .inbox
                .fill(&mut self.stream)
                .with_context(|| format!("reading from connection {}", self.index))?;
            let at = Instant::now();
            while let Some(len) = self.inbox.frame(protocol)? {
                let (call, is_marked) = self
                    .settle(protocol, pattern, len)
                    .with_context(|| format!("connection {}", self.index))?;
                self.inbox.consume(len);
                answers.push(Answer {
                    since: call.since,
                    written: call.written,
                    at,
                    is_marked,
                });
            }
            match fill {
                Fill::More => {}
                Fill::Drained => return Ok(false),
                Fill::Closed => return Ok(true),
            }
        }
    }

    /// Checks the reply in front against the call it answers: the method name,
    /// the sequence id and every byte of the body; returns the call, and whether the
    /// reply is marked.
    fn settle(
        &mut self,
        protocol: &dyn Protocol,
        pattern: &Pattern,
        len: usize,
    ) -> Result<(Call, bool)> {
        let frame = &self.inbox.data()[..len];
        let reply = protocol.read_reply(frame)?;
        let Some(position) = self.calls.iter().position(|call| call.id == reply.id) else {
            bail!("a reply to call {}, which is not in flight", reply.id);
        };
        let is_plain = pattern.body(self.index, reply.id).matches(reply.body);
        let marked = pattern.body(self.index, reply.id).marked();
        ensure!(
            is_plain || marked.matches(reply.body),
            "the reply to call {} has other bytes ({}) than the request",
            reply.id,
            reply.body.map(<[u8]>::len).sum::<usize>()
        );
        let call = self.calls.remove(position).context("no such call")?;
        Ok((call, !is_plain))
    }
}
