//! A made-up protocol that can do everything, and a codec for it.
//!
//! For tests of what drives codecs, and as the example that passes the kit. A
//! frame is, big-endian:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 2 | magic `TY` |
//! | 2 | 1 | kind: see [`Frame::kind`] |
//! | 3 | 1 | 0 |
//! | 4 | 4 | length: bytes behind this field, at least 12 |
//! | 8 | 8 | id |
//! | 16 | 4 | length of the headers |
//! | 20 | | headers: 2 bytes length, key, 2 bytes length, value; and so on |
//! | | | body, to the end of the frame |
//!
//! Every header is an attribute and can be mutated. Some mean something:
//!
//! | header | meaning |
//! |---|---|
//! | `method` | the operation, `service/method` where there is a `service` too |
//! | `status` | of a response: `business` for a business exception, `error` for an error |
//! | `timeout-ms` | how long the sender waits |
//! | `binds-session` | any value: the message binds its sender to one upstream connection |
//! | `ends-connection` | any value: the sender wants nothing more on this connection |
//! | `form` | a number: the wire form |
//!
//! Frames of a stream carry the stream's number as their id. Where [`Toy`] is made
//! for a protocol without ids, the codec neither reads nor writes the id: what a
//! client put there reaches the server, so that tests can tell frames apart.
//!
//! ```
//! use bytes::BytesMut;
//! use meta_codec_test::toy::{Frame, Toy};
//! use meta_core::{CodecFactory, Decoded, Limits, Role};
//!
//! let call = Frame::request(7, "hello").header("method", "greet");
//! let mut bytes = BytesMut::from(&call.encode()[..]);
//! let mut codec = Toy::by_id().codec(Role::Downstream, &Limits::default());
//! let Ok(Decoded::Message(message)) = codec.decode(&mut bytes) else { panic!("a whole frame") };
//! assert_eq!(message.metadata.get("method"), Some("greet"));
//! assert_eq!(Frame::decode(&mut BytesMut::from(&message.frame[..])), Some(call));
//! ```

mod codec;
mod frame;

use meta_core::{
    Capabilities, Codec, CodecFactory, Correlation, IdSpace, Limits, Role, Sharing, WireForm,
};

use self::codec::ToyCodec;
pub use self::frame::Frame;

/// Makes codecs of the toy protocol, in the variant its capabilities describe.
#[derive(Clone, Debug)]
pub struct Toy {
    capabilities: Capabilities,
    shared_form: Option<WireForm>,
}

impl Toy {
    /// The variant of the given capabilities.
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            shared_form: None,
        }
    }

    /// Responses carry the id of their request; connections are shared. With
    /// heartbeats, streams and requests from the server.
    pub fn by_id() -> Self {
        let ids = Correlation::ById(IdSpace {
            last: u32::MAX.into(),
        });
        Self::new(Capabilities::new(ids, Sharing::Shared)).with(|capabilities| {
            capabilities.heartbeat = true;
            capabilities.streams = true;
            capabilities.server_requests = true;
        })
    }

    /// Responses come in the order of their requests; connections are shared.
    pub fn in_order() -> Self {
        Self::new(Capabilities::new(Correlation::InOrder, Sharing::Shared))
    }

    /// No second request before the first response; connections are not shared.
    pub fn one_at_a_time() -> Self {
        let correlation = Correlation::OneAtATime;
        Self::new(Capabilities::new(correlation, Sharing::Exclusive))
    }

    /// The same with capabilities changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.capabilities);
        self
    }

    /// The same, but that requests of this form share connections in any case.
    #[must_use]
    pub fn sharing_form(mut self, form: u64) -> Self {
        self.shared_form = Some(WireForm(form));
        self
    }
}

impl CodecFactory for Toy {
    fn name(&self) -> &str {
        "example.codec.toy"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn sharing(&self, form: WireForm) -> Sharing {
        match self.shared_form == Some(form) {
            true => Sharing::Shared,
            false => self.capabilities.sharing,
        }
    }

    fn codec(&self, _: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(ToyCodec::new(&self.capabilities, *limits))
    }
}
