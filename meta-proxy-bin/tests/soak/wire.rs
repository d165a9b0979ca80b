//! Messages cut off a stream, in whatever form they are.

use bytes::{Buf, BytesMut};
use codec_thrift::wire::{MessageBuilder, MessageType, Parsed, Transport};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One end of a connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    /// Sends; the peer may be gone, and then there is nothing to receive.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next message; `None` at the end, however it comes. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> Option<Parsed> {
        loop {
            if let Some(message) = self.cut() {
                return Some(message);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    fn cut(&mut self) -> Option<Parsed> {
        let message = Parsed::read(&self.read)?;
        let length = match message.form.transport {
            Transport::Framed => {
                4 + self.read.first_chunk().copied().map(u32::from_be_bytes)? as usize
            }
            _ => rebuild(&message)?.len(),
        };
        let message = Parsed::read(self.read.get(..length)?)?;
        self.read.advance(length);
        Some(message)
    }
}

/// The bytes of a message of those that are used here; `None` while its fields
/// are not all there.
fn rebuild(message: &Parsed) -> Option<Vec<u8>> {
    let builder = MessageBuilder::new(message.form, message.kind, &*message.name);
    let builder = match message.kind {
        MessageType::Reply => builder.string(0, message.string(0)?),
        MessageType::Exception => builder
            .string(1, message.string(1)?)
            .int(2, message.int(2)?),
        _ => builder.string(1, message.string(1)?),
    };
    Some(builder.seqid(message.seqid).build())
}
