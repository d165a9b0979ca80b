//! The codec: all that a protocol has to implement.

use std::{fmt, num::NonZeroUsize};

use bytes::BytesMut;

use crate::{
    frame_buf::FrameBuf,
    limits::Limits,
    local_reply::LocalReply,
    message::Message,
    metadata::Metadata,
    mutation::Mutation,
    wire::{WireForm, WireId},
};

/// Makes codecs of one protocol; what a codec crate registers.
pub trait CodecFactory: Send + Sync + 'static {
    /// The protocol's registered name, such as `aeraki.meta_protocol.codec.thrift`.
    fn name(&self) -> &str;

    /// What the protocol can do; it decides how connections are driven.
    fn capabilities(&self) -> &Capabilities;

    /// Whether upstream connections of this form are shared, where the configuration
    /// does not say. Default: as all forms are ([`Capabilities::sharing`]).
    fn sharing(&self, form: WireForm) -> Sharing {
        let _ = form;
        self.capabilities().sharing
    }

    /// A codec for one side of one connection. It may keep state.
    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec>;
}

/// One protocol on one side of one connection.
///
/// All methods are synchronous and never block. A codec must not panic,
/// whatever the bytes; a length must be capped before anything is allocated.
pub trait Codec: Send {
    /// Takes at most one whole message off the front of `src`, or says how many
    /// bytes it needs in all, where it knows.
    ///
    /// `src` is left as it was unless a message is returned. Called again only
    /// with more bytes than before, or after a message. A codec that walks its
    /// messages may remember how far it came.
    ///
    /// # Errors
    ///
    /// After an error the stream cannot be read any further, since nothing tells
    /// where the next message begins; unless the error tells it itself
    /// ([`CodecError::with_skip`]): then the driver skips this message, and calls
    /// again with what follows it. Where the head was readable enough to tell whose
    /// message it is, the error carries it ([`CodecError::with_message`]): the caller
    /// of a refused request is told, and of a refused response that can be skipped
    /// only the call that it answers fails.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError>;

    /// Writes `message` with the mutation applied, under the id the context names.
    ///
    /// An untouched message leaves byte for byte as it came, but for its id. A
    /// mutation rewrites the header area and the length fields alone; the body
    /// goes out as a slice of the frame it came in.
    ///
    /// # Errors
    ///
    /// What was written to `dst` is taken back by the caller.
    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError>;

    /// Writes the reply that tells the caller of `request` what went wrong, in
    /// the protocol's own form and under the request's own id.
    ///
    /// Writes nothing where the caller waits for nothing: one-way calls.
    ///
    /// # Errors
    ///
    /// As [`Codec::encode`].
    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError>;

    /// Writes a ping, a pong, a goodbye or a stream reset; `false` where the
    /// protocol has none. A goodbye may be put off, so that the peer is told with
    /// what is written to it next.
    ///
    /// # Errors
    ///
    /// As [`Codec::encode`].
    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        let _ = (control, dst);
        Ok(false)
    }
}

/// What [`Codec::decode`] found.
#[derive(Debug)]
pub enum Decoded {
    /// A whole message, taken off the buffer.
    Message(Message),
    /// More bytes are needed: this many in all, where the codec knows. The buffer
    /// that the rest is read into gets exactly that size.
    Need(Option<NonZeroUsize>),
}

impl Decoded {
    /// `bytes` in all are needed.
    pub fn need(bytes: usize) -> Self {
        Self::Need(NonZeroUsize::new(bytes))
    }
}

/// What [`Codec::encode`] needs to know besides the message.
#[derive(Clone, Copy, Debug)]
pub struct EncodeContext<'a> {
    /// The id to write.
    pub id: WireId,
    /// The changes to apply.
    pub mutation: &'a Mutation,
    /// For a response: the request that the peer sent, for what has to be
    /// restored besides the id.
    pub request: Option<&'a Metadata>,
}

/// What [`Codec::encode`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The whole message, mutation and all.
    Whole,
    /// The message, but this form has no room for the mutation: counted, and
    /// warned of once.
    WithoutMutation,
}

/// Which peer a codec faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It reads requests and writes responses.
    Downstream,
    /// It writes requests and reads responses.
    Upstream,
}

/// What a codec may be asked to write on its own account.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Control<'a> {
    /// A heartbeat.
    Ping {
        /// Its id.
        id: WireId,
    },
    /// The answer to a heartbeat.
    Pong {
        /// What it answers.
        ping: &'a Metadata,
    },
    /// "Send no new requests": the proxy drains.
    Goodbye,
    /// The end of a stream that cannot go on.
    StreamReset {
        /// The stream.
        stream_id: u64,
    },
}

/// What a protocol can do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// How a response finds its request.
    pub correlation: Correlation,
    /// Whether upstream connections are shared where the configuration does not
    /// say.
    pub sharing: Sharing,
    /// The protocol has heartbeats.
    pub heartbeat: bool,
    /// The protocol has streams.
    pub streams: bool,
    /// Servers send requests of their own (callbacks).
    pub server_requests: bool,
    /// The server speaks first; a connection begins with its greeting.
    pub server_first: bool,
    /// Some clients send one-way calls that look like calls, so that no answer
    /// ever comes (Go's Thrift).
    pub disguised_one_way: bool,
}

impl Capabilities {
    /// A protocol of the given correlation and sharing, and nothing else.
    pub const fn new(correlation: Correlation, sharing: Sharing) -> Self {
        Self {
            correlation,
            sharing,
            heartbeat: false,
            streams: false,
            server_requests: false,
            server_first: false,
            disguised_one_way: false,
        }
    }
}

/// How a response finds its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correlation {
    /// By the id that both carry. Responses may come in any order; among equal
    /// ids in flight on one connection they leave in request order.
    ById(IdSpace),
    /// By order: the n-th response answers the n-th request.
    InOrder,
    /// There is no second request before the first response.
    OneAtATime,
}

/// The ids that the proxy may choose from for its own requests: `1..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdSpace {
    /// The largest id.
    pub last: u64,
}

/// Whether many clients' requests travel on one upstream connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each exchange has an upstream connection to itself while it lasts.
    Exclusive,
    /// All requests to an endpoint share a connection, under ids of the proxy's
    /// own, or pipelined in order.
    Shared,
}

/// Why bytes could not be decoded, or a message not be encoded.
#[derive(Debug)]
pub struct CodecError {
    kind: CodecErrorKind,
    detail: std::borrow::Cow<'static, str>,
    offset: Option<usize>,
    message: Option<Box<Metadata>>,
    skip: Option<u64>,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// Not this protocol, or not one of its forms.
    Malformed,
    /// Over a limit.
    TooLarge,
    /// Well-formed, but a form that is not carried.
    Unsupported,
    /// Read well, and not to be passed on: it says two things at once, so that it
    /// would be routed by one and acted on by the other.
    Refused,
    /// The message cannot be written in this form.
    Encode,
}

impl CodecError {
    /// An error of the given kind; `detail` says what was found and what was
    /// expected.
    pub fn new(kind: CodecErrorKind, detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            offset: None,
            message: None,
            skip: None,
        }
    }

    /// Bytes that are not of this protocol.
    pub fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(CodecErrorKind::Malformed, detail)
    }

    /// A message over a limit.
    pub fn too_large(what: &str, bytes: u64, limit: usize) -> Self {
        Self::new(
            CodecErrorKind::TooLarge,
            format!("{what} of {bytes} bytes is over the limit of {limit}"),
        )
    }

    /// Adds where in the message the error stands.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Adds what was readable of the message, so that a request can be answered
    /// and a response find its call: its kind and id at least.
    #[must_use]
    pub fn with_message(mut self, metadata: Metadata) -> Self {
        self.message = Some(Box::new(metadata));
        self
    }

    /// Adds how long the message is in all: it can be skipped, and the
    /// connection goes on behind it.
    #[must_use]
    pub fn with_skip(mut self, message_bytes: u64) -> Self {
        self.skip = Some(message_bytes);
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> CodecErrorKind {
        self.kind
    }

    /// How many bytes from the message's beginning to skip, where that helps.
    pub fn skip(&self) -> Option<u64> {
        self.skip
    }

    /// Where in the message, in bytes from its beginning.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// What was readable of the message.
    pub fn message(&self) -> Option<&Metadata> {
        self.message.as_deref()
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CodecError {}
