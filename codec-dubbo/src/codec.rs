//! The codec: what it keeps of a connection.

use std::sync::Arc;

use bytes::BytesMut;
use meta_core::{
    Codec, CodecError, Control, Decoded, EncodeContext, Encoded, FrameBuf, Limits, LocalReply,
    Message, Metadata, Role,
};

use crate::{config::Settings, error, hessian::Classes};

/// One side of one connection. What is kept between messages is room alone.
#[derive(Debug)]
pub(crate) struct DubboCodec {
    pub(crate) settings: Arc<Settings>,
    pub(crate) role: Role,
    pub(crate) limits: Limits,
    pub(crate) classes: Classes,
    /// Attachments that are being written.
    pub(crate) scratch: Vec<u8>,
}

impl DubboCodec {
    pub(crate) fn new(settings: Arc<Settings>, role: Role, limits: Limits) -> Self {
        Self {
            settings,
            role,
            limits,
            classes: Classes::default(),
            scratch: Vec::new(),
        }
    }
}

impl Codec for DubboCodec {
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
        error::on_error(request, reply, dst);
        Ok(())
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        error::control(control, dst)
    }
}
