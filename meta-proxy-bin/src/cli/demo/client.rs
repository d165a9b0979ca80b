//! A client.

use std::time::{Duration, Instant};

use anyhow::bail;
use meta_core::Address;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    protocol::{Call, Protocol, connect},
    server::read_message,
};

/// A connection on which one call is made after the other.
pub(super) struct Client<P> {
    protocol: P,
    stream: TcpStream,
    number: u32,
}

/// What a server said, and how long that took.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) latency: Duration,
}

impl Answer {
    /// Which server said it.
    pub(super) fn version(&self) -> &str {
        self.text.rsplit(' ').next().unwrap_or_default()
    }
}

impl<P: Protocol> Client<P> {
    pub(super) async fn connect(protocol: P, address: &Address) -> anyhow::Result<Self> {
        let Address::Ip(address) = address else {
            bail!("this client speaks TCP, which {address} is not");
        };
        Ok(Self {
            protocol,
            stream: connect(*address).await?,
            number: 0,
        })
    }

    pub(super) async fn call(&mut self, call: &Call) -> anyhow::Result<Answer> {
        self.number += 1;
        let bytes = self.protocol.write_call(self.number, call);
        let began = Instant::now();
        self.stream.write_all(&bytes).await?;
        let answer = read_message(self.protocol, &mut self.stream).await?;
        let latency = began.elapsed();
        let text = self.protocol.read_answer(self.number, &answer)?;
        Ok(Answer { text, latency })
    }
}
