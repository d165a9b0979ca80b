//! What is told of a message.

use std::time::Duration;

use codec_thrift::wire::{Form, MessageBuilder, Protocol, Transport};
use meta_core::{Role, Sharing, Status};

use crate::common::*;

#[test]
fn only_a_number_of_milliseconds_is_a_deadline() {
    for (value, timeout) in [
        ("1500", Some(Duration::from_millis(1500))),
        ("0", None),
        ("", None),
        ("-1", None),
        ("1s", None),
        ("99999999999999999999", None),
    ] {
        let call = request(&call(PLAIN).int_info(12, value).build());
        assert_eq!(call.metadata.timeout, timeout, "{value}");
        assert_eq!(call.metadata.get("rpc_timeout"), Some(value));
    }
    let reply = reply(PLAIN).int_info(12, "1500").build();
    let reply = decode(&mut *codec(Role::Upstream), &reply).expect("a reply");
    assert_eq!(reply.metadata.timeout, None);
}

#[test]
fn only_a_number_other_than_0_is_a_business_failure() {
    for (value, status) in [
        ("1", Status::BusinessException),
        ("-7", Status::BusinessException),
        ("0", Status::Ok),
        ("", Status::Ok),
        ("failed", Status::Ok),
    ] {
        let reply = reply(FRAMED).info("biz-status", value).build();
        let reply = decode(&mut *codec(Role::Upstream), &reply).expect("a reply");
        assert_eq!(reply.metadata.status, status, "{value}");
    }
}

#[test]
fn the_message_says_which_method_of_which_service_is_called() {
    let lying = call(PLAIN)
        .info("method", "a")
        .info("Service", "b")
        .info("TO_METHOD", "c")
        .info("9", "d")
        .build();
    let metadata = request(&lying).metadata;
    assert_eq!(metadata.get("method"), Some("ping"));
    for key in ["service", "to_method", "9"] {
        assert_eq!(metadata.get(key), None, "{key}");
    }
    let named = MessageBuilder::call(PLAIN, "Mine:ping").info("isn", "Other");
    let metadata = request(&named.build()).metadata;
    assert_eq!(metadata.get("service"), Some("Mine"));
    assert_eq!(metadata.get("isn"), Some("Other"));
}

#[test]
fn the_last_of_equal_keys_holds() {
    let sent = call(PLAIN)
        .info("key", "first")
        .info("key", "last")
        .int_info(12, "1")
        .int_info(12, "2")
        .build();
    let metadata = request(&sent).metadata;
    assert_eq!(metadata.get("key"), Some("last"));
    assert_eq!(metadata.get("rpc_timeout"), Some("2"));
    assert_eq!(metadata.timeout, Some(Duration::from_millis(2)));
}

#[test]
fn blocks_come_in_any_number_and_order_and_the_token_is_not_told() {
    let area = b"\0\x02\x77\x88\x10\0\x01\0\x09\0\x04ping\0\0\0\x11\0\x06secret\
        \x01\0\x01\0\x01a\0\x01b\x10\0\x01\0\x06\0\x02to\x01\0\0\x01\0\x01\0\x01c\0\x01d\0";
    let sent = with_area(area, &call(PLAIN));
    let metadata = request(&sent).metadata;
    for (key, value) in [
        ("to_method", "ping"),
        ("a", "b"),
        ("to_service", "to"),
        ("c", "d"),
    ] {
        assert_eq!(metadata.get(key), Some(value), "{key}");
    }
    assert!(!format!("{metadata:?}").contains("secret"));
}

/// The message with another header area.
pub(crate) fn with_area(area: &[u8], message: &MessageBuilder) -> Vec<u8> {
    let bytes = message.build();
    let end = 14 + 4 * usize::from(u16::from_be_bytes([bytes[12], bytes[13]]));
    let mut area = area.to_vec();
    area.resize(area.len().next_multiple_of(4), 0);
    let length = 10 + area.len() + bytes.len() - end;
    let mut out = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    out.extend(&bytes[4..12]);
    out.extend(u16::try_from(area.len() / 4).unwrap().to_be_bytes());
    out.extend(area);
    out.extend(&bytes[end..]);
    out
}

#[test]
fn an_answer_may_come_without_a_header_or_framed_otherwise() {
    let form = |transport| Form::new(transport, Protocol::Binary);
    for (asked, answered, reads) in [
        (PLAIN, FRAMED, true),
        (FRAMED, PLAIN, true),
        (FRAMED, form(Transport::Framed), true),
        (FRAMED, form(Transport::Unframed), true),
        (
            PLAIN,
            Form::new(
                Transport::TtHeader {
                    framed: false,
                    mux: false,
                },
                Protocol::Compact,
            ),
            false,
        ),
        (MUX, form(Transport::Unframed), false),
        (form(Transport::Framed), FRAMED, false),
    ] {
        let mut downstream = codec(Role::Downstream);
        let mut upstream = codec(Role::Upstream);
        let asking = decode(&mut *downstream, &call(asked).build()).expect("a call");
        encode(&mut *upstream, &asking, 9, &Default::default(), None).expect("it can be written");
        let reply = MessageBuilder::reply(answered, "ping").seqid(9).build();
        let Ok(reply) = decode(&mut *upstream, &reply) else {
            assert!(!reads, "{asked} answered in {answered} cannot be read");
            continue;
        };
        assert_eq!(reply.metadata.id.0, 9);
        let asked_of = Some(&*asking.metadata);
        let written = encode(&mut *downstream, &reply, 7, &Default::default(), asked_of);
        match written {
            Ok((_, bytes)) if reads => {
                assert_eq!(
                    bytes,
                    MessageBuilder::reply(answered, "ping").seqid(7).build()
                );
            }
            written => assert!(!reads && written.is_err(), "{asked} answered in {answered}"),
        }
    }
}

#[test]
fn multiplexed_connections_are_shared() {
    let factory = factory();
    for (form, sharing) in [
        (PLAIN, Sharing::Exclusive),
        (FRAMED, Sharing::Exclusive),
        (MUX, Sharing::Shared),
        (form(true, true), Sharing::Shared),
    ] {
        let call = request(&call(form).build());
        assert_eq!(Form::of(&call.metadata), Some(form));
        assert_eq!(factory.sharing(call.metadata.form), sharing, "{form}");
    }
}
