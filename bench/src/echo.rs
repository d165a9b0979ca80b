//! The server behind the proxies: answers every call with its own argument.
//!
//! One thread, non-blocking sockets. Calls on one connection may be pipelined
//! and are answered in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;
use slab::Slab;

use crate::net::{Fill, Inbox, Outbox};
use crate::pattern::MARK;
use crate::protocol::{self, Form, Protocol};
use crate::sys;
use crate::tls::{self, Stream};

/// No more calls are read from a connection while this much is to be sent.
const MAX_WAITING: usize = 4 << 20;
const LISTENER: Token = Token(usize::MAX);

/// Options of the `echo` command.
#[derive(Args, Debug)]
pub(crate) struct EchoArgs {
    /// Address to listen on; the one in use is printed once it is open.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Protocol to speak.
    #[arg(long, default_value = "thrift")]
    protocol: String,
    /// Which of Thrift's forms; framed-binary unless given.
    #[arg(long, value_enum)]
    form: Option<Form>,
    /// Speak TLS, and show the certificate in this PEM file.
    #[arg(long, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key.
    #[arg(long, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Mark the replies, so that they can be told from those of another server.
    #[arg(long)]
    marked: bool,
    /// CPU to run on.
    #[arg(long)]
    cpu: Option<usize>,
}

/// Serves until killed.
pub(crate) fn run(args: &EchoArgs) -> Result<()> {
    let protocol = protocol::by_name(&args.protocol, args.form)?;
    if let Some(cpu) = args.cpu {
        sys::pin_to_cpu(cpu).context("cannot pin to the CPU")?;
    }
    let tls = match (&args.tls_certificate, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::server(certificate, key)?),
        _ => None,
    };
    let listener = TcpListener::bind(args.listen).context("cannot listen")?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, protocol, tls.as_ref(), args.marked)
}

/// Serves until something fails that is not one connection's own.
pub(crate) fn serve(
    mut listener: TcpListener,
    protocol: &dyn Protocol,
    tls: Option<&Arc<ServerConfig>>,
    marked: bool,
) -> Result<()> {
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = Slab::new();
    let mut events = Events::with_capacity(1_024);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, tls, &mut connections)?;
                continue;
            }
            let key = event.token().0;
            let Some(connection) = connections.get_mut(key) else {
                continue;
            };
            match connection.on_event(event, protocol, marked) {
                Ok(true) => {}
                Ok(false) => drop(connections.remove(key)),
                Err(error) => {
                    eprintln!("echo: {error:#}");
                    connections.remove(key);
                }
            }
        }
    }
}

/// Takes in every connection that waits.
fn accept(
    poll: &Poll,
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
    connections: &mut Slab<Connection>,
) -> Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("cannot accept"),
        };
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        poll.registry().register(
            &mut stream,
            Token(entry.key()),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        entry.insert(Connection {
            stream: Stream::server(stream, tls)?,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            readable: false,
        });
    }
}

/// One accepted connection.
#[derive(Debug)]
struct Connection {
    stream: Stream<TcpStream>,
    inbox: Inbox,
    outbox: Outbox,
    /// Events tell of changes only: whether reading has more to give.
    readable: bool,
}

impl Connection {
    /// Reads, answers and writes as far as it goes; false when done for good.
    fn on_event(&mut self, event: &Event, protocol: &dyn Protocol, marked: bool) -> Result<bool> {
        self.readable |= event.is_readable() || event.is_read_closed();
        self.outbox.flush(&mut self.stream)?;
        while self.readable && self.outbox.waiting() < MAX_WAITING {
            match self.inbox.fill(&mut self.stream)? {
                Fill::More => {}
                // After the peer's last bytes no further event would come.
                Fill::Drained => self.readable = event.is_read_closed(),
                Fill::Closed => return Ok(false),
            }
            while let Some(len) = self.inbox.frame(protocol)? {
                let tail = self.outbox.tail();
                let start = tail.len();
                protocol.write_reply(&self.inbox.data()[..len], tail)?;
                if marked {
                    mark(protocol, &mut tail[start..])?;
                }
                self.inbox.consume(len);
            }
            self.outbox.flush(&mut self.stream)?;
        }
        Ok(true)
    }
}

/// Changes the first character that a reply brings back.
fn mark(protocol: &dyn Protocol, reply: &mut [u8]) -> Result<()> {
    let mut body = protocol.read_reply(reply)?.body;
    let first = body.next().context("nothing to mark")?;
    let at = first.as_ptr().addr() - reply.as_ptr().addr();
    reply[at] ^= MARK;
    Ok(())
}
