//! Frames of the toy protocol, for tests that speak it without the codec.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use meta_core::{Event, MessageKind};

/// The length of what precedes the headers.
pub(super) const HEAD_BYTES: usize = 20;

/// The offset behind the length field, from which the length counts.
pub(super) const LENGTH_END: usize = 8;

/// One frame of the toy protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is. On the wire: 0 request, 1 one-way, 2 response, 3 ping, 4 pong,
    /// 5 drain, 6 resume, 7 other event, 8 stream begins, 9 stream goes on, 10
    /// stream ends.
    pub kind: MessageKind,
    /// Its id; the stream's for frames of a stream.
    pub id: u64,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Frame {
    /// A frame without headers.
    pub fn new(kind: MessageKind, id: u64, body: impl Into<Bytes>) -> Self {
        Self {
            kind,
            id,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// A request without headers.
    pub fn request(id: u64, body: impl Into<Bytes>) -> Self {
        Self::new(MessageKind::Request, id, body)
    }

    /// A good response without headers.
    pub fn response(id: u64, body: impl Into<Bytes>) -> Self {
        Self::new(MessageKind::Response, id, body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }

    /// The value of the last header `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.headers.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The frame's bytes.
    ///
    /// # Panics
    ///
    /// If a header is longer than 65,535 bytes or all are longer than 4 GiB.
    pub fn encode(&self) -> Vec<u8> {
        let mut headers = Vec::new();
        for (key, value) in &self.headers {
            for text in [key, value] {
                headers.put_u16(u16::try_from(text.len()).expect("a header fits 16 bits"));
                headers.put_slice(text.as_bytes());
            }
        }
        let length = HEAD_BYTES - LENGTH_END + headers.len() + self.body.len();
        let mut bytes = Vec::with_capacity(LENGTH_END + length);
        bytes.put_slice(b"TY");
        bytes.put_u8(kind_byte(self.kind));
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).expect("a frame fits 32 bits"));
        bytes.put_u64(self.id);
        bytes.put_u32(u32::try_from(headers.len()).expect("headers fit 32 bits"));
        bytes.put_slice(&headers);
        bytes.put_slice(&self.body);
        bytes
    }

    /// Takes one frame off the front of `src`; `None` where it is not whole yet.
    ///
    /// # Panics
    ///
    /// If the bytes are not of this protocol.
    pub fn decode(src: &mut BytesMut) -> Option<Self> {
        let length = src.get(4..LENGTH_END)?.get_u32() as usize;
        if src.len() < LENGTH_END + length {
            return None;
        }
        let mut frame = src.split_to(LENGTH_END + length).freeze();
        assert_eq!(frame.get_u16(), u16::from_be_bytes(*b"TY"), "wrong magic");
        let kind = kind_of(frame.get_u8()).expect("a known kind");
        frame.advance(5);
        let id = frame.get_u64();
        let length = frame.get_u32() as usize;
        let mut block = frame.split_to(length);
        let mut headers = Vec::new();
        let text = |block: &mut Bytes| {
            let length = usize::from(block.get_u16());
            String::from_utf8(block.split_to(length).to_vec()).expect("headers are UTF-8")
        };
        while block.has_remaining() {
            let key = text(&mut block);
            headers.push((key, text(&mut block)));
        }
        Some(Self {
            kind,
            id,
            headers,
            body: frame,
        })
    }
}

/// All kinds, each at the index that stands for it on the wire.
const KINDS: [MessageKind; 11] = [
    MessageKind::Request,
    MessageKind::OneWay,
    MessageKind::Response,
    MessageKind::Ping,
    MessageKind::Pong,
    MessageKind::Event(Event::Drain),
    MessageKind::Event(Event::Resume),
    MessageKind::Event(Event::Other),
    MessageKind::StreamInit,
    MessageKind::StreamData,
    MessageKind::StreamClose,
];

pub(super) fn kind_of(byte: u8) -> Option<MessageKind> {
    KINDS.get(usize::from(byte)).copied()
}

pub(super) fn kind_byte(kind: MessageKind) -> u8 {
    let at = KINDS.iter().position(|k| *k == kind);
    at.and_then(|at| u8::try_from(at).ok())
        .expect("every kind has its byte")
}
