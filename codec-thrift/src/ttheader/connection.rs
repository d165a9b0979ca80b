//! Connection: what is kept of one that carries TTHeaders, and its end.

use meta_core::{FrameBuf, MessageKind, Metadata, Role};

use super::keys::READY_TO_RESET;
use crate::{
    codec::ThriftCodec,
    detect::Family,
    form::{Form, Protocol, Transport},
    wire::MessageBuilder,
};

/// How control frames are called.
const CONTROL_NAME: &str = "none";

/// What a codec knows of its connection.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// Requests on it are multiplexed. Kitex's servers do not say so in responses.
    mux: bool,
    /// There have been requests with headers.
    has_headers: bool,
    /// Requests that were read and have not been answered.
    calls: u32,
    /// The client is to be told to go elsewhere.
    parting: bool,
}

impl Connection {
    /// Whether responses that come over it are told apart by the header's id.
    pub(super) fn is_mux(&self, role: Role) -> bool {
        role == Role::Upstream && self.mux
    }

    /// The pair by which responses of this transport tell that their connection
    /// ends, where it does.
    pub(crate) fn farewell(&self, transport: Transport) -> Option<(&'static str, &'static str)> {
        let has_pairs = matches!(transport, Transport::TtHeader { mux: false, .. });
        (self.parting && has_pairs).then_some((READY_TO_RESET, "1"))
    }

    /// Takes note of what the peer sent.
    pub(crate) fn note_read(&mut self, metadata: &Metadata) {
        if metadata.kind == MessageKind::Request {
            self.calls = self.calls.saturating_add(1);
        }
        self.note_form(metadata);
    }

    /// Takes note of the form that requests have.
    pub(super) fn note_form(&mut self, metadata: &Metadata) {
        let form = Form::of(metadata).map(|form| form.transport);
        if let Some(Transport::TtHeader { mux, .. }) = form {
            self.has_headers = true;
            self.mux |= mux;
        }
    }

    /// Takes note of a response that is written to the client, and writes what was
    /// put off until the last.
    pub(crate) fn note_answered(&mut self, dst: &mut FrameBuf) {
        self.calls = self.calls.saturating_sub(1);
        if self.parting {
            self.say_goodbye(dst);
        }
    }

    /// Writes a control frame, where there are such and no call waits: Kitex's
    /// clients (0.16) fail on one, and close the connection with all that is in
    /// flight on it.
    fn say_goodbye(&mut self, dst: &mut FrameBuf) {
        if self.mux && self.calls == 0 {
            self.parting = false;
            dst.put_slice(&control_frame());
        }
    }
}

impl ThriftCodec {
    /// Tells the client to send no further requests, at once or with the answers to
    /// those that it has sent or is about to send.
    pub(crate) fn goodbye(&mut self, dst: &mut FrameBuf) -> bool {
        if self.role != Role::Downstream || self.family != Some(Family::TtHeader) {
            return false;
        }
        self.ttheader.parting = true;
        self.ttheader.say_goodbye(dst);
        self.ttheader.has_headers
    }
}

/// What Kitex's servers send when they shut down: a reply to no call.
fn control_frame() -> Vec<u8> {
    let transport = Transport::TtHeader {
        framed: false,
        mux: false,
    };
    MessageBuilder::reply(Form::new(transport, Protocol::Binary), CONTROL_NAME)
        .info(READY_TO_RESET, "1")
        .build()
}
