//! A socket, with or without TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::SERVER_NAME;

/// A socket, and the TLS session on it if there is one.
#[derive(Debug)]
pub(crate) struct Stream<S> {
    pub(crate) socket: S,
    session: Option<Box<Connection>>,
}

impl<S: Read + Write> Stream<S> {
    /// The client's end. With TLS the socket has to be blocking still: this makes
    /// the handshake.
    pub(crate) fn client(mut socket: S, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let Some(config) = tls else {
            return Ok(Self {
                socket,
                session: None,
            });
        };
        let name = SERVER_NAME.try_into().map_err(io::Error::other)?;
        let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        let mut session = Connection::from(session);
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Self {
            socket,
            session: Some(Box::new(session)),
        })
    }

    /// The server's end; the handshake is made by reads and flushes.
    pub(crate) fn server(socket: S, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let session = match tls {
            Some(config) => Some(ServerConnection::new(config.clone()).map_err(io::Error::other)?),
            None => None,
        };
        Ok(Self {
            socket,
            session: session.map(|session| Box::new(session.into())),
        })
    }
}

impl<S> Stream<S> {
    /// The same with the socket in another guise.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Stream<T> {
        Stream {
            socket: change(self.socket),
            session: self.session,
        }
    }
}

impl<S: Read> Read for Stream<S> {
    /// As with a socket, a read that leaves room has emptied it: the session holds no
    /// more then.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            return self.socket.read(buffer);
        };
        let (mut taken, mut is_drained) = (0, false);
        loop {
            match session.reader().read(&mut buffer[taken..]) {
                // The peer has said goodbye.
                Ok(0) if taken < buffer.len() => return Ok(taken),
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(taken),
                Err(error) => return Err(error),
            }
            if taken == buffer.len() || taken > 0 && is_drained {
                return Ok(taken);
            }
            if !session.wants_read() {
                // The handshake: it is for us to write.
                return Err(ErrorKind::WouldBlock.into());
            }
            let mut watched = Watched {
                socket: &mut self.socket,
                is_drained: false,
            };
            match session.read_tls(&mut watched) {
                Ok(_) => is_drained = watched.is_drained,
                Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => {
                    return Ok(taken);
                }
                Err(error) => return Err(error),
            }
            let state = session.process_new_packets();
            state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl<S: Write> Write for Stream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let Some(session) = &mut self.session else {
            return self.socket.write(bytes);
        };
        let taken = session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Writes what the session holds.
    fn flush(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        while session.wants_write() {
            session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

/// Notes whether a read left room, and so emptied the socket.
struct Watched<'a, S> {
    socket: &'a mut S,
    is_drained: bool,
}

impl<S: Read> Read for Watched<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.is_drained = count < buffer.len();
        Ok(count)
    }
}
