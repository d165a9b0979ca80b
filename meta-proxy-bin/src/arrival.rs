//! A connection on its way to a filter chain.

use std::{io, sync::Arc};

use meta_core::Address;
use socket2::SockRef;

use crate::{
    dispatch::Incoming,
    listener::{Place, Traits},
    socket::Accepted,
};

mod inbound;
mod replay;

pub(crate) use self::inbound::{Inbound, LookError};

/// A connection for which no filter chain has been chosen yet.
pub(crate) struct Arrival {
    /// The index of its listener.
    pub(crate) listener: usize,
    pub(crate) stream: Inbound,
    pub(crate) remote: Address,
    /// The address it came to.
    pub(crate) local: Address,
    /// Its peer, where that speaks for another.
    pub(crate) peer: Option<Address>,
    /// What its client says of itself, where it begins with TLS.
    pub(crate) hello: Option<Hello>,
    /// Whether it is known where it was made to, whatever became of it on the way.
    pub(crate) has_destination: bool,
    /// Whether another listener handed it over.
    pub(crate) is_handed_over: bool,
    pub(crate) place: Place,
}

/// What a TLS client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The server's name, in lower case.
    pub(crate) server_name: Option<Arc<str>>,
    /// The application's protocols, the client's favourite first.
    pub(crate) protocols: Vec<Box<str>>,
}

impl Arrival {
    /// A connection that has just been accepted; within the runtime that is to drive
    /// it.
    pub(crate) fn new(incoming: Incoming) -> io::Result<Self> {
        let Accepted {
            stream,
            remote,
            local,
        } = incoming.accepted;
        Ok(Self {
            listener: incoming.listener,
            stream: Inbound::watch(stream)?,
            remote,
            local,
            peer: None,
            hello: None,
            has_destination: false,
            is_handed_over: false,
            place: incoming.place,
        })
    }

    /// What a filter chain is chosen by.
    pub(crate) fn traits(&self) -> Traits<'_> {
        let hello = self.hello.as_ref();
        Traits {
            local: &self.local,
            remote: &self.remote,
            peer: self.peer.as_ref().unwrap_or(&self.remote),
            is_tls: hello.is_some(),
            server_name: hello.and_then(|hello| hello.server_name.as_deref()),
            protocols: hello.map_or(&[][..], |hello| &hello.protocols),
        }
    }

    /// Takes the address that the connection was made to before the system redirected
    /// it for its local one, where it was.
    pub(crate) fn restore_destination(&mut self) {
        let Inbound::Tcp(stream) = &self.stream else {
            return;
        };
        let socket = SockRef::from(stream);
        let original = match self.local.socket_addr() {
            Some(local) if local.is_ipv6() => original_v6(&socket),
            _ => original_v4(&socket),
        };
        let original = original.ok().and_then(|address| address.as_socket());
        if let Some(original) = original {
            self.local = Address::Ip(original);
        }
        // A transparent socket has it as its own address.
        self.has_destination = true;
    }
}

#[cfg(target_os = "linux")]
fn original_v4(socket: &SockRef<'_>) -> io::Result<socket2::SockAddr> {
    socket.original_dst_v4()
}

#[cfg(target_os = "linux")]
fn original_v6(socket: &SockRef<'_>) -> io::Result<socket2::SockAddr> {
    socket.original_dst_v6()
}

#[cfg(not(target_os = "linux"))]
fn original_v4(_: &SockRef<'_>) -> io::Result<socket2::SockAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn original_v6(_: &SockRef<'_>) -> io::Result<socket2::SockAddr> {
    Err(io::ErrorKind::Unsupported.into())
}
