//! One end of a connection, message by message.

use std::{fmt, time::Duration};

use bytes::BytesMut;
use codec_dubbo::wire::{Answer, Call, RequestBuilder, ResponseBuilder, Serialization};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// What a test waits at most for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const HEAD_BYTES: usize = 16;
pub(crate) const REQUEST: u8 = 0x80;
pub(crate) const TWO_WAY: u8 = 0x40;
pub(crate) const EVENT: u8 = 0x20;

pub(crate) const GREETER: &str = "com.example.Greeter";

/// A call of [`GREETER`]'s `sayHello`, to be completed.
pub(crate) fn hello(id: u64) -> RequestBuilder {
    RequestBuilder::new(GREETER, "sayHello").id(id)
}

/// A call that says `text`.
pub(crate) fn say(id: u64, text: &str) -> Vec<u8> {
    hello(id).argument(text).build()
}

/// The answer `text` to `call`.
pub(crate) fn answer(call: &Frame, text: &str) -> Vec<u8> {
    let answer = ResponseBuilder::value(text).id(call.id());
    answer.serialization(call.serialization()).build()
}

/// One end of a connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    /// Sends; the peer may be gone, and then there is nothing to receive.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next message, which has to come.
    pub(crate) async fn next(&mut self) -> Frame {
        self.receive().await.expect("a message, not the end")
    }

    /// The next message; `None` at the end, however it comes.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        let received = timeout(PATIENCE, self.receive_or_wait()).await;
        received.expect("a message or the end, in time")
    }

    /// As [`Wire::receive`], without a limit. Cancel-safe.
    pub(crate) async fn receive_or_wait(&mut self) -> Option<Frame> {
        loop {
            if let Some(length) = total(&self.read) {
                return Some(Frame(self.read.split_to(length).to_vec()));
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// Waits for the end; nothing may come before it.
    pub(crate) async fn end(&mut self) {
        assert_eq!(self.receive().await, None);
    }

    /// Sends a call and waits for what comes back.
    pub(crate) async fn ask(&mut self, call: impl AsRef<[u8]>) -> Answer {
        self.send(call).await;
        self.next().await.answer()
    }

    /// The answer to a call that says `text`, which may not be an error.
    pub(crate) async fn say(&mut self, id: u64, text: &str) -> String {
        let answer = self.ask(say(id, text)).await;
        assert_eq!((answer.id, answer.status), (id, 20), "{answer:?}");
        said(&answer).to_owned()
    }

    /// Closes the sending side alone.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("it is open");
    }

    /// Goes away without a word.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("it is a socket");
    }
}

/// The length of the message at the beginning of `bytes`, if it is whole.
fn total(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<HEAD_BYTES>()?;
    assert_eq!(head[..2], [0xda, 0xbb], "{head:02x?}");
    let length = u32::from_be_bytes(*head.last_chunk().expect("there are 16")) as usize;
    (bytes.len() >= HEAD_BYTES + length).then_some(HEAD_BYTES + length)
}

/// The text of an answer that is a value.
pub(crate) fn said(answer: &Answer) -> &str {
    match &answer.value {
        Some(codec_dubbo::wire::Value::String(text)) => text,
        _ => panic!("no text: {answer:?}"),
    }
}

/// The status and the text of an error.
pub(crate) fn error(answer: &Answer) -> (u8, &str) {
    let text = answer.error.as_deref();
    (answer.status, text.expect("an error's text"))
}

/// A whole message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl Frame {
    pub(crate) fn id(&self) -> u64 {
        u64::from_be_bytes(*self.0[4..].first_chunk().expect("it is whole"))
    }

    /// The same message under another id.
    pub(crate) fn with_id(&self, id: u64) -> Self {
        let mut bytes = self.0.clone();
        bytes[4..12].copy_from_slice(&id.to_be_bytes());
        Self(bytes)
    }

    /// The flags, without the serialization's number.
    pub(crate) fn flags(&self) -> u8 {
        self.0[2] & !0x1f
    }

    pub(crate) fn serialization(&self) -> Serialization {
        match self.0[2] & 0x1f {
            2 => Serialization::Hessian2,
            23 => Serialization::Fastjson2,
            number => Serialization::Other(number),
        }
    }

    /// What it calls.
    pub(crate) fn call(&self) -> Call {
        Call::read(&self.0).unwrap_or_else(|| panic!("no call: {self:?}"))
    }

    /// What it answers.
    pub(crate) fn answer(&self) -> Answer {
        Answer::read(&self.0).unwrap_or_else(|| panic!("no answer: {self:?}"))
    }

    /// The text of a call by [`say`].
    pub(crate) fn text(&self) -> String {
        let call = self.call();
        let text = call.arguments.into_iter().next().flatten();
        text.expect("an argument that is a text")
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.0.get(..200).unwrap_or(&self.0);
        write!(f, "{} bytes: ", self.0.len())?;
        begin.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
