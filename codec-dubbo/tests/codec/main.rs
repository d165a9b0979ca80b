//! What users of the codec notice, beyond the rules of the kit.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use codec_dubbo::{
    Dubbo, DubboConfig, OnMismatch,
    wire::{Answer, Kind, RequestBuilder, ResponseBuilder, Serialization, Value, Writer, message},
};
use meta_core::{
    Codec, CodecError, CodecErrorKind, CodecFactory, Decoded, EncodeContext, Encoded, Extension,
    FrameBuf, Limits, LocalReply, Message, MessageKind, Metadata, Mutation, ReplyKind, Role,
    Status, WireId,
};

mod mutation;
mod trust;

const READ: [Serialization; 2] = [Serialization::Hessian2, Serialization::Fastjson2];

fn factory(change: impl FnOnce(&mut DubboConfig)) -> Arc<dyn CodecFactory> {
    let mut config = DubboConfig::default();
    change(&mut config);
    Dubbo.configure(config).expect("a good configuration")
}

fn codec() -> Box<dyn Codec> {
    factory(|_| {}).codec(Role::Downstream, &Limits::default())
}

fn decode(codec: &mut dyn Codec, bytes: &[u8]) -> Result<Message, CodecError> {
    match codec.decode(&mut BytesMut::from(bytes))? {
        Decoded::Message(message) => Ok(message),
        Decoded::Need(need) => panic!("needs {need:?} bytes of {}", bytes.len()),
    }
}

fn read(bytes: &[u8]) -> Message {
    decode(&mut *codec(), bytes).expect("a whole message")
}

fn encode(
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
    let encoded = codec().encode(message, &context, &mut dst)?;
    Ok((encoded, dst.to_vec()))
}

fn call(form: Serialization) -> RequestBuilder {
    RequestBuilder::new("com.example.Greeter", "sayHello")
        .serialization(form)
        .id(7)
        .argument("world")
}

#[test]
fn a_call_from_the_wire_is_read() {
    // As recorded from a consumer of 2.7.
    let mut body =
        b"\x052.0.2\x13com.example.Greeter\x050.0.0\x08sayHello\x12Ljava/lang/String;".to_vec();
    body.extend(b"\x05worldH\x04path\x13com.example.Greeter\x12remote.application\x08consumer");
    body.extend(b"\x09interface\x13com.example.Greeter\x07version\x050.0.0\x07timeout\x043000Z");
    let mut bytes = b"\xda\xbb\xc2\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.push(u8::try_from(body.len()).expect("a short body"));
    bytes.extend(body);
    let message = read(&bytes);
    let metadata = &message.metadata;
    assert_eq!(metadata.kind, MessageKind::Request);
    assert_eq!(metadata.operation(), "com.example.Greeter/sayHello");
    assert_eq!(metadata.timeout, Some(Duration::from_secs(3)));
    let pairs: Vec<_> = metadata.attributes.iter().collect();
    let expected = [
        ("path", "com.example.Greeter"),
        ("remote.application", "consumer"),
        ("timeout", "3000"),
        ("dubbo_version", "2.0.2"),
        ("version", "0.0.0"),
        ("method", "sayHello"),
        ("interface", "com.example.Greeter"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn a_call_reads_the_same_however_often_it_comes() {
    for form in READ {
        let mut codec = codec();
        let mut first = None;
        for n in 0..6 {
            let argument = "x".repeat(n * 1500);
            let call = call(form)
                .id(n as u64)
                .attachment("timeout", "50")
                .attachment("group", "blue")
                .attachment("sys_callback_arg-1", "1")
                .argument(argument);
            let bytes = call.build();
            let message = decode(&mut *codec, &bytes).expect("a call");
            let metadata = &message.metadata;
            assert_eq!(metadata.id, WireId(n as u64));
            assert!(metadata.binds_session);
            assert_eq!(metadata.timeout, Some(Duration::from_millis(50)));
            let pairs: Vec<(String, String)> = metadata
                .attributes
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            let seen = (pairs, metadata.operation().into_owned());
            assert_eq!(first.get_or_insert_with(|| seen.clone()), &seen);

            let mut mutation = Mutation::new();
            mutation.set("tag", "canary");
            let (_, written) = encode(&message, 9, &mutation, None).expect("it can be written");
            assert_eq!(written, call.id(9).attachment("tag", "canary").build());
        }
    }
}

proptest::proptest! {
    #[test]
    fn calls_that_come_again_read_and_change_as_at_first(
        method in "[a-zü$]{1,40}",
        keys in proptest::collection::vec(("[a-z中]{0,40}", "(\\PC|[a-z]){0,40}"), 0..8),
        objects in proptest::bool::ANY,
        fastjson in proptest::bool::ANY,
    ) {
        let mut call = RequestBuilder::new("com.example.Greeter", method)
            .serialization(READ[usize::from(fastjson)])
            .argument(Value::object("com.example.A", [("a", 1.into())]));
        for (key, value) in &keys {
            call = call.attachment(&format!("x{key}"), &**value);
        }
        if objects {
            call = call.attachment("object", Value::object("com.example.A", [("a", 1.into())]));
        }
        let mut first = None;
        for n in 0..5 {
            let bytes = call.clone().argument("x".repeat(n)).id(n as u64).build();
            let message = read(&bytes);
            let metadata = &message.metadata;
            let pairs = metadata.attributes.iter();
            let pairs: Vec<_> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let seen = (pairs, metadata.operation().into_owned(), metadata.timeout);
            assert_eq!(first.get_or_insert_with(|| seen.clone()), &seen);
            for (key, value) in &keys {
                let last = keys.iter().rev().find(|(other, _)| other == key);
                let expected = last.map(|(_, value)| &**value);
                assert_eq!(metadata.get(&format!("x{key}")), expected, "{value}");
            }
            let mut mutation = Mutation::new();
            mutation.set("tag", "canary");
            let (_, written) = encode(&message, 3, &mutation, None).expect("it can be written");
            let expected = call.clone().argument("x".repeat(n)).id(3).attachment("tag", "canary");
            assert_eq!(written, expected.build());
        }
    }
}

#[test]
fn calls_keep_to_the_limits_of_their_own_codec() {
    let bytes = call(Serialization::Hessian2)
        .attachment("read", "by others")
        .build();
    read(&bytes);
    let mut limits = Limits::default();
    limits.attributes = 3;
    let mut strict = factory(|_| {}).codec(Role::Downstream, &limits);
    decode(&mut *strict, &bytes).expect_err("too many attachments");
    limits = Limits::default();
    limits.header_bytes = 100;
    let mut strict = factory(|_| {}).codec(Role::Downstream, &limits);
    decode(&mut *strict, &bytes).expect_err("too many bytes of them");
}

#[test]
fn attachments_of_any_length_are_read_and_those_behind_them() {
    for form in READ {
        for length in [0, 1, 31, 32, 47, 48, 127, 128, 255, 256, 1023, 1024, 40_000] {
            for unit in ["x", "ü", "中", "😀"] {
                let value = unit.repeat(length);
                let bytes = call(form)
                    .attachment("long", &*value)
                    .attachment("number", 7)
                    .attachment("short", "a")
                    .attachment(unit, unit)
                    .build();
                let mut limits = Limits::default();
                limits.header_bytes = 1 << 20;
                let mut codec = factory(|_| {}).codec(Role::Downstream, &limits);
                let message = decode(&mut *codec, &bytes).expect("a call");
                let metadata = &message.metadata;
                assert_eq!(metadata.get("long"), Some(&*value), "{length} of {unit}");
                assert_eq!(metadata.get("number"), None);
                assert_eq!(metadata.get("short"), Some("a"), "{length} of {unit}");
                assert_eq!(metadata.get(unit), Some(unit));
            }
        }
    }
}

#[test]
fn timeouts_come_as_strings_and_as_numbers() {
    for form in READ {
        for (timeout, expected) in [
            (Value::from("1500"), Some(1500)),
            (1500.into(), Some(1500)),
            (1500_i64.into(), Some(1500)),
            ("0".into(), None),
            ("-1".into(), None),
            ("soon".into(), None),
            (true.into(), None),
            (Value::Null, None),
        ] {
            let bytes = call(form).attachment("timeout", timeout.clone()).build();
            let expected = expected.map(Duration::from_millis);
            assert_eq!(read(&bytes).metadata.timeout, expected, "{timeout:?}");
        }
    }
}

#[test]
fn strings_of_every_length_are_read() {
    for form in READ {
        for length in [0, 1, 31, 32, 47, 48, 1023, 1024, 2047, 2048, 40_000] {
            for unit in ["x", "ü", "中", "😀"] {
                let text = unit.repeat(length / unit.len());
                let bytes = call(form)
                    .argument(&*text)
                    .attachment("text", &*text)
                    .build();
                let message = read(&bytes);
                assert_eq!(
                    message.metadata.get("text"),
                    Some(&*text),
                    "{form:?} {length}"
                );
            }
        }
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    for form in READ {
        let call = call(form)
            .attachment("tag", "a")
            .duplicate_attachment("tag", "b");
        assert_eq!(read(&call.build()).metadata.get("tag"), Some("b"));
    }
}

#[test]
fn generic_calls_are_not_taken_for_earlier_ones() {
    for form in READ {
        let generic = |name: Value| {
            let call = RequestBuilder::new("com.example.Greeter", "$invoke")
                .serialization(form)
                .descriptor("Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;");
            call.argument(name)
                .argument(Value::List(Vec::new()))
                .argument(Value::List(Vec::new()))
                .build()
        };
        for _ in 0..4 {
            let unnamed = read(&generic(Value::Null));
            assert_eq!(unnamed.metadata.get("method"), Some("$invoke"));
        }
        let named = read(&generic("sayHello".into()));
        assert_eq!(named.metadata.get("method"), Some("sayHello"));
    }
}

#[test]
fn generic_calls_go_by_the_method_they_are_for() {
    for form in READ {
        for name in ["$invoke", "$invokeAsync"] {
            let generic = |first: Value| {
                let call = RequestBuilder::new("com.example.Greeter", name)
                    .serialization(form)
                    .descriptor("Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;")
                    .argument(first)
                    .argument(Value::List(vec![]))
                    .argument(Value::List(vec![]));
                read(&call.build())
            };
            let message = generic("sayHello".into());
            assert_eq!(message.metadata.get("method"), Some("sayHello"));
            assert_eq!(message.metadata.get("invoked_method"), Some(name));
            for unreadable in [Value::Null, 7.into(), "".into()] {
                let message = generic(unreadable);
                assert_eq!(message.metadata.get("method"), Some(name));
                assert_eq!(message.metadata.get("invoked_method"), None);
            }
        }
        let echo = RequestBuilder::new("com.example.Greeter", "$echo")
            .serialization(form)
            .descriptor("Ljava/lang/Object;")
            .argument("ping");
        assert_eq!(read(&echo.build()).metadata.get("method"), Some("$echo"));
    }
}

#[test]
fn a_body_over_the_payload_is_refused_by_its_header() {
    let factory = factory(|config| config.max_payload_bytes = 200);
    let mut codec = factory.codec(Role::Downstream, &Limits::default());
    for (flags, kind) in [
        (0xc0, MessageKind::Request),
        (0x80, MessageKind::OneWay),
        (0x00, MessageKind::Response),
    ] {
        let fits = message(flags, 20, 7, Serialization::Hessian2, &[b'N'; 200]);
        decode(&mut *codec, &fits).expect("just fits");
        let over = message(flags, 20, 7, Serialization::Hessian2, &[b'N'; 201]);
        let error = decode(&mut *codec, &over[..16]).expect_err("too large");
        assert_eq!(error.kind(), CodecErrorKind::TooLarge);
        assert_eq!(error.skip(), Some(217));
        let about = error.message().expect("whom it is about");
        assert_eq!((about.kind, about.id), (kind, WireId(7)));
    }
}

#[test]
fn every_local_reply_has_the_status_that_clients_know() {
    let request = read(&call(Serialization::Fastjson2).build());
    for (kind, status) in [
        (ReplyKind::Timeout, 31),
        (ReplyKind::NoRoute, 60),
        (ReplyKind::UnknownCluster, 60),
        (ReplyKind::BadRequest, 40),
        (ReplyKind::TooLarge, 40),
        (ReplyKind::Overflow, 100),
        (ReplyKind::RateLimited, 100),
        (ReplyKind::UpstreamReset, 35),
        (ReplyKind::BadResponse, 50),
        (ReplyKind::Denied, 70),
        (ReplyKind::Internal, 80),
    ] {
        let reply = LocalReply::new(kind, "überall 😀");
        let mut dst = FrameBuf::new();
        codec()
            .on_error(&request.metadata, &reply, &mut dst)
            .expect("a reply");
        let answer = Answer::read(&dst.to_vec()).expect("a response");
        assert_eq!((answer.id, answer.status), (7, status));
        assert_eq!(answer.serialization, Serialization::Hessian2);
        assert_eq!(answer.error, Some(reply.to_string()));
    }
}

#[test]
fn nobody_but_a_waiting_caller_is_told() {
    let reply = LocalReply::new(ReplyKind::NoRoute, "nowhere");
    let one_way = call(Serialization::Hessian2).one_way().build();
    let answer = ResponseBuilder::null().build();
    for bytes in [one_way, answer, codec_dubbo::wire::ping(1)] {
        let mut dst = FrameBuf::new();
        let message = read(&bytes);
        codec()
            .on_error(&message.metadata, &reply, &mut dst)
            .expect("nothing");
        assert!(dst.is_empty());
    }
}

#[test]
fn answers_tell_how_the_call_ended() {
    for form in READ {
        let answers = [
            (ResponseBuilder::value("x"), Status::Ok),
            (ResponseBuilder::null(), Status::Ok),
            (ResponseBuilder::exception("x"), Status::BusinessException),
            (ResponseBuilder::error(31, "x"), Status::Error),
        ];
        for (answer, status) in answers {
            let answer = answer.serialization(form);
            assert_eq!(read(&answer.build()).metadata.status, status);
            if status != Status::Error {
                let answer = answer.with_attachments();
                assert_eq!(read(&answer.build()).metadata.status, status);
            }
        }
    }
}

#[test]
fn unlike_serializations_share_a_connection() {
    let java = message(0xc0, 0, 3, Serialization::Other(7), b"\xac\xed\0\x05");
    let all = [
        call(Serialization::Hessian2).id(1).build(),
        call(Serialization::Fastjson2).id(2).build(),
        java,
        codec_dubbo::wire::ping(4),
        call(Serialization::Hessian2).id(5).build(),
    ];
    let mut src = BytesMut::from(&all.concat()[..]);
    let mut codec = codec();
    for id in 1..=5 {
        let Ok(Decoded::Message(message)) = codec.decode(&mut src) else {
            panic!("a whole message");
        };
        assert_eq!(message.metadata.id, WireId(id));
        let is_read = matches!(id, 1 | 2 | 5);
        assert_eq!(message.metadata.get("method").is_some(), is_read, "{id}");
    }
    assert!(src.is_empty());
}

#[test]
fn a_server_s_callback_is_a_request_like_any_other() {
    let callback = RequestBuilder::new("com.example.Listener", "changed")
        .body_version(None)
        .attachment("callback.service.instid", "1234")
        .attachment("version", "0.0.0");
    let message = read(&callback.build());
    assert_eq!(message.kind(), MessageKind::Request);
    assert!(!message.metadata.binds_session);
    assert_eq!(message.metadata.get("version"), Some("0.0.0"));
    assert_eq!(
        message.metadata.get("callback.service.instid"),
        Some("1234")
    );
}
