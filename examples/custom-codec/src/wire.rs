//! Frames, for who speaks Parcel without a proxy: tests, tools, servers.

use bytes::{Bytes, BytesMut};

pub use crate::head::Kind;
use crate::{
    head::{HEAD_BYTES, Head},
    texts::{self, Texts},
};

/// One frame.
///
/// ```
/// use bytes::BytesMut;
/// use codec_parcel::wire::{Frame, Kind};
///
/// let call = Frame::call(7, "Greeter", "hello").header("tenant", "gold").body("world");
/// let mut bytes = BytesMut::from(&call.build()[..]);
/// assert_eq!(Frame::take(&mut bytes), Some(call));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Its id; an answer has that of its call.
    pub id: u32,
    /// Of calls the timeout in milliseconds, of errors the code.
    pub number: u32,
    /// Service and method; of calls alone.
    pub names: Option<(String, String)>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
}

impl Frame {
    /// A frame of that kind and id, with nothing in it.
    pub fn new(kind: Kind, id: u32) -> Self {
        Self {
            kind,
            id,
            number: 0,
            names: kind.is_call().then(Default::default),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A call that wants an answer.
    pub fn call(id: u32, service: &str, method: &str) -> Self {
        Self {
            names: Some((service.to_owned(), method.to_owned())),
            ..Self::new(Kind::Call, id)
        }
    }

    /// A call that wants none.
    pub fn one_way(id: u32, service: &str, method: &str) -> Self {
        Self {
            kind: Kind::OneWay,
            ..Self::call(id, service, method)
        }
    }

    /// The good answer to the call of that id.
    pub fn result(id: u32, body: impl Into<Bytes>) -> Self {
        Self::new(Kind::Result, id).body(body)
    }

    /// The bad answer to the call of that id.
    pub fn error(id: u32, code: u32, text: &str) -> Self {
        Self::new(Kind::Error, id)
            .number(code)
            .body(text.to_owned())
    }

    /// Sets a call's timeout in milliseconds, an error's code.
    #[must_use]
    pub fn number(mut self, number: u32) -> Self {
        self.number = number;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The value of the last header `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.headers.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The method, where it is a call.
    pub fn method(&self) -> Option<&str> {
        self.names.as_ref().map(|(_, method)| method.as_str())
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// If its names and headers are longer than 65,535 bytes, or all of it is
    /// longer than 4 GiB.
    pub fn build(&self) -> Vec<u8> {
        let mut block = Vec::new();
        for (one, other) in self.names.iter().chain(&self.headers) {
            for text in [one, other] {
                texts::put(&mut block, text).expect("a text fits 16 bits");
            }
        }
        let head = Head::write(
            self.kind,
            self.id,
            self.number,
            block.len(),
            self.body.len(),
        )
        .expect("a frame fits its length fields");
        [&head[..], &block, &self.body].concat()
    }

    /// Takes one frame off the front of `src`; `None` where it is not whole yet.
    ///
    /// # Panics
    ///
    /// If the bytes are not of this protocol. A server that faces strangers uses the
    /// codec, which does not.
    pub fn take(src: &mut BytesMut) -> Option<Self> {
        let head = Head::parse(src.first_chunk()?).expect("a frame's head");
        if src.len() < head.total {
            return None;
        }
        let frame = src.split_to(head.total).freeze();
        let mut texts = Texts::new(&frame[..head.body_at], HEAD_BYTES);
        let mut text = || {
            let range = texts.next_range().expect("a text");
            let is_last = texts.is_empty();
            (String::from_utf8_lossy(&frame[range]).into_owned(), is_last)
        };
        let mut pairs = Vec::new();
        let mut is_last = head.body_at == HEAD_BYTES;
        while !is_last {
            let (key, _) = text();
            let (value, last) = text();
            pairs.push((key, value));
            is_last = last;
        }
        let names = head.kind.is_call().then(|| pairs.remove(0));
        Some(Self {
            kind: head.kind,
            id: head.id,
            number: head.number,
            names,
            headers: pairs,
            body: frame.slice(head.body_at..),
        })
    }
}
