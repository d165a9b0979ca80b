//! Sockets that are bound, and do not listen yet.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
};

use meta_core::Address;

use crate::{
    config::ListenerConfig,
    error::StartError,
    listener::Listener,
    socket::{Bound, ListenSocket},
    supervisor::Site,
};

/// A listener that has its addresses and does not listen yet.
pub(super) struct Opening {
    pub(super) listener: Arc<Listener>,
    pub(super) sockets: Vec<(Address, Bound)>,
}

impl Opening {
    /// Binds the sockets of a listener; `tell` hears of each address, and whether it
    /// stands for those of IPv4 too.
    pub(super) fn bind(
        listener: Arc<Listener>,
        socket: ListenSocket,
        mut tell: impl FnMut(&Address, bool),
    ) -> Result<Self, StartError> {
        let mut sockets = Vec::new();
        for part in socket.into_parts() {
            let (wanted, takes_ipv4) = (part.describe(), part.takes_ipv4());
            let bound = part.bind().and_then(|socket| {
                let address = socket.address()?;
                Ok((address, socket))
            });
            match bound {
                Ok((address, socket)) => {
                    tell(&address, takes_ipv4);
                    sockets.push((address, socket));
                }
                Err(source) => return Err(listen_error(&listener, wanted, source)),
            }
        }
        Ok(Self { listener, sockets })
    }

    pub(super) fn site(&self) -> Site {
        let sockets = self.sockets.iter();
        Site {
            addresses: sockets.map(|(address, _)| address.clone()).collect(),
            listens: self.sockets.iter().any(|(_, socket)| socket.listens()),
        }
    }
}

pub(super) fn listen_error(listener: &Listener, address: String, source: io::Error) -> StartError {
    StartError::Listen {
        listener: listener.config.name.clone(),
        address,
        source,
    }
}

pub(super) fn bind_admin(socket: ListenSocket) -> Result<(Bound, Address), StartError> {
    let nowhere = || admin_error(String::new(), io::ErrorKind::InvalidInput.into());
    let part = socket.into_parts().next().ok_or_else(nowhere)?;
    let wanted = part.describe();
    let bound = part.bind().and_then(|socket| {
        let address = socket.address()?;
        Ok((socket, address))
    });
    bound.map_err(|source| admin_error(wanted, source))
}

pub(super) fn admin_error(address: String, source: io::Error) -> StartError {
    StartError::Admin { address, source }
}

/// Gives each listener its socket.
pub(super) fn pair(
    listeners: Vec<ListenerConfig>,
    sockets: Vec<(Arc<str>, ListenSocket)>,
) -> Result<Vec<(ListenerConfig, ListenSocket)>, StartError> {
    if listeners.is_empty() {
        return Err(StartError::NoListener);
    }
    let mut by_name = HashMap::with_capacity(sockets.len());
    for (listener, socket) in sockets {
        if by_name.insert(listener.clone(), socket).is_some() {
            return Err(StartError::DuplicateListener { listener });
        }
    }
    let mut names = HashSet::with_capacity(listeners.len());
    let mut pairs = Vec::with_capacity(listeners.len());
    for config in listeners {
        let listener = config.name.clone();
        if !names.insert(listener.clone()) {
            return Err(StartError::DuplicateListener { listener });
        }
        match by_name.remove(&listener) {
            Some(socket) => pairs.push((config, socket)),
            None => return Err(StartError::NoSocket { listener }),
        }
    }
    match by_name.into_keys().next() {
        Some(listener) => Err(StartError::UnknownListener { listener }),
        None => Ok(pairs),
    }
}
