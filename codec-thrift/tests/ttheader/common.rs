//! What the tests share.

use std::sync::Arc;

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Protocol, Transport},
};
use meta_core::{
    Codec, CodecError, CodecFactory, Decoded, EncodeContext, Encoded, Extension, FrameBuf, Limits,
    Message, Metadata, Mutation, Role, WireId,
};

pub(crate) const PLAIN: Form = form(false, false);
pub(crate) const FRAMED: Form = form(true, false);
pub(crate) const MUX: Form = form(false, true);

pub(crate) const fn form(framed: bool, mux: bool) -> Form {
    Form::new(Transport::TtHeader { framed, mux }, Protocol::Binary)
}

pub(crate) fn factory() -> Arc<dyn CodecFactory> {
    Thrift
        .configure(ThriftConfig::default())
        .expect("a good configuration")
}

pub(crate) fn codec(role: Role) -> Box<dyn Codec> {
    factory().codec(role, &Limits::default())
}

pub(crate) fn decode(codec: &mut dyn Codec, bytes: &[u8]) -> Result<Message, CodecError> {
    match codec.decode(&mut BytesMut::from(bytes))? {
        Decoded::Message(message) => Ok(message),
        Decoded::Need(need) => panic!("needs {need:?} bytes of {}", bytes.len()),
    }
}

pub(crate) fn request(bytes: &[u8]) -> Message {
    decode(&mut *codec(Role::Downstream), bytes).expect("a call")
}

pub(crate) fn encode(
    codec: &mut dyn Codec,
    message: &Message,
    id: u64,
    mutation: &Mutation,
    request: Option<&Metadata>,
) -> Result<(Encoded, Vec<u8>), CodecError> {
    let context = EncodeContext {
        id: WireId(id),
        mutation,
        request,
    };
    let mut dst = FrameBuf::new();
    let encoded = codec.encode(message, &context, &mut dst)?;
    Ok((encoded, dst.to_vec()))
}

/// Both ends of an exchange: `sent` leaves under the id `id`, `answer` is made of
/// what left, and what the client gets is returned.
pub(crate) fn exchange(
    sent: &[u8],
    id: u64,
    answer: impl FnOnce(&[u8]) -> Vec<u8>,
) -> (Message, Vec<u8>) {
    let mut downstream = codec(Role::Downstream);
    let mut upstream = codec(Role::Upstream);
    let request = decode(&mut *downstream, sent).expect("a call");
    let (_, left) =
        encode(&mut *upstream, &request, id, &Mutation::new(), None).expect("it can be written");
    let response = decode(&mut *upstream, &answer(&left)).expect("a response");
    let asked = &request.metadata;
    let (_, back) = encode(
        &mut *downstream,
        &response,
        asked.id.0,
        &Mutation::new(),
        Some(asked),
    )
    .expect("it can be written");
    (response, back)
}

pub(crate) fn call(form: Form) -> MessageBuilder {
    MessageBuilder::call(form, "ping").seqid(7)
}

pub(crate) fn reply(form: Form) -> MessageBuilder {
    MessageBuilder::reply(form, "ping").seqid(7)
}
