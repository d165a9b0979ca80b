//! The JSON protocol, as its users notice it beyond the rules of the kit.

use std::sync::Arc;

use bytes::BytesMut;
use codec_thrift::{
    ProtocolChoice, Thrift, ThriftConfig, TransportChoice,
    wire::{Form, MessageBuilder, MessageType, Parsed, Protocol, Transport},
};
use meta_core::{
    Codec, CodecError, CodecErrorKind, CodecFactory, Decoded, EncodeContext, Extension, FrameBuf,
    Limits, LocalReply, Message, MessageKind, Metadata, Mutation, ReplyKind, Role, Status, WireId,
};

const UNFRAMED: Form = Form::new(Transport::Unframed, Protocol::Json);
const FRAMED: Form = Form::new(Transport::Framed, Protocol::Json);

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

fn encode(message: &Message, id: u64, request: Option<&Metadata>) -> Vec<u8> {
    let context = EncodeContext {
        id: WireId(id),
        mutation: &Mutation::new(),
        request,
    };
    let mut dst = FrameBuf::new();
    let mut codec = codec(Role::Upstream);
    let encoded = codec.encode(message, &context, &mut dst);
    encoded.expect("it can be written");
    dst.to_vec()
}

/// `message` in a frame.
fn framed(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("it is short");
    [&length.to_be_bytes(), message.as_bytes()].concat()
}

#[test]
fn nothing_but_the_id_is_rewritten() {
    // As Python, Go and Java write, and as none of them does.
    for (before, id, behind) in [
        ("[1,\"say\",1,", "0", ",{\"1\":{\"str\":\"\\\"]\\\\\"}}]"),
        (
            "[1,\"say\",4,",
            "-2147483637",
            ",{\"1\":{\"dbl\":\"NaN\"}}]",
        ),
        ("[ 1 , \"s\\u0061y\"\n,\t1 , ", "70000", " , { } ]"),
        (
            "[1,\"a:say\",1,",
            "2147483647",
            ",{\"1\":{\"str\":\"\u{4e2d}\u{1f600}\"}}]",
        ),
    ] {
        let sent = format!("{before}{id}{behind}");
        for new in [0, 7, 42, i32::MAX, i32::MIN, -1] {
            let expected = format!("{before}{new}{behind}");
            let wire_id = u64::from(new as u32);
            let message = call(sent.as_bytes());
            assert_eq!(encode(&message, wire_id, None), expected.as_bytes());
            let message = call(&framed(&sent));
            assert_eq!(encode(&message, wire_id, None), framed(&expected));
        }
        let message = call(sent.as_bytes());
        let own = message.metadata.id.0;
        assert_eq!(encode(&message, own, None), sent.as_bytes());
        assert_eq!(own as u32 as i32, id.parse::<i32>().expect("a number"));
    }
}

/// As Apache's Python library wrote it: not quite JSON.
#[test]
fn what_python_writes_passes() {
    let sent = "[1,\"Echo:say\",1,-7,{\"1\":{\"str\":\"\\\"]}\\\\ 中\\n\u{1}/\"},\
                \"2\":{\"str\":\"/wBhYg==\"},\"3\":{\"map\":[\"i32\",\"lst\",1,{\"5\":[\"tf\",2,1,0]}]},\
                \"4\":{\"dbl\":nan},\"5\":{\"rec\":{}},\
                \"6\":{\"uid\":\"00000000-0000-0000-0000-000000000005\"}}]";
    for bytes in [sent.as_bytes().to_vec(), framed(sent)] {
        let message = call(&bytes);
        assert_eq!(message.frame, bytes);
        assert_eq!(message.metadata.id, WireId(0xffff_fff9));
        assert_eq!(message.metadata.get("service"), Some("Echo"));
        assert_eq!(encode(&message, 0xffff_fff9, None), bytes);
    }
}

#[test]
fn names_with_escapes_are_told_as_they_are_meant() {
    let sent = r#"[1,"Greeter\u003asay\/\u4f60",1,5,{}]"#;
    for bytes in [sent.as_bytes().to_vec(), framed(sent)] {
        let metadata = call(&bytes).metadata;
        assert_eq!(metadata.operation(), "Greeter:say/你");
        assert_eq!(metadata.get("service"), Some("Greeter"));
        assert_eq!(metadata.get("method"), Some("say/你"));
        let reply = LocalReply::new(ReplyKind::NoRoute, "a \"quoted\" why\n");
        let mut dst = FrameBuf::new();
        let mut codec = codec(Role::Downstream);
        codec
            .on_error(&metadata, &reply, &mut dst)
            .expect("it can be written");
        let answer = Parsed::read(&dst.to_vec()).expect("a message");
        assert_eq!((answer.name.as_str(), answer.seqid), ("say/你", 5));
        assert_eq!(answer.exception(), Some((6, reply.to_string().as_str())));
    }
    let factory = factory(|config| config.oneway_methods = vec!["notify".into()]);
    let mut codec = factory.codec(Role::Downstream, &Limits::default());
    let message = decode(&mut *codec, br#"[1,"n\u006ftify",1,5,{}]"#).expect("a call");
    assert_eq!(message.kind(), MessageKind::OneWay);
}

#[test]
fn an_error_is_what_clients_read() {
    let request = call(br#"[1,"say",1,-3,{}]"#).metadata;
    let mut dst = FrameBuf::new();
    let reply = LocalReply::new(ReplyKind::BadRequest, "why: \\ \u{1}");
    codec(Role::Downstream)
        .on_error(&request, &reply, &mut dst)
        .expect("it can be written");
    let answer: serde_json::Value = serde_json::from_slice(&dst.to_vec()).expect("it is JSON");
    let fields = serde_json::json!({ "1": { "str": reply.to_string() }, "2": { "i32": 7 } });
    assert_eq!(answer, serde_json::json!([1, "say", 3, -3, fields]));
}

#[test]
fn java_s_names_of_fields_are_known() {
    for (sent, status) in [
        (r#"[1,"f",2,1,{"success":{"i32":5}}]"#, Status::Ok),
        (
            r#"[1,"f",2,1,{"failure":{"rec":{}}}]"#,
            Status::BusinessException,
        ),
        (r#"[1,"f",3,1,{"1":{"str":"no"}}]"#, Status::Error),
    ] {
        let found = decode(&mut *codec(Role::Upstream), sent.as_bytes()).expect("a reply");
        assert_eq!(found.metadata.status, status, "{sent}");
    }
}

#[test]
fn whitespace_between_messages_goes_with_the_next() {
    let (first, second) = (r#"[1,"a",1,1,{}]"#, "\r\n \t[1,\"b\",1,2,{}]");
    let all = format!("{first}{second}");
    for end in first.len()..all.len() {
        let mut codec = codec(Role::Downstream);
        let mut src = BytesMut::from(&all.as_bytes()[..end]);
        let Ok(Decoded::Message(message)) = codec.decode(&mut src) else {
            panic!("the first message");
        };
        assert_eq!(message.frame, first);
        if !src.is_empty() {
            let decoded = codec.decode(&mut src);
            assert!(matches!(decoded, Ok(Decoded::Need(_))), "{decoded:?}");
        }
        src.extend_from_slice(&all.as_bytes()[end..]);
        let Ok(Decoded::Message(message)) = codec.decode(&mut src) else {
            panic!("the second message");
        };
        assert_eq!(message.frame, second);
        assert_eq!(message.metadata.get("method"), Some("b"));
        let written = encode(&message, 10, None);
        assert_eq!(written, b"\r\n \t[1,\"b\",1,10,{}]");
    }
    // But not without end.
    let mut reader = codec(Role::Downstream);
    decode(&mut *reader, first.as_bytes()).expect("a call");
    decode(&mut *reader, &[b' '; 70_000]).expect_err("no message");
}

#[test]
fn json_meets_json_alone() {
    let framed_binary = Form::new(Transport::Framed, Protocol::Binary);
    for (asked, answered, reads) in [
        (UNFRAMED, UNFRAMED, true),
        (FRAMED, FRAMED, true),
        (UNFRAMED, FRAMED, false),
        (FRAMED, framed_binary, false),
        (framed_binary, FRAMED, false),
    ] {
        let request = call(&MessageBuilder::call(asked, "a").seqid(3).build());
        let reply = MessageBuilder::reply(answered, "a").build();
        let reply = decode(&mut *codec(Role::Upstream), &reply).expect("a reply");
        let context = EncodeContext {
            id: WireId(3),
            mutation: &Mutation::new(),
            request: Some(&request.metadata),
        };
        let written = codec(Role::Downstream).encode(&reply, &context, &mut FrameBuf::new());
        assert_eq!(written.is_ok(), reads, "{asked} answered in {answered}");
    }
}

#[test]
fn a_configured_protocol_is_insisted_upon() {
    for (choice, sent, expected) in [
        (ProtocolChoice::Binary, UNFRAMED, "a JSON message"),
        (ProtocolChoice::Compact, FRAMED, "a JSON message"),
        (
            ProtocolChoice::Json,
            Form::new(Transport::Unframed, Protocol::Binary),
            "a binary message",
        ),
    ] {
        let factory = factory(|config| config.protocol = choice);
        let mut reader = factory.codec(Role::Downstream, &Limits::default());
        let sent = MessageBuilder::call(sent, "a").build();
        let error = decode(&mut *reader, &sent).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), CodecErrorKind::Unsupported);
    }
    for (transport, form) in [
        (TransportChoice::Framed, FRAMED),
        (TransportChoice::Unframed, UNFRAMED),
    ] {
        let factory = factory(|config| {
            config.transport = transport;
            config.protocol = ProtocolChoice::Json;
        });
        let mut reader = factory.codec(Role::Downstream, &Limits::default());
        let sent = MessageBuilder::call(form, "a").build();
        let found = decode(&mut *reader, &sent).expect("a call");
        assert_eq!(Form::of(&found.metadata), Some(form));
    }
}

#[test]
fn thriftpy2_s_json_is_refused_by_name() {
    let object = br#"{"metadata": {"version": 1, "name": "a"}, "payload": {}}"#;
    let own = [&(object.len() as u32).to_be_bytes(), &object[..]].concat();
    let in_frame = [&(own.len() as u32).to_be_bytes(), &own[..]].concat();
    for bytes in [own, in_frame] {
        for choice in [TransportChoice::Auto, TransportChoice::Framed] {
            let factory = factory(|config| config.transport = choice);
            let mut reader = factory.codec(Role::Downstream, &Limits::default());
            let error = decode(&mut *reader, &bytes).expect_err("not Thrift's");
            assert_eq!(error.kind(), CodecErrorKind::Unsupported);
            assert!(error.to_string().contains("thriftpy2"), "{error}");
        }
    }
}

#[test]
fn what_is_wrong_in_a_body_is_told_to_the_caller() {
    let text = "x".repeat(1000);
    for (body, kind) in [
        (r#"{"1":]"#.to_owned(), CodecErrorKind::Malformed),
        ("[".repeat(200), CodecErrorKind::TooLarge),
        (
            format!("{{\"1\":{{\"str\":\"{text}"),
            CodecErrorKind::TooLarge,
        ),
    ] {
        let mut limits = Limits::default();
        limits.message_bytes = 600;
        let sent = format!(r#"[1,"say",1,9,{body}"#);
        for piece in [1, 7, sent.len()] {
            let mut reader = factory(|_| {}).codec(Role::Downstream, &limits);
            let mut src = BytesMut::new();
            let error = sent.as_bytes().chunks(piece).find_map(|piece| {
                src.extend_from_slice(piece);
                reader.decode(&mut src).err()
            });
            let error = error.expect("it is refused");
            assert_eq!(error.kind(), kind, "{error}");
            let request = error.message().expect("its header was there");
            assert_eq!(
                (request.id, request.get("method")),
                (WireId(9), Some("say"))
            );
        }
    }
}

#[test]
fn a_long_frame_is_refused_once_its_caller_is_known() {
    let sent = MessageBuilder::new(FRAMED, MessageType::Call, "say")
        .seqid(9)
        .string(1, &"x".repeat(1000))
        .build();
    let mut limits = Limits::default();
    limits.message_bytes = 500;
    let head = 4 + r#"[1,"say",1,9,"#.len();
    let mut reader = factory(|_| {}).codec(Role::Downstream, &limits);
    for end in 6..head {
        let decoded = reader.decode(&mut BytesMut::from(&sent[..end]));
        assert!(matches!(decoded, Ok(Decoded::Need(Some(_)))), "{decoded:?}");
    }
    let error = decode(&mut *reader, &sent[..head]).expect_err("it is long");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    assert_eq!(error.message().map(|request| request.id), Some(WireId(9)));
    assert_eq!(error.skip(), Some(sent.len() as u64));
}
