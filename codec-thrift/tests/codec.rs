//! What users of the codec notice, beyond the rules of the kit.

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

const FRAMED: Form = Form::new(Transport::Framed, Protocol::Binary);
const FRAMED_COMPACT: Form = Form::new(Transport::Framed, Protocol::Compact);
const FRAMED_OLD: Form = Form::new(Transport::Framed, Protocol::OldBinary);
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

fn encode(
    codec: &mut dyn Codec,
    message: &Message,
    id: u64,
    request: Option<&Metadata>,
) -> Result<Vec<u8>, CodecError> {
    let context = EncodeContext {
        id: WireId(id),
        mutation: &Mutation::new(),
        request,
    };
    let mut dst = FrameBuf::new();
    assert_eq!(codec.encode(message, &context, &mut dst)?, Encoded::Whole);
    Ok(dst.to_vec())
}

#[test]
fn an_id_of_another_width_moves_the_frame_s_length() {
    for id in [0, 1, 127, 128, 1 << 14, i32::MAX as u64, 0xffff_ffff] {
        let sent = MessageBuilder::call(FRAMED_COMPACT, "sayHello")
            .seqid(300)
            .string(1, "world");
        let written = encode(&mut *codec(Role::Upstream), &call(&sent.build()), id, None);
        let expected = sent.seqid(id as u32 as i32).build();
        assert_eq!(written.expect("it can be written"), expected, "{id}");
    }
}

#[test]
fn ids_beyond_32_bits_are_refused() {
    let call = call(&MessageBuilder::call(FRAMED, "a").build());
    let error = encode(&mut *codec(Role::Upstream), &call, 1 << 32, None).expect_err("too wide");
    assert_eq!(error.kind(), CodecErrorKind::Encode);
}

#[test]
fn replies_tell_results_from_declared_exceptions() {
    for form in Form::ALL {
        let reply = MessageBuilder::reply(form, "f");
        for (reply, status) in [
            (reply.clone(), Status::Ok),
            (reply.clone().string(0, "result"), Status::Ok),
            (reply.clone().int(0, 5), Status::Ok),
            (
                reply.clone().string(1, "declared"),
                Status::BusinessException,
            ),
            (
                reply.clone().string(16, "a step too far"),
                Status::BusinessException,
            ),
            (
                reply.clone().string(300, "the 300th"),
                Status::BusinessException,
            ),
        ] {
            let found = decode(&mut *codec(Role::Upstream), &reply.build()).expect("a reply");
            assert_eq!(found.metadata.status, status, "{form} {reply:?}");
        }
    }
}

#[test]
fn the_first_request_says_how_replies_are_framed() {
    // Old binary's first bytes could be a frame's length.
    let mut upstream = codec(Role::Upstream);
    let sent = call(&MessageBuilder::call(UNFRAMED, "a").build());
    encode(&mut *upstream, &sent, 1, None).expect("it can be written");
    let old = Form::new(Transport::Unframed, Protocol::OldBinary);
    let reply = MessageBuilder::reply(old, "\u{1}\u{2}").build();
    let found = decode(&mut *upstream, &reply).expect("an unframed reply");
    assert_eq!(Form::of(&found.metadata), Some(old));
}

#[test]
fn an_answer_in_another_form_is_not_forwarded() {
    for (asked, answered, reads) in [
        (FRAMED, FRAMED, true),
        (FRAMED_OLD, FRAMED, true),
        (FRAMED, FRAMED_COMPACT, false),
        (UNFRAMED_COMPACT, UNFRAMED, false),
        (UNFRAMED, FRAMED, false),
    ] {
        let request = call(&MessageBuilder::call(asked, "a").seqid(3).build());
        let reply = MessageBuilder::reply(answered, "a").build();
        let reply = decode(&mut *codec(Role::Upstream), &reply).expect("a reply");
        let mut downstream = codec(Role::Downstream);
        let written = encode(&mut *downstream, &reply, 3, Some(&request.metadata));
        match written {
            Ok(bytes) => assert_eq!(bytes, MessageBuilder::reply(answered, "a").seqid(3).build()),
            Err(error) => assert_eq!(error.kind(), CodecErrorKind::Encode),
        }
        let written = encode(&mut *downstream, &reply, 3, Some(&request.metadata));
        assert_eq!(written.is_ok(), reads, "{asked} answered in {answered}");
    }
}

#[test]
fn local_errors_are_exceptions_in_the_client_s_form() {
    for form in Form::ALL {
        let sent = MessageBuilder::call(form, "Greeter:sayHello")
            .seqid(-7)
            .build();
        let mut downstream = codec(Role::Downstream);
        let request = decode(&mut *downstream, &sent).expect("a call");
        for (kind, number) in [
            (ReplyKind::NoRoute, 6),
            (ReplyKind::Timeout, 6),
            (ReplyKind::TooLarge, 7),
            (ReplyKind::BadRequest, 7),
        ] {
            let reply = LocalReply::new(kind, "why").with_cluster("backend".into());
            let mut dst = FrameBuf::new();
            let written = downstream.on_error(&request.metadata, &reply, &mut dst);
            written.expect("it can be written");
            let found = Parsed::read(&dst.to_vec()).expect("a message");
            assert_eq!(found.form, form);
            assert_eq!((found.name.as_str(), found.seqid), ("sayHello", -7));
            assert_eq!(
                found.exception(),
                Some((number, reply.to_string().as_str()))
            );
        }
    }
}

#[test]
fn configured_methods_are_one_way_though_sent_as_calls() {
    let factory = factory(|config| config.oneway_methods = vec!["notify".into()]);
    let mut codec = factory.codec(Role::Downstream, &Limits::default());
    let sent = MessageBuilder::call(FRAMED, "Events:notify")
        .seqid(4)
        .build();
    let message = decode(&mut *codec, &sent).expect("a call");
    assert_eq!(message.kind(), MessageKind::OneWay);
    let mut dst = FrameBuf::new();
    let reply = LocalReply::new(ReplyKind::NoRoute, "no route");
    codec
        .on_error(&message.metadata, &reply, &mut dst)
        .expect("nothing to write");
    assert!(dst.is_empty());
    let sent = MessageBuilder::call(FRAMED, "sayHello").build();
    assert_eq!(
        decode(&mut *codec, &sent).expect("a call").kind(),
        MessageKind::Request
    );
}

#[test]
fn one_connection_may_change_its_protocol_but_not_its_transport() {
    let mut codec = codec(Role::Downstream);
    for form in [FRAMED, FRAMED_COMPACT, FRAMED_OLD] {
        let message = decode(&mut *codec, &MessageBuilder::call(form, "a").build());
        assert_eq!(Form::of(&message.expect("a call").metadata), Some(form));
    }
    let sent = MessageBuilder::call(UNFRAMED, "a").build();
    let error = decode(&mut *codec, &sent).expect_err("another transport");
    assert!(
        error
            .to_string()
            .contains("unframed message on a connection that is framed")
    );
}

#[test]
fn a_configured_form_is_insisted_upon() {
    for (transport, protocol, sent, expected) in [
        (
            TransportChoice::Framed,
            ProtocolChoice::Auto,
            UNFRAMED,
            "that is framed",
        ),
        (
            TransportChoice::Unframed,
            ProtocolChoice::Auto,
            FRAMED,
            "that is unframed",
        ),
        (
            TransportChoice::Auto,
            ProtocolChoice::Binary,
            FRAMED_COMPACT,
            "a compact message",
        ),
        (
            TransportChoice::Auto,
            ProtocolChoice::Compact,
            UNFRAMED,
            "a binary message",
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
fn the_configured_limit_counts_the_message_without_the_frame_s_length() {
    let sent = MessageBuilder::call(FRAMED, "sayHello")
        .seqid(9)
        .string(1, "world")
        .build();
    let limited = |bytes: usize| {
        let factory = factory(|config| config.max_message_bytes = bytes);
        factory.codec(Role::Downstream, &Limits::default())
    };
    decode(&mut *limited(sent.len() - 4), &sent).expect("it fits");
    let error = decode(&mut *limited(sent.len() - 5), &sent).expect_err("a byte too many");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    let request = error.message().expect("its head was there");
    assert_eq!(
        (request.id, request.operation().as_ref()),
        (WireId(9), "sayHello")
    );
}

#[test]
fn a_frame_over_the_limit_is_refused_once_its_caller_is_known_and_can_be_skipped() {
    let mut codec = codec(Role::Downstream);
    let mut sent = MessageBuilder::call(FRAMED, "sayHello").seqid(9).build();
    decode(&mut *codec, &sent).expect("a call");
    sent[0] = 0x01;
    let header_bytes = 4 + 4 + 4 + "sayHello".len() + 4;
    for end in 4..header_bytes {
        let decoded = codec.decode(&mut BytesMut::from(&sent[..end]));
        assert!(
            matches!(decoded, Ok(Decoded::Need(Some(_)))),
            "{end}: {decoded:?}"
        );
    }
    let error = decode(&mut *codec, &sent[..header_bytes]).expect_err("16 MiB");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    assert_eq!(error.message().map(|request| request.id), Some(WireId(9)));
    assert_eq!(error.skip(), Some((1 << 24) + sent.len() as u64));
    sent[0] = 0;
    decode(&mut *codec, &sent).expect("the call behind it");
}

#[test]
fn a_name_over_the_header_limit_is_refused() {
    for form in Form::ALL {
        let sent = MessageBuilder::call(form, "n".repeat(70_000)).build();
        let mut codec = codec(Role::Downstream);
        decode(&mut *codec, &MessageBuilder::call(form, "a").build()).expect("a call");
        let error = decode(&mut *codec, &sent).expect_err("a long name");
        assert!(
            error.to_string().contains("name of 70000 bytes"),
            "{form}: {error}"
        );
    }
}

#[test]
fn unframed_bools_in_containers_leave_as_they_came() {
    // A compact call whose first argument is a list of true, false, true.
    let sent = b"\x82\x21\x07\x01f\x19\x31\x01\x02\x01\0";
    let message = call(sent);
    let written = encode(&mut *codec(Role::Upstream), &message, 8, None).expect("written");
    assert_eq!(written, b"\x82\x21\x08\x01f\x19\x31\x01\x02\x01\0");
}

#[test]
fn messages_of_other_codecs_are_refused() {
    let metadata = Metadata::new(MessageKind::Request, WireId(1));
    let foreign = Message::new(metadata, bytes::Bytes::from_static(b"abc"));
    let mut codec = codec(Role::Upstream);
    let error = encode(&mut *codec, &foreign, 1, None).expect_err("not Thrift");
    assert_eq!(error.kind(), CodecErrorKind::Encode);
    let reply = LocalReply::new(ReplyKind::NoRoute, "no route");
    codec
        .on_error(&foreign.metadata, &reply, &mut FrameBuf::new())
        .expect_err("not Thrift");
}

#[test]
fn exceptions_are_errors() {
    let exception = MessageBuilder::new(FRAMED, MessageType::Exception, "f").string(1, "no");
    let found = decode(&mut *codec(Role::Upstream), &exception.build()).expect("an exception");
    assert_eq!(found.kind(), MessageKind::Response);
    assert_eq!(found.metadata.status, Status::Error);
}
