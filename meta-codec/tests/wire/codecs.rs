//! Variants of the toy protocol that its own codec does not have.

use bytes::{Buf, BytesMut};
use meta_codec_test::toy::Toy;
use meta_core::{
    Capabilities, Codec, CodecError, CodecErrorKind, CodecFactory, Control, Decoded, EncodeContext,
    Encoded, FrameBuf, Limits, LocalReply, Message, Metadata, Role,
};

/// The toy protocol, with a codec that tells how long a refused message is.
pub(crate) struct Skipping(pub(crate) Toy);

struct SkippingCodec(Box<dyn Codec>);

impl CodecFactory for Skipping {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(SkippingCodec(self.0.codec(role, limits)))
    }
}

impl Codec for SkippingCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        self.0.decode(src).map_err(|error| match error.kind() {
            CodecErrorKind::TooLarge => error.with_skip(8 + u64::from((&src[4..]).get_u32())),
            _ => error,
        })
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        self.0.encode(message, context, dst)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        self.0.on_error(request, reply, dst)
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        self.0.control(control, dst)
    }
}

/// The toy protocol without anything that a codec says on its own account.
pub(crate) struct Mute(pub(crate) Toy);

struct MuteCodec(Box<dyn Codec>);

impl CodecFactory for Mute {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(MuteCodec(self.0.codec(role, limits)))
    }
}

impl Codec for MuteCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        self.0.decode(src)
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        self.0.encode(message, context, dst)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        self.0.on_error(request, reply, dst)
    }
}
