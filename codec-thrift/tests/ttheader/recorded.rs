//! What Kitex 0.16.3 sent, byte for byte.

use std::time::Duration;

use codec_thrift::wire::{Form, Parsed};
use meta_core::{Event, MessageKind, Mutation, Role, Status, WireId};

use crate::common::*;

/// A call without a length in the frame.
const PING: &[u8] = b"\
\x00\x00\x00\x73\x10\x00\x00\x00\x00\x00\x00\x01\x00\x16\x00\x00\x01\x00\x01\x00\x03isn\
\x00\x05Suite\x10\x00\x07\x00\x16\x00\x011\x00\x01\x00\x08unframed\x00\x0c\x00\x0520000\
\x00\x03\x00\x0einterop.client\x00\x14\x00\x00\x00\x06\x00\x05suite\x00\x09\x00\x04ping\
\x00\x00\x00\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00";

const PONG: &[u8] = b"\
\x00\x00\x00\x27\x10\x00\x00\x00\x00\x00\x00\x01\x00\x03\x00\x00\x10\x00\x01\x00\x16\x00\
\x012\x00\x00\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\x00\x01\x00";

/// The same with one.
const FRAMED_PING: &[u8] = b"\
\x00\x00\x00\x73\x10\x00\x00\x00\x00\x00\x00\x01\x00\x15\x00\x00\x01\x00\x01\x00\x03isn\
\x00\x05Suite\x10\x00\x07\x00\x0c\x00\x0520000\x00\x03\x00\x0einterop.client\x00\x14\x00\
\x00\x00\x06\x00\x05suite\x00\x09\x00\x04ping\x00\x16\x00\x011\x00\x01\x00\x06framed\x00\
\x00\x00\x00\x11\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00";

const FRAMED_PONG: &[u8] = b"\
\x00\x00\x00\x2b\x10\x00\x00\x00\x00\x00\x00\x01\x00\x03\x00\x00\x10\x00\x01\x00\x16\x00\
\x012\x00\x00\x00\x00\x00\x11\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\x00\x01\x00";

/// A multiplexed call; the answer to it is like [`PONG`], without the flag.
const MUX_PING: &[u8] = b"\
\x00\x00\x00\x73\x10\x00\x00\x01\x00\x00\x00\x01\x00\x16\x00\x00\x01\x00\x01\x00\x03isn\
\x00\x05Suite\x10\x00\x07\x00\x14\x00\x00\x00\x06\x00\x05suite\x00\x09\x00\x04ping\x00\
\x16\x00\x011\x00\x01\x00\x08unframed\x00\x0c\x00\x0520000\x00\x03\x00\x0einterop.client\
\x00\x00\x00\x80\x01\x00\x01\x00\x00\x00\x04ping\x00\x00\x00\x01\x00";

/// What a server that shuts down tells on multiplexed connections.
pub(crate) const CONTROL: &[u8] = b"\
\x00\x00\x00\x2b\x10\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x01\x00\x01\x00\x05crrst\
\x00\x011\x00\x80\x01\x00\x02\x00\x00\x00\x04none\x00\x00\x00\x00\x00";

/// A result that a server that shuts down sends on other connections.
const LAST_PONG: &[u8] = b"\
\x00\x00\x00\x33\x10\x00\x00\x00\x00\x00\x00\x02\x00\x06\x00\x00\x01\x00\x01\x00\x05crrst\
\x00\x011\x10\x00\x01\x00\x16\x00\x012\x00\x80\x01\x00\x02\x00\x00\x00\x04ping\x00\x00\
\x00\x02\x00";

/// The answer to a service that is not there.
const UNKNOWN: &[u8] = b"\
\x00\x00\x00\x73\x10\x00\x00\x00\x00\x00\x00\x07\x00\x06\x00\x00\x01\x00\x01\x00\x05crrst\
\x00\x011\x10\x00\x01\x00\x16\x00\x013\x00\x00\x00\x00\x4d\x80\x01\x00\x03\x00\x00\x00\
\x0aaddedLater\x00\x00\x00\x07\x0b\x00\x01\x00\x00\x00\x28unknown service Later, method \
addedLater\x08\x00\x02\x00\x00\x00\x14\x00";

/// A business status on a reply without a result.
const DECLINED: &[u8] = b"\
\x00\x00\x00\x8e\x10\x00\x00\x00\x00\x00\x00\x09\x00\x1b\x00\x00\x01\x00\x03\x00\x0abiz-\
status\x00\x011\x00\x0bbiz-message\x00\x17declined: na\xc3\xafve \xe6\xbc\xa2\xe5\xad\x97\
\x00\x09biz-extra\x00\x1c{\"reason\":\"\xf0\x9f\xa6\x80\",\"code\":\"1\"}\x10\x00\x01\x00\
\x16\x00\x012\x00\x00\x00\x00\x14\x80\x01\x00\x02\x00\x00\x00\x07decline\x00\x00\x00\x09\
\x00";

/// Values for one hop, for all hops, and back.
const HEADERS: &[u8] = b"\
\x00\x00\x00\xdc\x10\x00\x00\x00\x00\x00\x00\x06\x00\x24\x00\x00\x01\x00\x03\x00\x03isn\
\x00\x05Suite\x00\x10RPC_TRANSIT_once\x00\x061plain\x00\x12RPC_PERSIST_always\x00\x062plain\
\x10\x00\x07\x00\x03\x00\x0einterop.client\x00\x14\x00\x00\x00\x06\x00\x05suite\x00\x09\x00\
\x07headers\x00\x16\x00\x011\x00\x01\x00\x08unframed\x00\x0c\x00\x0520000\x00\x00\x80\x01\
\x00\x01\x00\x00\x00\x07headers\x00\x00\x00\x06\x0d\x00\x01\x0b\x0b\x00\x00\x00\x02\x00\x00\
\x00\x04back\x00\x00\x00\x063plain\x00\x00\x00\x05again\x00\x00\x00\x064plain\x00";

#[test]
fn a_call_tells_all_that_its_header_says() {
    for (sent, transport) in [
        (PING, "unframed"),
        (FRAMED_PING, "framed"),
        (MUX_PING, "unframed"),
    ] {
        let call = request(sent);
        let metadata = &call.metadata;
        assert_eq!(
            (call.kind(), metadata.id),
            (MessageKind::Request, WireId(1))
        );
        assert_eq!(metadata.timeout, Some(Duration::from_secs(20)));
        assert_eq!(metadata.operation(), "ping");
        for (key, value) in [
            ("method", "ping"),
            ("service", "Suite"),
            ("isn", "Suite"),
            ("to_method", "ping"),
            ("to_service", "suite"),
            ("from_service", "interop.client"),
            ("from_method", ""),
            ("rpc_timeout", "20000"),
            ("message_type", "1"),
            ("transport_type", transport),
            ("9", "ping"),
            ("6", "suite"),
            ("3", "interop.client"),
            ("20", ""),
        ] {
            assert_eq!(metadata.get(key), Some(value), "{key}");
        }
    }
    let values = request(HEADERS);
    assert_eq!(values.metadata.get("RPC_TRANSIT_once"), Some("1plain"));
    assert_eq!(values.metadata.get("RPC_PERSIST_always"), Some("2plain"));
}

#[test]
fn ids_are_changed_in_place_and_restored() {
    for (sent, answered) in [(PING, PONG), (FRAMED_PING, FRAMED_PONG), (MUX_PING, PONG)] {
        let (response, back) = exchange(sent, 0x0102_0304, |left| {
            let id = [1, 2, 3, 4];
            let at = left.len() - 5;
            let mut expected = sent.to_vec();
            expected[8..12].copy_from_slice(&id);
            expected[at..at + 4].copy_from_slice(&id);
            assert_eq!(left, expected);
            let mut answer = answered.to_vec();
            let at = answer.len() - 5;
            answer[8..12].copy_from_slice(&id);
            answer[at..at + 4].copy_from_slice(&id);
            answer
        });
        assert_eq!(response.metadata.id, WireId(0x0102_0304));
        assert_eq!(response.metadata.status, Status::Ok);
        assert_eq!(back, answered);
    }
}

#[test]
fn a_response_that_ends_its_connection_does_not_say_so_to_the_client() {
    let mut upstream = codec(Role::Upstream);
    for (sent, id) in [(LAST_PONG, 2), (UNKNOWN, 7)] {
        let response = decode(&mut *upstream, sent).expect("a response");
        assert!(response.metadata.ends_connection);
        let mut downstream = codec(Role::Downstream);
        let written = encode(&mut *downstream, &response, id, &Mutation::new(), None);
        let (_, written) = written.expect("it can be written");
        let (before, after) = (Parsed::read(sent), Parsed::read(&written));
        let (before, after) = (before.expect("a message"), after.expect("a message"));
        assert_eq!(before.info("crrst"), Some("1"));
        assert_eq!(after.info("crrst"), None);
        assert_eq!(after.int_info(22), before.int_info(22));
        assert_eq!((&after.name, after.seqid), (&before.name, before.seqid));
        assert_eq!(after.exception(), before.exception());
    }
    let response = decode(&mut *upstream, UNKNOWN).expect("a response");
    assert_eq!(response.metadata.status, Status::Error);
}

#[test]
fn a_business_status_is_a_failure_of_the_service() {
    let response = decode(&mut *codec(Role::Upstream), DECLINED).expect("a response");
    assert_eq!(response.metadata.status, Status::BusinessException);
    let get = |key| response.metadata.get(key);
    assert_eq!(get("biz-message"), Some("declined: naïve 漢字"));
    assert_eq!(get("biz-extra"), Some("{\"reason\":\"🦀\",\"code\":\"1\"}"));
    assert_eq!(get("message_type"), Some("2"));
}

#[test]
fn a_server_that_shuts_down_drains_a_multiplexed_connection() {
    let mut upstream = codec(Role::Upstream);
    let call = request(MUX_PING);
    encode(&mut *upstream, &call, 5, &Mutation::new(), None).expect("it can be written");
    let event = decode(&mut *upstream, CONTROL).expect("a control frame");
    assert_eq!(event.kind(), MessageKind::Event(Event::Drain));
    // The calls in flight are answered behind it.
    let mut answer = PONG.to_vec();
    answer[11] = 5;
    let response = decode(&mut *upstream, &answer).expect("a response");
    assert_eq!(
        (response.kind(), response.metadata.id),
        (MessageKind::Response, WireId(5))
    );
    assert_eq!(Form::of(&response.metadata), Some(MUX));
}
