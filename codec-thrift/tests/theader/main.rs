//! What users notice of THeader, beyond the rules of the kit.

use std::sync::Arc;

use bytes::BytesMut;
use codec_thrift::{
    ProtocolChoice, Thrift, ThriftConfig, TransportChoice,
    wire::{Form, MessageBuilder, MessageType, Parsed, Protocol, Transport},
};
use meta_core::{
    Codec, CodecError, CodecErrorKind, CodecFactory, Decoded, EncodeContext, Encoded, Extension,
    FrameBuf, Limits, LocalReply, Message, MessageKind, Metadata, Mutation, ReplyKind, Role,
    Status, WireId,
};

mod bytes_of_libraries;
mod changed;
mod compressed;
mod refused;

const BINARY: Form = Form::new(Transport::Header, Protocol::Binary);
const COMPACT: Form = Form::new(Transport::Header, Protocol::Compact);
const OLD_BINARY: Form = Form::new(Transport::Header, Protocol::OldBinary);
const FRAMED: Form = Form::new(Transport::Framed, Protocol::Binary);
const FRAMED_COMPACT: Form = Form::new(Transport::Framed, Protocol::Compact);
const UNFRAMED: Form = Form::new(Transport::Unframed, Protocol::Binary);
const UNFRAMED_COMPACT: Form = Form::new(Transport::Unframed, Protocol::Compact);

fn factory(change: impl FnOnce(&mut ThriftConfig)) -> Arc<dyn CodecFactory> {
    let mut config = ThriftConfig::default();
    change(&mut config);
    Thrift.configure(config).expect("a good configuration")
}

fn codec(role: Role) -> Box<dyn Codec> {
    factory(|_| {}).codec(role, &Limits::default())
}

fn decode(codec: &mut dyn Codec, bytes: &[u8]) -> Result<Message, CodecError> {
    match codec.decode(&mut BytesMut::from(bytes))? {
        Decoded::Message(message) => Ok(message),
        Decoded::Need(need) => panic!("needs {need:?} bytes of {}", bytes.len()),
    }
}

fn call(bytes: &[u8]) -> Message {
    decode(&mut *codec(Role::Downstream), bytes).expect("a call")
}

/// A reply, to a codec that has sent `call`.
fn reply(call: &Message, bytes: &[u8]) -> Result<Message, CodecError> {
    let mut upstream = codec(Role::Upstream);
    let id = call.metadata.id;
    write(&mut *upstream, call, id, &Mutation::new(), None).expect("it can be written");
    decode(&mut *upstream, bytes)
}

fn write(
    codec: &mut dyn Codec,
    message: &Message,
    id: WireId,
    mutation: &Mutation,
    request: Option<&Metadata>,
) -> Result<(Encoded, Vec<u8>), CodecError> {
    let context = EncodeContext {
        id,
        mutation,
        request,
    };
    let mut dst = FrameBuf::new();
    let encoded = codec.encode(message, &context, &mut dst)?;
    Ok((encoded, dst.to_vec()))
}

/// `message`, as a server gets it.
fn forward(message: &Message, id: u64, mutation: &Mutation) -> Result<Vec<u8>, CodecError> {
    let upstream = &mut *codec(Role::Upstream);
    let (encoded, bytes) = write(upstream, message, WireId(id), mutation, None)?;
    assert_eq!(encoded, Encoded::Whole);
    Ok(bytes)
}

/// `message`, as the client that sent `request` gets it.
fn answer(message: &Message, request: &Message) -> Result<Vec<u8>, CodecError> {
    let downstream = &mut *codec(Role::Downstream);
    let id = request.metadata.id;
    let request = Some(&*request.metadata);
    let (_, bytes) = write(downstream, message, id, &Mutation::new(), request)?;
    Ok(bytes)
}

fn on_error(request: &Metadata) -> Option<Parsed> {
    let reply = LocalReply::new(ReplyKind::BadRequest, "no such luck");
    let mut dst = FrameBuf::new();
    codec(Role::Downstream)
        .on_error(request, &reply, &mut dst)
        .expect("it can be written");
    Parsed::read(&dst.to_vec())
}

/// A frame of this header area and payload, of header id 7.
fn frame(area: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = 10 + area.len() + payload.len();
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.extend(b"\x0f\xff\0\0\0\0\0\x07");
    frame.extend(((area.len() / 4) as u16).to_be_bytes());
    frame.extend(area);
    frame.extend(payload);
    frame
}

#[test]
fn plain_messages_come_among_others() {
    let forms = [
        BINARY,
        FRAMED,
        COMPACT,
        UNFRAMED_COMPACT,
        FRAMED_COMPACT,
        UNFRAMED,
        BINARY,
    ];
    let calls = forms.map(|form| MessageBuilder::call(form, "sayHello").seqid(5).build());
    for piece in [1, 7, 1000] {
        let mut codec = codec(Role::Downstream);
        let mut src = BytesMut::new();
        let mut found = Vec::new();
        for piece in calls.concat().chunks(piece) {
            src.extend_from_slice(piece);
            while let Decoded::Message(message) = codec.decode(&mut src).expect("a call") {
                found.push(Form::of(&message.metadata).expect("it has a form"));
            }
        }
        assert_eq!(found, forms);
    }
}

#[test]
fn a_plain_call_among_others_is_answered_in_its_own_form() {
    let mut downstream = codec(Role::Downstream);
    decode(
        &mut *downstream,
        &MessageBuilder::call(BINARY, "first").build(),
    )
    .expect("a call");
    for form in [FRAMED, UNFRAMED_COMPACT, COMPACT] {
        let sent = MessageBuilder::call(form, "sayHello").seqid(3).build();
        let sent = decode(&mut *downstream, &sent).expect("a call");
        let good = MessageBuilder::reply(form, "sayHello").seqid(9).build();
        let good = reply(&sent, &good).expect("a reply");
        let request = Some(&*sent.metadata);
        let id = sent.metadata.id;
        let (_, bytes) = write(&mut *downstream, &good, id, &Mutation::new(), request)
            .expect("it can be written");
        let expected = MessageBuilder::reply(form, "sayHello").seqid(3).build();
        assert_eq!(bytes, expected, "{form}");
        assert_eq!(on_error(&sent.metadata).map(|error| error.form), Some(form));
    }
}

#[test]
fn answers_in_other_forms_are_passed_where_the_client_reads_them() {
    for (asked, answered, reads) in [
        (BINARY, BINARY, true),
        (BINARY, COMPACT, true),
        (COMPACT, FRAMED, true),
        (BINARY, UNFRAMED_COMPACT, true),
        (FRAMED, FRAMED, true),
        (FRAMED, BINARY, false),
        (UNFRAMED, FRAMED, false),
    ] {
        let mut downstream = codec(Role::Downstream);
        let first = MessageBuilder::call(BINARY, "a").build();
        decode(&mut *downstream, &first).expect("a call");
        let request = MessageBuilder::call(asked, "a").seqid(3).build();
        let request = decode(&mut *downstream, &request).expect("a call");
        let sent = call(&MessageBuilder::call(BINARY, "a").build());
        let reply = reply(&sent, &MessageBuilder::reply(answered, "a").build()).expect("a reply");
        let request = Some(&*request.metadata);
        let written = write(
            &mut *downstream,
            &reply,
            WireId(3),
            &Mutation::new(),
            request,
        );
        match written {
            Ok((_, bytes)) => {
                assert!(reads, "{asked} answered in {answered}");
                assert_eq!(bytes, MessageBuilder::reply(answered, "a").seqid(3).build());
            }
            Err(error) => assert!(!reads, "{asked} answered in {answered}: {error}"),
        }
    }
}

#[test]
fn a_server_s_framed_answer_is_not_taken_for_old_binary() {
    let sent = call(&MessageBuilder::call(BINARY, "a").build());
    let old = Form::new(Transport::Framed, Protocol::OldBinary);
    let error = reply(&sent, &MessageBuilder::reply(old, "a").build());
    let error = error.expect_err("no server answers so");
    assert!(error.to_string().contains("in THeader"), "{error}");
}

#[test]
fn a_configured_form_is_insisted_upon() {
    for (transport, protocol, sent, expected) in [
        (
            TransportChoice::Framed,
            ProtocolChoice::Auto,
            BINARY,
            "the THeader transport",
        ),
        (
            TransportChoice::Header,
            ProtocolChoice::Compact,
            BINARY,
            "a binary message",
        ),
        (
            TransportChoice::Auto,
            ProtocolChoice::Binary,
            COMPACT,
            "a compact message",
        ),
    ] {
        let factory = factory(|config| {
            config.transport = transport;
            config.protocol = protocol;
        });
        let mut codec = factory.codec(Role::Downstream, &Limits::default());
        let sent = MessageBuilder::call(sent, "sayHello").build();
        let error = decode(&mut *codec, &sent).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn http_is_named_on_a_connection_that_is_fixed() {
    let factory = factory(|config| config.transport = TransportChoice::Header);
    let mut codec = factory.codec(Role::Downstream, &Limits::default());
    let error = decode(&mut *codec, b"GET / HTTP/1.1\r\n").expect_err("HTTP");
    assert!(error.to_string().contains("HTTP"), "{error}");
}

#[test]
fn errors_are_answered_under_both_ids() {
    for form in [BINARY, COMPACT, OLD_BINARY] {
        let sent = MessageBuilder::call(form, "Greeter:sayHello")
            .info("tenant", "blue")
            .seqid(300)
            .header_id(-2);
        for sent in [sent.clone(), sent.zlib()] {
            let found = on_error(&call(&sent.build()).metadata).expect("an answer");
            assert_eq!(found.form, form);
            assert_eq!((found.seqid, found.header_id), (300, Some(-2)));
            assert_eq!(found.name, "sayHello");
            let (kind, text) = found.exception().expect("an exception");
            assert_eq!(kind, 7);
            assert!(text.starts_with("bad_request"), "{text}");
        }
    }
}
