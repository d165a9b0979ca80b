//! Ids, checksums, and how connections end.

use bytes::Bytes;
use codec_thrift::wire::{Form, MessageBuilder, Parsed};
use meta_core::{
    Codec, Control, FrameBuf, LocalReply, MessageKind, Mutation, ReplyKind, Role, WireId,
};

use crate::{common::*, recorded::CONTROL};

#[test]
fn a_client_with_two_ids_finds_both() {
    let sent = call(PLAIN).seqid(300).header_id(5).build();
    for framed in [false, true] {
        let answered = form(framed, false);
        // As Kitex answers: under the message's id alone.
        let (_, back) = exchange(&sent, 9, |left| {
            let left = Parsed::read(left).expect("a call");
            assert_eq!((left.seqid, left.header_id), (9, Some(9)));
            MessageBuilder::reply(answered, "ping").seqid(9).build()
        });
        let back = Parsed::read(&back).expect("a reply");
        assert_eq!((back.seqid, back.header_id), (300, Some(5)));
    }
}

#[test]
fn multiplexed_answers_come_in_any_order() {
    let mut downstream = codec(Role::Downstream);
    let mut upstream = codec(Role::Upstream);
    let calls: Vec<_> = [70, 71, 72]
        .map(|id| {
            let sent = call(form(true, true)).seqid(id).build();
            decode(&mut *downstream, &sent).expect("a call")
        })
        .into();
    for (n, call) in calls.iter().enumerate() {
        let own = n as u64 + 1;
        encode(&mut *upstream, call, own, &Mutation::new(), None).expect("it can be written");
    }
    for own in [2, 3, 1] {
        // Kitex's answers do not say that they are multiplexed.
        let sent = reply(FRAMED).seqid(own).build();
        let answer = decode(&mut *upstream, &sent).expect("an answer");
        assert_eq!(answer.metadata.id, WireId(own as u64));
        let asked = &calls[own as usize - 1].metadata;
        let written = encode(
            &mut *downstream,
            &answer,
            asked.id.0,
            &Mutation::new(),
            Some(asked),
        );
        let expected = reply(FRAMED).seqid(69 + own).build();
        assert_eq!(written.expect("it can be written").1, expected);
    }
}

fn crc32c(bytes: &[u8]) -> String {
    let crc = bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 * (crc & 1))
        })
    });
    format!("{:08x}", !crc)
}

fn payload(bytes: &[u8]) -> &[u8] {
    let words = u16::from_be_bytes([bytes[12], bytes[13]]);
    &bytes[14 + 4 * usize::from(words)..]
}

#[test]
fn a_checksum_of_the_payload_stays_true() {
    for form in [PLAIN, FRAMED, MUX] {
        let call = call(form).string(1, "some arguments");
        let checksum = crc32c(payload(&call.build()));
        let sent = call.info("a", "b").info("crc32c", checksum).build();
        let (_, back) = exchange(&sent, 0x7654_3210, |left| {
            let found = Parsed::read(left).expect("a call");
            assert_eq!(found.seqid, 0x7654_3210);
            assert_eq!(found.info("crc32c"), Some(&*crc32c(payload(left))));
            let reply = reply(form).seqid(found.seqid).string(0, "result");
            let checksum = crc32c(payload(&reply.build()));
            reply.info("crc32c", checksum).build()
        });
        let found = Parsed::read(&back).expect("a reply");
        assert_eq!(found.seqid, 7);
        assert_eq!(found.info("crc32c"), Some(&*crc32c(payload(&back))));
    }
    // One that was wrong stays wrong.
    let sent = call(PLAIN).info("crc32c", "00000000").build();
    exchange(&sent, 9, |left| {
        let found = Parsed::read(left).expect("a call");
        assert_ne!(found.info("crc32c"), Some(&*crc32c(payload(left))));
        reply(PLAIN).seqid(9).build()
    });
}

#[test]
fn what_is_signed_is_not_changed() {
    let sent = call(PLAIN).info("PV_mine", "a signature").build();
    let message = request(&sent);
    let mut upstream = codec(Role::Upstream);
    let error = encode(&mut *upstream, &message, 9, &Mutation::new(), None);
    let error = error.expect_err("its id would change");
    assert!(error.to_string().contains("signed (PV_mine)"), "{error}");
    let written = encode(&mut *upstream, &message, 7, &Mutation::new(), None);
    assert_eq!(written.expect("it stays").1, sent);
}

#[test]
fn local_errors_come_under_both_ids_in_the_client_s_form() {
    for (form, header_id) in [(PLAIN, 5), (FRAMED, 5), (MUX, 7), (form(true, true), 7)] {
        let mut downstream = codec(Role::Downstream);
        let sent = call(form).header_id(header_id).build();
        let asked = decode(&mut *downstream, &sent).expect("a call");
        let answer = local_error(&mut *downstream, &asked.metadata);
        assert_eq!(answer[12..18], [0, 1, 0, 0, 0, 0], "an empty header");
        let found = Parsed::read(&answer).expect("a message");
        assert_eq!(found.form, form);
        assert_eq!((found.header_id, found.seqid), (Some(header_id), 7));
        assert_eq!(found.exception().map(|(kind, _)| kind), Some(6));
    }
}

fn local_error(codec: &mut dyn Codec, request: &meta_core::Metadata) -> Vec<u8> {
    let reply = LocalReply::new(ReplyKind::Timeout, "too late");
    let mut dst = FrameBuf::new();
    codec
        .on_error(request, &reply, &mut dst)
        .expect("it can be written");
    dst.to_vec()
}

/// What is written at once; the client will hear of it in any case.
fn goodbye(codec: &mut dyn Codec) -> Vec<u8> {
    let mut dst = FrameBuf::new();
    let written = codec.control(Control::Goodbye, &mut dst);
    assert!(written.expect("it can be written"));
    dst.to_vec()
}

#[test]
fn a_client_at_rest_is_told_to_go() {
    let mut downstream = codec(Role::Downstream);
    let asked = decode(&mut *downstream, &call(MUX).build()).expect("a call");
    local_error(&mut *downstream, &asked.metadata);
    assert_eq!(goodbye(&mut *downstream), CONTROL);
}

#[test]
fn a_client_that_waits_is_told_to_go_with_its_last_answer() {
    let mut downstream = codec(Role::Downstream);
    let sent: Vec<_> = [7, 8, 9].map(|id| call(MUX).seqid(id).build()).into();
    let asked: Vec<_> = sent
        .iter()
        .map(|sent| decode(&mut *downstream, sent).expect("a call").metadata)
        .collect();
    let one_way = MessageBuilder::new(MUX, codec_thrift::wire::MessageType::OneWay, "log");
    decode(&mut *downstream, &one_way.build()).expect("a one-way call");
    let mut upstream = codec(Role::Upstream);
    let (call, none) = (request(&sent[0]), Mutation::new());
    encode(&mut *upstream, &call, 7, &none, None).expect("it can be written");
    let answer = |id| decode(&mut *codec(Role::Upstream), &reply(MUX).seqid(id).build());

    let first = answer(7).expect("an answer");
    let written = encode(&mut *downstream, &first, 7, &none, Some(&asked[0]));
    assert_eq!(written.expect("it can be written").1, first.frame);
    assert_eq!(goodbye(&mut *downstream), b"");
    let second = answer(8).expect("an answer");
    let written = encode(&mut *downstream, &second, 8, &none, Some(&asked[1]));
    assert_eq!(written.expect("it can be written").1, second.frame);
    let last = local_error(&mut *downstream, &asked[2]);
    assert!(last.ends_with(CONTROL));
    // Once is enough.
    let again = decode(&mut *downstream, &sent[0]).expect("a call");
    assert!(!local_error(&mut *downstream, &again.metadata).ends_with(CONTROL));
}

#[test]
fn other_clients_are_told_to_go_with_every_answer() {
    let mut downstream = codec(Role::Downstream);
    let asked = decode(&mut *downstream, &call(FRAMED).build()).expect("a call");
    assert_eq!(goodbye(&mut *downstream), b"");
    let sent = reply(FRAMED).info("crrst", "0").info("a", "b").build();
    let answer = decode(&mut *codec(Role::Upstream), &sent).expect("an answer");
    for _ in 0..2 {
        let request = Some(&*asked.metadata);
        let written = encode(&mut *downstream, &answer, 7, &Mutation::new(), request);
        let (_, written) = written.expect("it can be written");
        assert_eq!(
            written,
            reply(FRAMED).info("crrst", "1").info("a", "b").build()
        );
        let error = local_error(&mut *downstream, &asked.metadata);
        let error = Parsed::read(&error).expect("a message");
        assert_eq!(error.info("crrst"), Some("1"));
        assert_eq!((error.header_id, error.seqid), (Some(7), 7));
    }
}

#[test]
fn a_frame_of_no_call_that_says_nothing_is_let_go() {
    let mut upstream = codec(Role::Upstream);
    let call = request(&call(MUX).build());
    encode(&mut *upstream, &call, 1, &Mutation::new(), None).expect("it can be written");
    let frame = MessageBuilder::reply(PLAIN, "none").build();
    let event = decode(&mut *upstream, &frame).expect("a frame");
    assert_eq!(event.kind(), MessageKind::Event(meta_core::Event::Other));
    // Elsewhere 0 is an id as any other.
    let reply = decode(&mut *codec(Role::Upstream), &frame).expect("a reply");
    assert_eq!(reply.kind(), MessageKind::Response);
    assert_eq!(Form::of(&reply.metadata), Some(PLAIN));
    assert_eq!(reply.frame, Bytes::from(frame));
}
