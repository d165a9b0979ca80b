//! What is refused: by name, and so that the caller hears of it.

use super::*;

const CALL: &[u8] = b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\x07\0";
const ONE_WAY: &[u8] = b"\x80\x01\0\x04\0\0\0\x01a\0\0\0\x07\0";

#[test]
fn forms_that_are_not_carried_are_named_answered_and_skipped() {
    for (area, name) in [
        (b"\x01\0\0\0", "JSON"),
        (b"\x07\0\0\0", "protocol 7"),
        (b"\0\x01\x02\0", "HMAC"),
        (b"\0\x01\x03\0", "snappy"),
        (b"\0\x01\x63\0", "transform 99"),
        (b"\0\x02\x01\x01", "zlib within zlib"),
    ] {
        let sent = frame(area, CALL);
        let mut downstream = codec(Role::Downstream);
        let error = decode(&mut *downstream, &sent).expect_err(name);
        assert_eq!(error.kind(), CodecErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.skip(), Some(sent.len() as u64));
        let request = error.message().expect("its header has an id");
        let found = on_error(request).expect("an answer");
        assert_eq!((found.seqid, found.header_id), (7, Some(7)));
        assert!(found.exception().is_some());
        decode(&mut *downstream, &frame(b"\0\0\0\0", CALL)).expect("the call behind it");
    }
}

#[test]
fn what_is_wrong_with_info_headers_is_told_by_the_call_s_name() {
    let many = [
        &b"\0\0\x01\x81\x08"[..],
        &b"\x01a\x01b".repeat(1025),
        b"\0\0\0",
    ]
    .concat();
    let long = [&b"\0\0\x01\x01\x01a\xf7\xff\x03"[..], &[b'x'; 65_531]].concat();
    for (area, why, kind) in [
        (
            &b"\0\0\x01\x01\x40abc"[..],
            "key of 64 bytes in 3 (at byte 18)",
            CodecErrorKind::Malformed,
        ),
        (
            b"\0\0\x01\xff\xff\xff\xff\x07\0\0\0\0",
            "2147483647 info headers in 4 bytes (at byte 17)",
            CodecErrorKind::Malformed,
        ),
        (
            &many,
            "more than 1024 info headers",
            CodecErrorKind::TooLarge,
        ),
        (
            &long,
            "header area of 65540 bytes",
            CodecErrorKind::TooLarge,
        ),
    ] {
        let error = decode(&mut *codec(Role::Downstream), &frame(area, CALL)).expect_err(why);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(why), "{error}");
        let request = error.message().expect("its head was there");
        assert_eq!(request.operation(), "a");
        assert_eq!(on_error(request).expect("an answer").name, "a");
        let error = decode(&mut *codec(Role::Downstream), &frame(area, ONE_WAY)).expect_err(why);
        let request = error.message().expect("its head was there");
        assert_eq!(on_error(request), None);
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_once_its_caller_is_known() {
    let sent = MessageBuilder::call(COMPACT, "Greeter:sayHello")
        .seqid(300)
        .info("tenant", "blue");
    let mut sent = sent.build();
    sent[0] = 0x01;
    let mut codec = codec(Role::Downstream);
    let header_bytes = sent.len() - 1;
    for end in 0..header_bytes {
        let decoded = codec.decode(&mut BytesMut::from(&sent[..end]));
        assert!(
            matches!(decoded, Ok(Decoded::Need(Some(_)))),
            "{end}: {decoded:?}"
        );
    }
    let error = decode(&mut *codec, &sent[..header_bytes]).expect_err("16 MiB");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    assert_eq!(error.skip(), Some((1 << 24) + sent.len() as u64));
    let request = error.message().expect("its head was there");
    assert_eq!(request.get("tenant"), Some("blue"));
    let found = on_error(request).expect("an answer");
    assert_eq!((found.seqid, found.form), (300, COMPACT));
}

#[test]
fn words_beyond_the_frame_are_not_waited_for() {
    let sent = b"\0\0\x10\0\x0f\xff\0\0\0\0\0\x07\x10\0";
    let error = decode(&mut *codec(Role::Downstream), sent).expect_err("4096 words");
    let expected = "header of 4096 words in a frame of 4100 bytes (at byte 12)";
    assert_eq!(error.to_string(), expected);
}
