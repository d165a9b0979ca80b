//! A Thrift client.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use codec_thrift::wire::{Form, MessageBuilder, MessageType, Parsed, Protocol, Transport};
use meta_core::Address;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::server::read_frame;

/// A connection on which one call is made after the other.
pub(super) struct Client {
    stream: TcpStream,
    seqid: i32,
}

/// What a server said, and how long that took.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) latency: Duration,
}

impl Client {
    pub(super) async fn connect(address: &Address) -> anyhow::Result<Self> {
        let Address::Ip(address) = address else {
            bail!("this client speaks TCP, which {address} is not");
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, seqid: 0 })
    }

    pub(super) async fn call(&mut self, method: &str, name: &str) -> anyhow::Result<Answer> {
        self.seqid += 1;
        let form = Form::new(Transport::Framed, Protocol::Binary);
        let call = MessageBuilder::call(form, method)
            .seqid(self.seqid)
            .string(1, name);
        let began = Instant::now();
        self.stream.write_all(&call.build()).await?;
        let reply = read_frame(&mut self.stream).await?;
        let latency = began.elapsed();
        let reply = Parsed::read(&reply).context("the reply is no Thrift message")?;
        if let Some((kind, text)) = reply.exception() {
            bail!("{method} failed: {text} (type {kind})");
        }
        if (reply.kind, reply.seqid) != (MessageType::Reply, self.seqid) {
            bail!("the reply to {method} is the reply to something else");
        }
        let text = reply.string(0).context("the reply has no result")?;
        Ok(Answer {
            text: text.to_owned(),
            latency,
        })
    }
}
