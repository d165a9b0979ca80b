//! The proxy's own sockets under the server of routes.

use std::io;

use meta_codec::Transport;
use meta_core::Address;
use meta_rds::server::Accept;
use tokio::net::{TcpStream, UnixStream};

use crate::socket::{Listening, Stream};

impl Accept for Listening {
    type Transport = Box<dyn Transport>;

    async fn accept(&mut self) -> io::Result<(Box<dyn Transport>, Address)> {
        let accepted = Self::accept(self).await?;
        let transport: Box<dyn Transport> = match accepted.stream {
            Stream::Tcp(stream) => Box::new(TcpStream::from_std(stream)?),
            Stream::Unix(stream) => Box::new(UnixStream::from_std(stream)?),
            Stream::Memory(stream) => Box::new(stream),
        };
        Ok((transport, accepted.remote))
    }
}
