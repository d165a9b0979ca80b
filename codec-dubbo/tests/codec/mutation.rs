//! What filters and routes change.

use super::*;

fn set(pairs: &[(&str, &str)]) -> Mutation {
    let mut mutation = Mutation::new();
    for (key, value) in pairs {
        mutation.set(*key, *value);
    }
    mutation
}

fn removed(key: &str) -> Mutation {
    let mut mutation = Mutation::new();
    mutation.remove(key);
    mutation
}

fn object(class: &str) -> Value {
    Value::object(class, [("name", "bolt".into())])
}

#[test]
fn argument_bytes_stay_as_they_are() {
    for form in READ {
        for argument in [
            Value::from("x".repeat(100_000)),
            object("com.example.Line"),
            7.into(),
        ] {
            let call = call(form).argument(argument);
            let written = encode(&read(&call.build()), 9, &set(&[("tag", "canary")]), None);
            let expected = call.id(9).attachment("tag", "canary").build();
            assert_eq!(
                written.expect("it can be written"),
                (Encoded::Whole, expected)
            );
        }
    }
}

#[test]
fn changes_apply_in_order() {
    for form in READ {
        let call = call(form)
            .attachment("a", "1")
            .attachment("b", "2")
            .duplicate_attachment("a", "3");
        let mut mutation = Mutation::new();
        mutation.set("b", "x");
        mutation.remove("a");
        mutation.set("c", "y");
        mutation.remove("c");
        mutation.set("b", "z");
        let (_, written) = encode(&read(&call.build()), 7, &mutation, None).expect("written");
        let read = read(&written);
        assert_eq!(read.metadata.get("a"), None);
        assert_eq!(read.metadata.get("b"), Some("z"));
        assert_eq!(read.metadata.get("c"), None);
    }
}

#[test]
fn long_and_foreign_strings_read_back() {
    for form in READ {
        let value = "😀".repeat(10_000) + "中" + &"x".repeat(100);
        let key = "schlüssel".repeat(100);
        let message = read(&call(form).build());
        let (encoded, written) =
            encode(&message, 7, &set(&[(&key, &value)]), None).expect("written");
        assert_eq!(encoded, Encoded::Whole);
        assert_eq!(read(&written).metadata.get(&key), Some(&*value));
    }
}

#[test]
fn attachments_that_are_null_or_typed_are_written_anew() {
    let front = |attachments: &[u8]| {
        let mut body = Writer::new(Serialization::Hessian2);
        for text in ["2.0.2", "a", "0.0.0", "m", ""] {
            body.string(text);
        }
        body.raw(attachments);
        read(&message(
            0xc0,
            0,
            7,
            Serialization::Hessian2,
            &body.into_bytes(),
        ))
    };
    for (before, after) in [
        (&b"N"[..], &b"H\x01k\x01vZ"[..]),
        (b"HZ", b"H\x01k\x01vZ"),
        (
            b"M\x11java.util.HashMapZ",
            b"M\x11java.util.HashMap\x01k\x01vZ",
        ),
    ] {
        let (encoded, written) =
            encode(&front(before), 7, &set(&[("k", "v")]), None).expect("written");
        assert_eq!(encoded, Encoded::Whole);
        assert!(written.ends_with(after));
        assert_eq!(read(&written).metadata.get("k"), Some("v"));
    }
}

#[test]
fn objects_among_the_attachments_stay() {
    // Its class is defined among the arguments.
    let call = call(Serialization::Hessian2)
        .argument(object("com.example.Line"))
        .attachment("line", object("com.example.Line"))
        .attachment("other", object("com.example.Other"))
        .attachment("tag", "a");
    let message = read(&call.build());
    let (encoded, written) = encode(&message, 7, &set(&[("tag", "b")]), None).expect("written");
    let expected = call.attachment("tag", "b").build();
    assert_eq!((encoded, written), (Encoded::Whole, expected));
    for form in READ {
        let call = super::call(form).attachment("line", object("com.example.Line"));
        for mutation in [removed("line"), set(&[("line", "x")])] {
            let bytes = call.build();
            let (encoded, written) = encode(&read(&bytes), 7, &mutation, None).expect("written");
            assert_eq!((encoded, written), (Encoded::WithoutMutation, bytes));
        }
    }
}

#[test]
fn a_body_that_becomes_too_long_is_refused() {
    let factory = factory(|config| config.max_payload_bytes = 400);
    let mut codec = factory.codec(Role::Downstream, &Limits::default());
    let message = read(&call(Serialization::Hessian2).build());
    let mutation = set(&[("k", &"v".repeat(300))]);
    let context = EncodeContext {
        id: WireId(7),
        mutation: &mutation,
        request: None,
    };
    codec
        .encode(&message, &context, &mut FrameBuf::new())
        .expect_err("more than the server takes");
}

#[test]
fn answers_get_attachments_where_the_client_reads_them() {
    for form in READ {
        let request = |version| read(&call(form).dubbo_version(version).build());
        let answers = [
            (ResponseBuilder::value("x"), Kind::ValueWithAttachments),
            (
                ResponseBuilder::value(object("com.example.Line")),
                Kind::ValueWithAttachments,
            ),
            (
                ResponseBuilder::exception("x"),
                Kind::ExceptionWithAttachments,
            ),
            (ResponseBuilder::null(), Kind::NullWithAttachments),
        ];
        for (answer, kind) in answers {
            let answer = answer.serialization(form);
            let bytes = answer.build();
            let mutation = set(&[("tag", "canary")]);
            for version in [Some("2.0.2"), Some("2.0.99")] {
                let request = request(version);
                let written = encode(&read(&bytes), 7, &mutation, Some(&request.metadata));
                let (encoded, written) = written.expect("written");
                assert_eq!(encoded, Encoded::Whole);
                let found = Answer::read(&written).expect("an answer");
                assert_eq!((found.id, found.kind), (7, Some(kind)));
                assert_eq!(found.attachment("tag"), Some("canary"));
                let expected = answer.clone().id(7).attachment("tag", "canary").build();
                assert_eq!(written, expected);
            }
            for version in [
                None,
                Some("2.0.1"),
                Some("2.0.100"),
                Some("2.7.0"),
                Some("3.0.0"),
            ] {
                let request = request(version);
                let written = encode(&read(&bytes), 0, &mutation, Some(&request.metadata));
                let written = written.expect("written");
                assert_eq!(written, (Encoded::WithoutMutation, bytes.clone()));
            }
            // Those that have attachments need no one's leave.
            let answer = answer.attachment("a", "b").attachment("c", "d");
            let mut mutation = set(&[("tag", "canary")]);
            mutation.remove("a");
            let written = encode(&read(&answer.build()), 7, &mutation, None);
            let found = Answer::read(&written.expect("written").1).expect("an answer");
            assert_eq!(found.kind, Some(kind));
            let attachments = [("c".into(), "d".into()), ("tag".into(), "canary".into())];
            assert_eq!(found.attachments(), attachments);
        }
    }
}

#[test]
fn what_go_leaves_behind_an_answer_stays_there() {
    let request = read(&call(Serialization::Hessian2).build());
    for (before, after) in [
        (&b"\x91\x01xN"[..], &b"\x94\x01xH\x01k\x01vZN"[..]),
        (
            b"\x94\x01xH\x01a\x01bZN",
            b"\x94\x01xH\x01a\x01b\x01k\x01vZN",
        ),
        (b"\x92N", b"\x95H\x01k\x01vZN"),
    ] {
        let answer = read(&message(0, 20, 7, Serialization::Hessian2, before));
        let written = encode(&answer, 7, &set(&[("k", "v")]), Some(&request.metadata));
        let (encoded, written) = written.expect("written");
        assert_eq!((encoded, &written[16..]), (Encoded::Whole, after));
    }
}

#[test]
fn what_has_no_attachments_is_left_alone() {
    let request = read(&call(Serialization::Hessian2).build());
    for bytes in [
        ResponseBuilder::error(40, "no").build(),
        message(0, 20, 0, Serialization::Hessian2, b"\x91\x40"),
        message(0, 20, 0, Serialization::Hessian2, b"\x96N"),
        message(0, 20, 0, Serialization::Other(7), b"\x91N"),
        message(0xc0, 0, 0, Serialization::Other(7), b"\x91N"),
        codec_dubbo::wire::ping(0),
        codec_dubbo::wire::readonly(),
    ] {
        let message = read(&bytes);
        let id = message.metadata.id.0;
        let written = encode(&message, id, &set(&[("k", "v")]), Some(&request.metadata));
        assert_eq!(written.expect("written"), (Encoded::WithoutMutation, bytes));
    }
}
