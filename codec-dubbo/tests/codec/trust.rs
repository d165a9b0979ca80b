//! What the provider would act on is what is read.

use super::*;

fn refused(call: &RequestBuilder) -> CodecError {
    decode(&mut *codec(), &call.build()).expect_err("it contradicts itself")
}

#[test]
fn attachments_that_contradict_the_body_are_refused_with_an_answer() {
    for form in READ {
        for (key, value) in [
            ("path", Value::from("com.example.Admin")),
            ("path", "".into()),
            ("path", Value::Null),
            ("path", 7.into()),
            ("version", "9.9.9".into()),
            ("version", 7.into()),
            ("group", 7.into()),
        ] {
            let call = call(form).attachment(key, value);
            let error = refused(&call);
            assert_eq!(error.skip(), Some(call.build().len() as u64));
            let request = error.message().expect("whom to answer");
            assert_eq!(
                (request.kind, request.id),
                (MessageKind::Request, WireId(7))
            );
        }
        refused(&call(form).duplicate_attachment("path", "com.example.Admin"));
        refused(&call(form).version("1.0").body_version(None));
    }
}

#[test]
fn the_attachments_count_where_the_configuration_says_so() {
    let factory = factory(|config| config.on_mismatch = OnMismatch::Attachments);
    for form in READ {
        let call = call(form)
            .attachment("path", "com.example.Admin")
            .attachment("version", "9.9.9")
            .attachment("group", "g");
        let mut lenient = factory.codec(Role::Downstream, &Limits::default());
        let message = decode(&mut *lenient, &call.build()).expect("a call");
        assert_eq!(message.metadata.get("interface"), Some("com.example.Admin"));
        assert_eq!(message.metadata.get("version"), Some("9.9.9"));
        assert_eq!(message.metadata.get("group"), Some("g"));
        assert_eq!(message.metadata.operation(), "com.example.Admin/sayHello");
        refused(&call);
        let unreadable = call.attachment("path", 7);
        decode(&mut *lenient, &unreadable.build()).expect_err("nothing to go by");
    }
}

#[test]
fn no_version_goes_by_three_names() {
    for form in READ {
        for body in [None, Some(""), Some("0.0.0")] {
            for attached in [Value::Null, "".into(), "0.0.0".into()] {
                let call = call(form)
                    .body_version(body)
                    .attachment("version", attached);
                assert_eq!(read(&call.build()).metadata.get("version"), Some("0.0.0"));
            }
        }
    }
}

#[test]
fn a_path_in_pieces_is_still_that_path() {
    // `path` as a key of two chunks, which a provider joins.
    let mut body = Writer::new(Serialization::Hessian2);
    for text in ["2.0.2", "com.example.Greeter", "0.0.0", "sayHello", ""] {
        body.string(text);
    }
    body.raw(b"HR\0\x02pa\x02th\x05AdminZ");
    let bytes = message(0xc0, 0, 7, Serialization::Hessian2, &body.into_bytes());
    decode(&mut *codec(), &bytes).expect_err("another path");
}

#[test]
fn attachments_do_not_pass_for_what_the_body_says() {
    for form in READ {
        let call = call(form)
            .attachment("interface", "com.example.Admin")
            .attachment("method", "drop")
            .attachment("dubbo_version", "9")
            .attachment("Group", "admin")
            .attachment("invoked_method", "x");
        let message = read(&call.build());
        assert_eq!(
            message.metadata.get("interface"),
            Some("com.example.Greeter")
        );
        assert_eq!(message.metadata.get("method"), Some("sayHello"));
        assert_eq!(message.metadata.get("dubbo_version"), Some("2.0.2"));
        assert_eq!(message.metadata.get("group"), None);
        assert_eq!(message.metadata.get("invoked_method"), None);
    }
}

#[test]
fn a_body_that_is_not_understood_has_no_attributes_at_all() {
    let good = call(Serialization::Hessian2).build();
    let body = &good[16..];
    let cut = &body[..body.len() - 1];
    let attachments = body
        .windows(6)
        .position(|bytes| bytes == b"H\x04path")
        .expect("a map");
    let reference = [&body[..attachments], b"Q\x90"].concat();
    let odd_key = [cut, b"\x91\x01aZ"].concat();
    let odd_descriptor = call(Serialization::Hessian2).descriptor("x").build();
    for body in [
        &[body, b"N"].concat()[..],
        cut,
        &reference,
        &odd_key,
        &odd_descriptor[16..],
        b"\x052.0.2",
        b"\x40",
    ] {
        let message = read(&message(0xc0, 0, 7, Serialization::Hessian2, body));
        assert_eq!(message.kind(), MessageKind::Request);
        assert!(message.metadata.attributes.is_empty());
        assert_eq!(message.metadata.operation(), "");
        let (_, written) = encode(&message, 7, &Mutation::new(), None).expect("it passes");
        assert_eq!(&written[16..], body);
    }
}

#[test]
fn limits_hold_for_what_is_read() {
    let nested = |depth: usize| {
        let list = (1..depth).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
        call(Serialization::Hessian2).argument(list).build()
    };
    assert_eq!(read(&nested(64)).metadata.get("method"), Some("sayHello"));
    let error = decode(&mut *codec(), &nested(65)).expect_err("too deep");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    assert!(error.message().is_some() && error.skip().is_some());

    for form in READ {
        let many = |count: usize| {
            let call = call(form).without_attachments();
            let keys = (0..count).map(|n| format!("key{n}"));
            keys.fold(call, |call, key| call.attachment(&key, ""))
                .build()
        };
        let most = Limits::default().attributes;
        read(&many(most));
        let error = decode(&mut *codec(), &many(most + 1)).expect_err("too many");
        assert_eq!(error.kind(), CodecErrorKind::TooLarge);
        let long = call(form).attachment("long", "x".repeat(65_536)).build();
        let error = decode(&mut *codec(), &long).expect_err("too long");
        assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    }
}

#[test]
fn only_true_heartbeats_are_answered() {
    let hessian = Serialization::Hessian2;
    for (flags, body, kind) in [
        (0xe0, &b"N"[..], MessageKind::Ping),
        (0xe0, b"\x01X", MessageKind::Event(meta_core::Event::Other)),
        (0xa0, b"N", MessageKind::Event(meta_core::Event::Other)),
        (0xa0, b"\x01R", MessageKind::Event(meta_core::Event::Drain)),
    ] {
        assert_eq!(read(&message(flags, 0, 1, hessian, body)).kind(), kind);
    }
}
