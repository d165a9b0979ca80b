//! Metadata: what the decoder read.

use std::{any::Any, borrow::Cow, fmt, sync::Arc, time::Duration};

use crate::{
    attributes::{Attributes, Text},
    wire::{WireForm, WireId},
};

mod shared;

pub use shared::SharedMetadata;

/// What a message is to the exchange it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// A call that wants an answer.
    Request,
    /// A call that wants none.
    OneWay,
    /// The answer to a call, good or bad.
    Response,
    /// A heartbeat that wants an answer.
    Ping,
    /// The answer to a heartbeat.
    Pong,
    /// Word about the connection itself.
    Event(Event),
    /// Opens the stream `Metadata::stream_id`.
    StreamInit,
    /// Data or flow control within a stream.
    StreamData,
    /// Ends a stream, in order or by a reset.
    StreamClose,
}

impl MessageKind {
    /// Whether this kind begins an exchange: a request or a one-way call.
    pub fn is_call(self) -> bool {
        matches!(self, Self::Request | Self::OneWay)
    }

    /// Whether this kind belongs to a stream.
    pub fn is_stream(self) -> bool {
        matches!(
            self,
            Self::StreamInit | Self::StreamData | Self::StreamClose
        )
    }
}

/// Word about a connection, from the peer that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// Send no new requests on this connection; those in flight will end.
    /// (Dubbo's read-only event, a GOAWAY.)
    Drain,
    /// New requests are welcome again.
    Resume,
    /// Anything else; it stays on the connection it came by.
    Other,
}

/// How a call ended, as its response tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// A result; requests have this status too.
    #[default]
    Ok,
    /// The service itself refused: an exception that its interface declares, a
    /// business status.
    BusinessException,
    /// The framework refused: unknown method, overload, an undeclared exception.
    Error,
}

/// The name of an operation: one string, or a service and a method.
#[derive(Clone, Debug, Default)]
enum Operation {
    #[default]
    None,
    /// That of an attribute.
    Attribute(&'static str),
    Whole(Text),
    Of {
        service: Text,
        method: Text,
    },
}

/// What a decoder read off a message; used for routing, by filters, access logs,
/// statistics and [`Codec::on_error`](crate::Codec::on_error).
///
/// Shared as [`SharedMetadata`], immutable once decoded, and still there after the call
/// has consumed the request.
#[derive(Debug)]
pub struct Metadata {
    /// What the message is.
    pub kind: MessageKind,
    /// The id it came under; 0 where the protocol has none.
    pub id: WireId,
    /// The stream it belongs to.
    pub stream_id: Option<u64>,
    /// How the call ended, on responses.
    pub status: Status,
    /// How long its sender is willing to wait from the moment it was sent.
    /// `None`: it did not say. The proxy never waits longer than this.
    pub timeout: Option<Duration>,
    /// Whether the message binds its sender to one upstream connection: it
    /// registers a callback, opens a transaction, authenticates. From then on
    /// the client has upstream connections of its own; see
    /// [`Session`](crate::Session).
    pub binds_session: bool,
    /// Whether its sender asks that nothing more be sent on the connection it came
    /// by: an upstream connection is not used again, and closed once nothing is in
    /// flight on it. That says nothing about other connections, so an encoder does
    /// not pass it on.
    pub ends_connection: bool,
    /// The form of the bytes around it: connections of unlike forms are never
    /// shared.
    pub form: WireForm,
    /// Bytes up to where the body begins, as far as the protocol tells.
    pub header_bytes: usize,
    /// Bytes in all.
    pub total_bytes: usize,
    /// The string pairs read.
    pub attributes: Attributes,
    /// What the codec wants to remember of this message; nobody else reads it.
    pub slot: CodecSlot,
    operation: Operation,
}

/// Metadata of a request of id 0.
impl Default for Metadata {
    fn default() -> Self {
        Self::new(MessageKind::Request, WireId(0))
    }
}

impl Metadata {
    /// Metadata of a message without attributes.
    #[inline]
    pub fn new(kind: MessageKind, id: WireId) -> Self {
        Self {
            kind,
            id,
            stream_id: None,
            status: Status::Ok,
            timeout: None,
            binds_session: false,
            ends_connection: false,
            form: WireForm::default(),
            header_bytes: 0,
            total_bytes: 0,
            attributes: Attributes::new(),
            slot: CodecSlot::default(),
            operation: Operation::None,
        }
    }

    /// Says that the attribute under `key` names the operation.
    pub fn set_operation_attribute(&mut self, key: &'static str) {
        self.operation = Operation::Attribute(key);
    }

    /// Names the operation by one string, as Thrift does.
    pub fn set_operation(&mut self, name: impl Into<Text>) {
        let name = self.attributes.check(name.into());
        self.operation = Operation::Whole(name);
    }

    /// Names the operation `service/method`, as Dubbo does.
    pub fn set_service_operation(&mut self, service: impl Into<Text>, method: impl Into<Text>) {
        let service = self.attributes.check(service.into());
        let method = self.attributes.check(method.into());
        self.operation = Operation::Of { service, method };
    }

    /// The operation's name, for spans and metrics; empty where unknown.
    pub fn operation(&self) -> Cow<'_, str> {
        let text = |text| self.attributes.text(text);
        match &self.operation {
            Operation::None => Cow::Borrowed(""),
            Operation::Attribute(key) => Cow::Borrowed(self.get(key).unwrap_or_default()),
            Operation::Whole(name) => Cow::Borrowed(text(name)),
            Operation::Of { service, method } => {
                Cow::Owned(format!("{}/{}", text(service), text(method)))
            }
        }
    }

    /// The attribute under `key`; see [`Attributes::get`].
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)
    }
}

/// Room in [`Metadata`] that belongs to the codec: two words inline, and a box
/// for what needs more.
#[derive(Clone, Default)]
pub struct CodecSlot {
    words: [u64; 2],
    value: Option<Arc<dyn Any + Send + Sync>>,
}

impl CodecSlot {
    /// A slot that holds two words and no value.
    pub fn from_words(words: [u64; 2]) -> Self {
        Self { words, value: None }
    }

    /// The two words; zero until set.
    pub fn words(&self) -> [u64; 2] {
        self.words
    }

    /// Sets the two words.
    pub fn set_words(&mut self, words: [u64; 2]) {
        self.words = words;
    }

    /// The value, if it is a `T`.
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.value.as_deref()?.downcast_ref()
    }

    /// Sets the value; this allocates.
    pub fn set_value<T: Any + Send + Sync>(&mut self, value: T) {
        self.value = Some(Arc::new(value));
    }
}

impl fmt::Debug for CodecSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodecSlot")
            .field("words", &self.words)
            .field("value", &self.value.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn operation_is_composed_only_when_asked_for() {
        let mut metadata = Metadata::new(MessageKind::Request, WireId(1));
        assert_eq!(metadata.operation(), "");
        metadata.attributes = Attributes::with_head(Bytes::from_static(b"Greeter.hello"));
        metadata.set_operation(Text::span(8..13));
        assert_eq!(metadata.operation(), "hello");
        metadata.set_operation_attribute("method");
        assert_eq!(metadata.operation(), "");
        metadata.attributes.insert("method", "greet");
        assert_eq!(metadata.operation(), "greet");
        metadata.set_service_operation(Text::span(0..7), Text::span(8..13));
        assert_eq!(metadata.operation(), "Greeter/hello");
    }

    #[test]
    fn metadata_stay_small() {
        assert!(size_of::<Metadata>() <= 384, "{}", size_of::<Metadata>());
    }
}
