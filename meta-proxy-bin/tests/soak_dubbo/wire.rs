//! Messages cut off a stream.

use bytes::BytesMut;
use codec_dubbo::wire::{Answer, Call, RequestBuilder, ResponseBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const HEAD_BYTES: usize = 16;

/// A message, as far as it matters here.
#[derive(Debug)]
pub(crate) enum Message {
    Call(Call),
    Answer(Answer),
    /// A heartbeat, its answer, or another event.
    Event,
}

impl Message {
    fn read(bytes: &[u8]) -> Self {
        let answer = || Answer::read(bytes).map(Self::Answer);
        let call = Call::read(bytes).map(Self::Call);
        call.or_else(answer).unwrap_or(Self::Event)
    }
}

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
    pub(crate) async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(length) = self.length() {
                return Some(Message::read(&self.read.split_to(length)));
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// The next answer; `None` at the end.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        loop {
            match self.receive().await? {
                Message::Answer(answer) => return Some(answer),
                Message::Call(call) => self.answer_to(&call).await,
                Message::Event => {}
            }
        }
    }

    /// Answers a call with its own text.
    pub(crate) async fn answer_to(&mut self, call: &Call) {
        if call.two_way {
            let answer = ResponseBuilder::value(text(call)).id(call.id);
            self.send(&answer.serialization(call.serialization).build())
                .await;
        }
    }

    /// The length of the message at the beginning, if it is whole.
    fn length(&self) -> Option<usize> {
        let head = self.read.first_chunk::<HEAD_BYTES>()?;
        let length = head.last_chunk().copied().map(u32::from_be_bytes)?;
        let length = HEAD_BYTES + length as usize;
        (self.read.len() >= length).then_some(length)
    }
}

/// The text of a call.
pub(crate) fn text(call: &Call) -> &str {
    let text = call.arguments.first().and_then(Option::as_deref);
    text.unwrap_or_default()
}

/// A call of `method`, to be completed.
pub(crate) fn call(method: &str, id: u64, text: &str) -> RequestBuilder {
    RequestBuilder::new("com.example.Soaked", method)
        .id(id)
        .argument(text)
}
