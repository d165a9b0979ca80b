//! The codec: what it keeps of a connection.

use bytes::BytesMut;
use meta_core::{
    Codec, CodecError, Control, Decoded, EncodeContext, Encoded, FrameBuf, Limits, LocalReply,
    Message, Metadata,
};

use crate::{
    head::{Kind, narrow},
    wire::Frame,
};

/// One side of one connection. Frames stand for themselves, so it remembers none.
#[derive(Debug)]
pub(crate) struct ParcelCodec {
    pub(crate) limits: Limits,
}

impl ParcelCodec {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Codec for ParcelCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        self.decode_frame(src)
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        self.encode_frame(message, context, dst)
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
        let frame = match control {
            Control::Ping { id } => Frame::new(Kind::Ping, narrow(id)?),
            Control::Pong { ping } => Frame::new(Kind::Pong, narrow(ping.id)?),
            Control::Goodbye => Frame::new(Kind::Goodbye, 0),
            // There are no streams.
            _ => return Ok(false),
        };
        dst.put_slice(&frame.build());
        Ok(true)
    }
}
