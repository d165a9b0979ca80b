//! What is refused, and who is told.

use bytes::BytesMut;
use codec_thrift::wire::{MessageBuilder, MessageType, Parsed};
use meta_core::{
    CodecError, CodecErrorKind, FrameBuf, Limits, LocalReply, MessageKind, Mutation, ReplyKind,
    Role, WireId,
};

use crate::{common::*, reading::with_area};

fn refused(role: Role, bytes: &[u8]) -> CodecError {
    decode(&mut *codec(role), bytes).expect_err("it is to be refused")
}

/// What the caller of a refused request is told.
fn told(error: &CodecError) -> Parsed {
    let request = error.message().expect("the caller is known");
    let reply = LocalReply::new(ReplyKind::BadRequest, error.to_string());
    let mut dst = FrameBuf::new();
    let mut downstream = codec(Role::Downstream);
    downstream
        .on_error(request, &reply, &mut dst)
        .expect("it can be written");
    Parsed::read(&dst.to_vec()).expect("a message")
}

#[test]
fn what_is_not_carried_is_named() {
    let with_flags = |flags: u8| {
        let mut bytes = call(PLAIN).build();
        bytes[7] = flags;
        bytes
    };
    let with_protocol = |protocol: u8| {
        let mut bytes = call(PLAIN).build();
        bytes[14] = protocol;
        bytes
    };
    for (bytes, name, offset) in [
        (with_flags(0x02), "TTStream", 6),
        (with_flags(0x03), "TTStream", 6),
        (with_flags(0x08), "reverse", 6),
        (with_flags(0x10), "SASL", 6),
        (with_protocol(0x10), "TTStream", 14),
        (with_protocol(0x11), "TTStream", 14),
        (b"\xff\xaf\0\x04\0\0\0\0".to_vec(), "mesh header", 0),
        (b"PRI * HTTP/2.0\r\n\r\n".to_vec(), "gRPC", 0),
    ] {
        let error = refused(Role::Downstream, &bytes);
        assert_eq!(error.kind(), CodecErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.offset(), Some(offset), "{error}");
        assert!(error.message().is_none(), "nobody could read the answer");
    }
    // Once the connection is known, it is told by the first bytes.
    let mut downstream = codec(Role::Downstream);
    decode(&mut *downstream, &call(PLAIN).build()).expect("a call");
    let error = decode(&mut *downstream, &with_flags(2)[..8]).expect_err("a stream");
    assert_eq!(error.kind(), CodecErrorKind::Unsupported);
}

#[test]
fn unknown_flags_and_protocols_pass() {
    let mut bytes = call(PLAIN).build();
    bytes[6..8].copy_from_slice(&[0x40, 0x04]);
    bytes[14] = 3;
    assert_eq!(request(&bytes).frame, bytes);
}

#[test]
fn a_protobuf_call_is_answered_and_skipped() {
    let message = call(FRAMED).info("a", "b").int_info(9, "ping");
    let magic = |bytes: &[u8]| bytes.windows(2).rposition(|two| two == [0x80, 1]);
    let mut bytes = message.clone().int_info(22, "1").build();
    let at = magic(&bytes).expect("a message");
    bytes[at] = 0x90;
    let error = refused(Role::Downstream, &bytes);
    assert_eq!(error.kind(), CodecErrorKind::Unsupported);
    assert!(error.to_string().contains("Protobuf"), "{error}");
    assert_eq!(error.skip(), Some(bytes.len() as u64));
    let answer = told(&error);
    assert_eq!(
        (answer.name.as_str(), answer.seqid, answer.header_id),
        ("ping", 7, Some(7))
    );

    let mut bytes = message.int_info(22, "4").build();
    let at = magic(&bytes).expect("a message");
    bytes[at] = 0x90;
    let error = refused(Role::Downstream, &bytes);
    let kind = error.message().map(|message| message.kind);
    assert_eq!(kind, Some(MessageKind::OneWay));
}

#[test]
fn what_is_wrong_with_a_header_is_told_to_its_caller() {
    let named = |area: &[u8]| with_area(area, &call(PLAIN));
    let most = Limits::default().attributes;
    let count = u16::try_from(most + 1).unwrap().to_be_bytes();
    let many = [&[0, 0, 0x10][..], &count, &[0, 40, 0, 0].repeat(most + 1)].concat();
    let large = [
        &[0, 0, 1, 0, 1, 0, 1, b'a', 0xff, 0xff],
        &[b'x'; 0xffff][..],
    ]
    .concat();
    for (area, kind, detail) in [
        (
            &b"\0\0\x02\0\0\0"[..],
            CodecErrorKind::Malformed,
            "info block 0x02",
        ),
        (
            b"\0\0\x01\0\x02\0\x01a\0\x01b",
            CodecErrorKind::Malformed,
            "(at byte",
        ),
        (
            &many,
            CodecErrorKind::TooLarge,
            &format!("more than {most} pairs"),
        ),
        (
            &large,
            CodecErrorKind::TooLarge,
            "TTHeader of 65548 bytes is over the limit of 65536",
        ),
    ] {
        let bytes = named(area);
        let error = refused(Role::Downstream, &bytes);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(detail), "{error}");
        assert_eq!(error.skip(), Some(bytes.len() as u64), "{error}");
        let answer = told(&error);
        assert_eq!((answer.name.as_str(), answer.seqid), ("ping", 7), "{error}");
        // An answer like it fails its call alone.
        let error = refused(Role::Upstream, &with_area(area, &reply(PLAIN)));
        let message = error.message().expect("the call is known");
        assert_eq!(
            (message.kind, message.id),
            (MessageKind::Response, WireId(7))
        );
    }
}

#[test]
fn a_multiplexed_call_has_one_id() {
    let two = call(MUX).header_id(8).build();
    let error = refused(Role::Downstream, &two);
    assert_eq!(error.kind(), CodecErrorKind::Refused);
    assert_eq!(error.skip(), Some(two.len() as u64));
    assert!(error.to_string().contains("id 8"), "{error}");
    assert_eq!(told(&error).header_id, Some(8));
}

#[test]
fn a_multiplexed_answer_that_cannot_be_read_fails_its_call_alone() {
    let mut upstream = codec(Role::Upstream);
    let sent = request(&call(MUX).build());
    encode(&mut *upstream, &sent, 5, &Mutation::new(), None).expect("it can be written");
    // Servers may leave the message's id out of an exception.
    let answer = MessageBuilder::new(PLAIN, MessageType::Exception, "ping").header_id(5);
    let bytes = with_area(b"\0\0\x02", &answer);
    let error = decode(&mut *upstream, &bytes).expect_err("an unknown block");
    let message = error.message().expect("the call is known");
    assert_eq!(
        (message.kind, message.id),
        (MessageKind::Response, WireId(5))
    );
    assert_eq!(error.skip(), Some(bytes.len() as u64));
}

#[test]
fn a_payload_that_contradicts_its_frame_is_refused() {
    let bytes = call(FRAMED).string(1, "smuggled").build();
    let at = 14 + 4 * usize::from(bytes[13]);
    for wrong in [-1, 1] {
        let mut bytes = bytes.clone();
        bytes[at + 3] = bytes[at + 3].wrapping_add_signed(wrong);
        let error = refused(Role::Downstream, &bytes);
        assert_eq!(
            (error.kind(), error.offset()),
            (CodecErrorKind::Malformed, Some(at))
        );
        assert!(error.to_string().contains("left of the frame"), "{error}");
    }
}

#[test]
fn a_frame_over_the_limit_is_answered_and_skipped_with_its_pairs_known() {
    let sent = call(FRAMED)
        .info("isn", "Suite")
        .int_info(9, "ping")
        .string(1, &"x".repeat(5000))
        .build();
    let mut limits = Limits::default();
    limits.message_bytes = 4000;
    let mut downstream = factory().codec(Role::Downstream, &limits);
    for end in 0..100 {
        let mut src = BytesMut::from(&sent[..end]);
        if let Err(error) = downstream.decode(&mut src) {
            assert_eq!(error.kind(), CodecErrorKind::TooLarge);
            assert_eq!(error.skip(), Some(sent.len() as u64));
            let call = error.message().expect("the caller is known");
            assert_eq!(call.get("service"), Some("Suite"));
            assert_eq!(call.get("to_method"), Some("ping"));
            assert_eq!(told(&error).name, "ping");
            return;
        }
    }
    panic!("it waits for the body");
}

#[test]
fn other_messages_on_the_connection_are_read_or_named() {
    let mut downstream = codec(Role::Downstream);
    decode(&mut *downstream, &call(PLAIN).build()).expect("a call");
    let framed = codec_thrift::wire::Form::new(
        codec_thrift::wire::Transport::Framed,
        codec_thrift::wire::Protocol::Binary,
    );
    let plain = MessageBuilder::new(framed, MessageType::Call, "ping").build();
    decode(&mut *downstream, &plain).expect("Kitex takes it");
    let error = decode(&mut *downstream, b"\0\0\0\x20\x0f\xff\0\0\0\0\0\0\0\0\0\0");
    let error = error.expect_err("THeader");
    assert!(error.to_string().contains("THeader"), "{error}");
    let error = decode(&mut *downstream, b"GET / HTTP/1.1\r\n\r\n").expect_err("HTTP");
    assert!(error.to_string().contains("HTTP"), "{error}");
}
