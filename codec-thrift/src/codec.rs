//! The codec: what it keeps of a connection.

use std::sync::Arc;

use bytes::BytesMut;
use meta_core::{
    Codec, CodecError, Control, Decoded, EncodeContext, Encoded, FrameBuf, Limits, LocalReply,
    Message, Metadata, Role,
};

use crate::{config::Settings, detect::Family, head::Head, json::Scanner, ttheader, walk::Walker};

/// One side of one connection.
#[derive(Debug)]
pub(crate) struct ThriftCodec {
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: Limits,
    pub(crate) role: Role,
    /// Known from the configuration, from the first bytes that came, or on an
    /// upstream connection from the first request that left.
    pub(crate) family: Option<Family>,
    /// The header of the unframed message that is being walked or scanned.
    pub(crate) walking: Option<Head>,
    /// For unframed JSON, while a message is under way.
    pub(crate) scanner: Option<Scanner>,
    /// For unframed connections, from the first message on.
    pub(crate) walker: Option<Box<Walker>>,
    pub(crate) ttheader: ttheader::Connection,
}

impl ThriftCodec {
    pub(crate) fn new(settings: Arc<Settings>, role: Role, limits: Limits) -> Self {
        Self {
            family: settings.family,
            settings,
            limits,
            role,
            walking: None,
            scanner: None,
            walker: None,
            ttheader: ttheader::Connection::default(),
        }
    }
}

impl Codec for ThriftCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        self.decode_message(src)
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        self.encode_message(message, context, dst)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        self.answer_error(request, reply, dst)
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        match control {
            Control::Goodbye => Ok(self.goodbye(dst)),
            _ => Ok(false),
        }
    }
}
